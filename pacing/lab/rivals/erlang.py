"""The textbook: calls at a steady rate, so that a queue of as many agents loses what the cap allows."""

from math import exp

from pacing.floor import Floor, What
from pacing.lab.rivals.ratio import FixedRatio
from pacing.target import Target

WARM_UP_CALLS = 20
LOOK_SECONDS = 30.0


class ErlangRate:
    """The answers per second at which the queue M/M/n with that patience loses the cap's share, over the answer rate.

    Answer rate and mean handling time are those of the day so far; until 20 calls are over it is progressive.
    """

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._warming = FixedRatio(1.0)
        self._since_look = LOOK_SECONDS
        self._ended = self._answered = self._closed = 0
        self._handled_seconds = 0.0
        self._rate = 0.0
        self._due = 0.0

    def decide(self, floor: Floor, target: Target) -> int:
        """How many calls to place now."""
        for happening in floor.happened:
            if happening.what in (What.TALK_ENDED, What.WRAP_ENDED):
                self._handled_seconds += happening.seconds
                self._closed += happening.what is What.WRAP_ENDED
            elif happening.what is not What.ABANDONED:
                self._ended += 1
                self._answered += happening.what is What.ANSWERED
        if self._closed < WARM_UP_CALLS:
            return self._warming.decide(floor, target)
        self._since_look += floor.elapsed_seconds
        if self._since_look >= LOOK_SECONDS:
            self._since_look = 0.0
            agents = len(floor.idle) + len(floor.talking) + len(floor.wrapping)
            answers = answers_per_second(
                agents, self._handled_seconds / self._closed, target.patience_seconds, target.max_abandonment
            )
            self._rate = answers * self._ended / self._answered
        self._due += self._rate * floor.elapsed_seconds
        count = int(self._due)
        self._due -= count
        return count


def answers_per_second(agents: int, handling_seconds: float, patience_seconds: float, lost: float) -> float:
    """The rate at which just that share is lost, by bisection between nothing and twice what the agents can take."""
    low, high = 0.0, 2 * agents / handling_seconds
    for _ in range(40):
        middle = (low + high) / 2
        if lost_share(middle, agents, handling_seconds, patience_seconds) < lost:
            low = middle
        else:
            high = middle
    return low


def lost_share(per_second: float, agents: int, handling_seconds: float, patience_seconds: float) -> float:
    """The share lost by the queue M/M/n whose callers all wait just that long (Barrer 1957).

    With load a, let u be the chance of n - 1 busy agents relative to fewer than n of them (Erlang's loss formula for
    n - 1). The wait that a caller would have has density rate·u·exp(-(n/h - rate)·w) up to the patience, and falls by
    exp(-n/h·(w - patience)) after it. Lost is who would wait longer.
    """
    if agents == 0:
        return 1.0
    load = per_second * handling_seconds
    last = 1.0
    for count in range(1, agents):
        last = load * last / (count + load * last)
    served = agents / handling_seconds
    spare = served - per_second
    tail = exp(-spare * patience_seconds)
    waits = per_second * last * (patience_seconds if abs(spare) < 1e-12 else (1 - tail) / spare)
    lost = per_second * last * tail / served
    return lost / (1 + waits + lost)
