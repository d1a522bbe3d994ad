"""`make bench-decision`: how long one predictive decision takes, by the size of the floor.

Busy floors with three calls in flight an agent, and what happens on such a floor in a second. Printed are the
median and the 99th percentile of the processor's time, and the median of the largest floor over that of a fifth of it,
which shows how it grows.
"""

import time
from random import Random

import pacing
from pacing import Account, Floor, Happening, Mode, Target, What

DECISIONS = 400
TARGET = Target(mode=Mode.PREDICTIVE, channels=1_000_000, calls_per_second=1e6)
TEAMS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def floor(agents: int, chance: Random) -> Floor:
    """A floor where nine of ten agents are busy."""
    busy = max(1, agents * 9 // 10)
    return Floor(
        1.0,
        idle=(1.0,) * (agents - busy),
        talking=tuple(chance.expovariate(1 / 110) for _ in range(busy * 3 // 4)),
        wrapping=tuple(chance.uniform(0, 60) for _ in range(busy - busy * 3 // 4)),
        dialling=tuple(chance.uniform(0, 25) for _ in range(3 * agents)),
        accounts=(Account("day", 0.03, 40 * agents, agents, left_seconds=14_400.0),),
        happened=tuple(
            Happening(what, seconds, chance.random())
            for what, seconds, share in (
                (What.ANSWERED, chance.uniform(2, 20), 1 / 150),
                (What.RANG_OUT, 25.0, 1 / 8),
                (What.TALK_ENDED, chance.expovariate(1 / 110), 1 / 150),
                (What.WRAP_ENDED, chance.uniform(5, 60), 1 / 150),
            )
            for _ in range(int(agents * share + chance.random()))
        ),
    )


def main() -> None:
    medians = {}
    for agents in TEAMS:
        chance, memory, took = Random(agents), pacing.Memory(), []
        for _ in range(DECISIONS):
            now = floor(agents, chance)
            began = time.process_time()
            memory = pacing.size(now, TARGET, memory)[1]
            took.append(time.process_time() - began)
        took.sort()
        medians[agents] = took[DECISIONS // 2]
        print(
            f"{agents:4} agents: median {1e3 * medians[agents]:.2f} ms, p99 {1e3 * took[DECISIONS * 99 // 100]:.2f} ms"
        )
    print(f"500 agents over 100: {medians[500] / medians[100]:.1f} times")


if __name__ == "__main__":
    main()
