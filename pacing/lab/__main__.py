"""`python -m pacing.lab`: simulate days and print what they came to."""

import argparse
from pathlib import Path

from pacing.lab import report
from pacing.lab.pacers import PACERS
from pacing.lab.runs import cells
from pacing.lab.scenario import SCENARIOS
from pacing.lab.table import OPTIMUM


def main(arguments: list[str] | None = None) -> None:
    """Read the options, run, print."""
    known = argparse.ArgumentParser(prog="python -m pacing.lab", description=__doc__)
    known.add_argument("--agents", default="5", help="team sizes, with commas")
    known.add_argument("--scenario", default="constant-25", help=f"with commas, or all: {', '.join(SCENARIOS)}")
    known.add_argument("--pacer", default="cadenza", help=f"with commas, or all: {', '.join([OPTIMUM, *PACERS])}")
    known.add_argument("--seeds", type=int, default=4, help="days of each cell")
    known.add_argument("--first-seed", type=int, default=1)
    known.add_argument("--hours", type=float, help="length of the day, in place of the scenario's")
    known.add_argument("--processes", type=int, choices=(1, 2), default=1)
    known.add_argument("--report", type=Path, help="folder for CSV and pictures")
    given = known.parse_args(arguments)
    results = report.simulate(
        cells(
            _names(given.scenario, list(SCENARIOS)),
            [int(agents) for agents in given.agents.split(",")],
            _names(given.pacer, [OPTIMUM, *PACERS]),
            range(given.first_seed, given.first_seed + given.seeds),
            given.hours,
        ),
        given.processes,
        print,
    )
    if given.report:
        report.write(results, given.report)


def _names(given: str, every: list[str]) -> list[str]:
    return every if given == "all" else given.split(",")


if __name__ == "__main__":
    main()
