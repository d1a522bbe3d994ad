"""`python -m pacing.lab`: simulate days and print what they came to."""

import argparse
from itertools import product

from pacing.lab.day import TARGET
from pacing.lab.pacers import PACERS
from pacing.lab.runs import OPTIMUM, Cell, run_all
from pacing.lab.scenario import SCENARIOS
from pacing.lab.table import HEAD, rows, text


def main() -> None:
    """Read the options, run, print."""
    options = argparse.ArgumentParser(prog="python -m pacing.lab", description=__doc__)
    options.add_argument("--agents", default="5", help="team sizes, with commas")
    options.add_argument("--scenario", default="constant-25", help=f"with commas, or all: {', '.join(SCENARIOS)}")
    options.add_argument("--pacer", default="cadenza", help=f"with commas, or all: {', '.join([OPTIMUM, *PACERS])}")
    options.add_argument("--seeds", type=int, default=4, help="days of each cell")
    options.add_argument("--first-seed", type=int, default=1)
    options.add_argument("--hours", type=float, default=None, help="length of the day, in place of the scenario's")
    options.add_argument("--processes", type=int, default=1)
    given = options.parse_args()
    seeds = tuple(range(given.first_seed, given.first_seed + given.seeds))
    cells = [
        Cell(scenario, agents, pacer, seeds, given.hours)
        for scenario, agents, pacer in product(
            _names(given.scenario, list(SCENARIOS)),
            [int(agents) for agents in given.agents.split(",")],
            _names(given.pacer, [OPTIMUM, *PACERS]),
        )
    ]
    results = [result for days in run_all(cells, given.processes) for result in days]
    print(text(HEAD, rows(results, TARGET.max_abandonment)))  # noqa: T201 a command prints


def _names(given: str, every: list[str]) -> list[str]:
    return every if given == "all" else given.split(",")


if __name__ == "__main__":
    main()
