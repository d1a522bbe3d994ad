"""`make bench-pacing`: ours beside every rival and the bound, at every team size, on every kind of day.

The whole of it takes many hours of one core: the bound alone simulates each cell some six times. Shorten it with ARGS.

    --agents 5,20     team sizes (default 1,2,5,10,20,50,100,200,500)
    --scenario a,b    kinds of days (default all)
    --pacer a,b       pacers (default all)
    --seeds N         days of each cell (default 4)
    --hours H         length of a day, in place of the scenario's
    --processes N     1 or 2 (default 2)
    --report FOLDER   where CSV and pictures go (default .cache/pacing)

Printed are means over the days of a cell; days above the cap are counted apart from days with fewer than 34 live
answers, and without calls that a vanished agent would have taken. At the end: the mean share of the bound over the
constant scenarios, cold and warm, and the worst day of ours.
"""

import sys
from statistics import mean

from pacing.lab.__main__ import main
from pacing.lab.day import TARGET
from pacing.lab.runs import WARM
from pacing.lab.table import Line, lines

CONSTANT = ("constant-10", "constant-25", "constant-40")
DEFAULTS = ("--agents", "1,2,5,10,20,50,100,200,500", "--scenario", "all", "--pacer", "all", "--processes", "2", "--report", ".cache/pacing")  # fmt: skip
AIM = {1: 0.91, 2: 0.95, 5: 0.98, 10: 0.99, 20: 0.994, 50: 0.997, 100: 0.997, 200: 0.997, 500: 0.997}
"""Share of the bound that ours should reach from a cold start, by team size."""


def judge(made: list[Line]) -> None:
    """What the table comes to."""
    teams = sorted({line.agents for line in made})
    for agents in teams:
        shares = {
            pacer: [
                line.share
                for line in made
                if (line.agents, line.pacer) == (agents, pacer) and line.scenario in CONSTANT and line.share is not None
            ]
            for pacer in ("cadenza", WARM)
        }
        if not shares["cadenza"]:
            continue
        told = f"{agents} agents: {100 * mean(shares['cadenza']):.2f} % of the bound"
        if agents in AIM:
            told += f" (aim {100 * AIM[agents]:.1f} %)"
        if shares[WARM]:
            cold_loss, warm_loss = 1 - mean(shares["cadenza"]), 1 - mean(shares[WARM])
            told += f", warm {100 * mean(shares[WARM]):.2f} %"
            if cold_loss > 0:
                told += f": {100 * (1 - warm_loss / cold_loss):.0f} % of the loss gone"
        print(told)
    ours = [line for line in made if line.pacer in ("cadenza", WARM)]
    if ours:
        worst = max(ours, key=lambda line: line.worst_day)
        print(
            f"days above the cap: {sum(line.days_over for line in ours)} of {sum(line.days for line in ours)}; "
            f"worst {100 * worst.worst_day:.2f} % ({worst.scenario}, {worst.agents} agents)"
        )


if __name__ == "__main__":
    days = main([*DEFAULTS, *sys.argv[1:]])
    found = lines(days, TARGET.max_abandonment)
    print()
    judge(found)
