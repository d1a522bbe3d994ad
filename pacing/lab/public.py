"""The simulated public: who answers after how long, and how long the talk and the wrap-up last."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK_CALLS = 4096
"""Calls drawn at once."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A lognormal duration, by its mean and its coefficient of variation.

    With v = ln(1 + variation²), it is exp of a normal with mean ln(mean) - v/2 and variance v.
    """

    mean_seconds: float
    variation: float

    def draw(self, chance: np.random.Generator, count: int) -> NDArray[np.float64]:
        """As many durations."""
        variance = np.log1p(self.variation**2)
        return chance.lognormal(np.log(self.mean_seconds) - variance / 2, np.sqrt(variance), count)


class Fate(NamedTuple):
    """What awaits one call: two chances between 0 and 1, and its durations should it come to them."""

    answer: float
    fail: float
    ring_seconds: float
    failed_seconds: float
    talk_seconds: float
    wrap_seconds: float


@dataclass(frozen=True, slots=True)
class Public:
    """How the called behave, apart from whether they answer.

    short_share: of the talks that are over at once (wrong person, machine); the others are long.
    ring_floor_seconds: the least time from the dial to an answer; `ring` comes on top of it. An answer that would come
        after the time-out is drawn again, so that the answer rate is what the scenario says.
    failed_share: of all calls that end unanswered at once (busy, unobtainable), after between `failed_seconds`.
    wrap_shape: of the gamma law of the wrap-up.
    """

    short_share: float = 0.6
    short: LogNormal = LogNormal(20.0, 0.5)
    long: LogNormal = LogNormal(240.0, 0.6)
    wrap_seconds: float = 30.0
    wrap_shape: int = 3
    ring_floor_seconds: float = 2.0
    ring: LogNormal = LogNormal(7.5, 0.55)
    ring_timeout_seconds: float = 25.0
    failed_share: float = 0.15
    failed_seconds: tuple[float, float] = (0.5, 4.0)

    @property
    def talk_seconds(self) -> float:
        """The mean talk."""
        return self.short_share * self.short.mean_seconds + (1 - self.short_share) * self.long.mean_seconds

    def draw(self, chance: np.random.Generator, count: int) -> list[Fate]:
        """The fates of as many calls."""
        low, high = self.failed_seconds
        answer, fail, failed, short = chance.random((4, count))
        talk = np.where(short < self.short_share, self.short.draw(chance, count), self.long.draw(chance, count))
        wrap = chance.gamma(self.wrap_shape, self.wrap_seconds / self.wrap_shape, count)
        ring = self.ring_floor_seconds + self.ring.draw(chance, count)
        while (late := ring > self.ring_timeout_seconds).any():
            ring[late] = self.ring_floor_seconds + self.ring.draw(chance, int(late.sum()))
        columns = (answer, fail, ring, low + (high - low) * failed, talk, wrap)
        return [Fate(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A public as it was met: durations drawn from those on record, each as likely as any other.

    rings: from the dial to the answer. failures: from the dial to the end of calls that failed at once.
    """

    rings: tuple[float, ...]
    failures: tuple[float, ...]
    talks: tuple[float, ...]
    wraps: tuple[float, ...]
    failed_share: float
    ring_timeout_seconds: float

    def draw(self, chance: np.random.Generator, count: int) -> list[Fate]:
        """The fates of as many calls."""
        observed = (self.rings, self.failures, self.talks, self.wraps)
        drawn = (chance.choice(np.array(durations or (0.0,)), count) for durations in observed)
        columns = (chance.random(count), chance.random(count), *drawn)
        return [Fate(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


class Fates:
    """The fates of the calls of one day by their number: every pacer meets the same public."""

    def __init__(self, public: Public | Recorded, seed: int) -> None:
        """Draw as calls are placed."""
        self._public = public
        self._seed = seed
        self._block: list[Fate] = []
        self._number = 0

    def next(self) -> Fate:
        """The fate of the next call."""
        block, index = divmod(self._number, BLOCK_CALLS)
        if index == 0:
            self._block = self._public.draw(np.random.default_rng((self._seed, block)), BLOCK_CALLS)
        self._number += 1
        return self._block[index]
