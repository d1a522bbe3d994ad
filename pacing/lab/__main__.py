"""`python -m pacing.lab`: simulate days and print what they came to."""

import argparse
from dataclasses import replace
from pathlib import Path

from pacing.lab import report
from pacing.lab.day import TARGET
from pacing.lab.result import Result
from pacing.lab.runs import EVERY, cells
from pacing.lab.scenario import SCENARIOS


def main(arguments: list[str] | None = None) -> list[Result]:
    """Read the options, run, print; the days."""
    known = argparse.ArgumentParser(prog="python -m pacing.lab", description=__doc__)
    known.add_argument("--agents", default="5", help="team sizes, with commas")
    known.add_argument("--scenario", default="constant-25", help=f"with commas, or all: {', '.join(SCENARIOS)}")
    known.add_argument("--pacer", default="cadenza", help=f"with commas, or all: {', '.join(EVERY)}")
    known.add_argument("--seeds", type=int, default=4, help="days of each cell")
    known.add_argument("--first-seed", type=int, default=1)
    known.add_argument("--hours", type=float, help="length of the day, in place of the scenario's")
    known.add_argument("--processes", type=int, choices=(1, 2), default=1)
    known.add_argument("--report", type=Path, help="folder for CSV and pictures")
    given = known.parse_args(arguments)
    scenarios = [SCENARIOS[name] for name in _names(given.scenario, list(SCENARIOS))]
    if given.hours is not None:
        scenarios = [replace(scenario, seconds=given.hours * 3600.0) for scenario in scenarios]
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    teams = [int(agents) for agents in given.agents.split(",")]
    chosen = cells(scenarios, teams, _names(given.pacer, list(EVERY)), seeds)
    results = report.simulate(chosen, given.processes, print)
    if given.report:
        report.write(results, given.report, TARGET.max_abandonment)
    return results


def _names(given: str, every: list[str]) -> list[str]:
    return every if given == "all" else given.split(",")


if __name__ == "__main__":
    main()
