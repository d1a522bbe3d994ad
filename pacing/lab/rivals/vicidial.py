"""VICIdial's dial loop with a fixed ratio, and its three adaptive modes.

Source: `bin/AST_VDauto_dial.pl` (build 240917-1719) and `bin/AST_VDadapt.pl` (240219-1514), with the defaults of its
schema: available-only tally off, intensity 0, difference target 0, largest level 3, cap 3 %.
"""

from collections import deque
from enum import StrEnum

from pacing.floor import Floor, What
from pacing.target import Target

DIAL_SECONDS = 2.5
LEVEL_SECONDS = 15.0
DROPS_SECONDS = 60.0
MEAN_LOOPS = 15
MOST_LEVEL = 3.0
DAY_STARTS_HOUR = 9
LATEST_TIME = 1700
"""Its `adaptive_latest_server_time`, as hours and minutes: the end of an eight-hour day, as a supervisor would set it."""


class Adapt(StrEnum):
    """What happens to the level while the day's drops exceed the cap."""

    HARD_LIMIT = "hard-limit"
    AVERAGE = "average"
    TAPERED = "tapered"


class VicidialRatio:
    """Every 2.5 s: level times the agents on or ready for a call, less the calls that exist.

    An agent after the call (its line is gone) isn't counted, as the dial loop does with those it calls dead.
    """

    def __init__(self, level: float) -> None:
        """level: lines for each agent, busy or not."""
        self.level = level
        self._since_dial = DIAL_SECONDS

    def decide(self, floor: Floor, target: Target) -> int:  # noqa: ARG002 it looks at no cap
        """How many calls to place now."""
        self._since_dial += floor.elapsed_seconds
        if self._since_dial < DIAL_SECONDS:
            return 0
        self._since_dial %= DIAL_SECONDS
        goal = round(self.level * (len(floor.idle) + len(floor.talking)))
        exist = len(floor.dialling) + len(floor.waiting) + len(floor.talking)
        return max(0, goal - exist)


class VicidialAdapt(VicidialRatio):
    """The same, its level moved every 15 s by (ready - waiting) ÷ agents, and cut when too many calls were dropped.

    The drop share is read every 60 s: drops ÷ (drops + calls that are over), because a call counts as answered only
    when its agent has closed it. The level begins at 1.
    """

    def __init__(self, adapt: Adapt) -> None:
        """adapt: the mode."""
        super().__init__(1.0)
        self._adapt = adapt
        self._loops: deque[tuple[int, int, int]] = deque(maxlen=MEAN_LOOPS)
        self._clock = 0.0
        self._since_level = self._since_drops = 0.0
        self._calls = self._drops = self._closed = 0
        self._minute: deque[tuple[float, bool]] = deque()
        self._drop_share = 0.0

    def decide(self, floor: Floor, target: Target) -> int:
        """How many calls to place now."""
        self._clock += floor.elapsed_seconds
        self._since_level += floor.elapsed_seconds
        self._since_drops += floor.elapsed_seconds
        self._count(floor)
        agents = len(floor.idle) + len(floor.talking) + len(floor.wrapping)
        self._loops.append((len(floor.idle), len(floor.waiting), agents))
        if self._since_drops >= DROPS_SECONDS:
            self._since_drops = 0.0
            self._drop_share = self._drops / max(1, self._drops + self._closed)
        if self._since_level >= LEVEL_SECONDS:
            self._since_level = 0.0
            self.level = self._next_level(target.max_abandonment)
        return super().decide(floor, target)

    def _count(self, floor: Floor) -> None:
        for happening in floor.happened:
            if happening.what is What.WRAP_ENDED:
                self._closed += 1
            elif happening.what is What.ABANDONED:
                self._drops += 1
                self._minute.append((self._clock, True))
            elif happening.what is not What.TALK_ENDED:
                self._calls += 1
                self._minute.append((self._clock, False))
        while self._minute and self._minute[0][0] <= self._clock - 60:
            self._minute.popleft()

    def _next_level(self, cap: float) -> float:
        ready, waiting, agents = (sum(column) / len(self._loops) for column in zip(*self._loops, strict=True))
        level = self.level * (1 + ((ready - waiting) / agents if agents else 0.0))
        level = max(1.0, min(MOST_LEVEL, level))
        drops = sum(dropped for _, dropped in self._minute)
        calls = len(self._minute) - drops
        if calls > 20 and drops / calls > 0.5:
            level /= 2
        if self._calls > 50 and self._drop_share > cap:
            match self._adapt:
                case Adapt.HARD_LIMIT:
                    level = 1.0
                case Adapt.AVERAGE:
                    level /= 2
                case Adapt.TAPERED:
                    left = LATEST_TIME - self._hhmm()
                    level *= 0.0 if left < 0 else min(1.0, left / 1000)
        return max(1.0, round(level, 3))

    def _hhmm(self) -> int:
        minutes = DAY_STARTS_HOUR * 60 + int(self._clock / 60)
        return 100 * (minutes // 60) + minutes % 60
