"""When will a busy agent be free: residual talk and wrap-up times, learnt online.

Hazards that are constant within classes of age, each shrunk towards the overall rate, with agents who still talk
treated as censored. (Piecewise exponential model: Aalen, Borgan and Gjessing, 2008, chapter 5.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EDGES = np.array(
    [0, 2, 4, 6, 8, 10, 12, 15, 18, 22, 27, 33, 40, 48, 58, 70, 85, 105, 130, 160, 200, 250, 310, 390, 490, 620, 800],
    dtype=float,
)
"""Classes of age in seconds; the last is open."""
LONGEST = 1_000
"""Ages beyond are taken for this, in seconds."""
SHRINKAGE_EVENTS = 2.0
MEMORY_EVENTS = 1_500.0
KIND_EVENTS = 15.0
_CLASS_OF = np.searchsorted(EDGES, np.arange(LONGEST + 120) + 0.5) - 1
AGES = np.concatenate((np.arange(60), np.arange(60, 180, 4), np.arange(180, LONGEST + 1, 20))).astype(int)
"""Ages for which residual times are tabled."""
_ROW_OF = np.searchsorted(AGES, np.arange(LONGEST + 1), side="right") - 1


@dataclass(frozen=True, slots=True, eq=False)
class Duration:
    """What is known of one phase: its ends and the seconds spent in each class of age.

    prior_seconds: assumed mean before anything was seen, worth one event.
    kinds: of each class of agents, ends seen and ends expected of the average agent.
    """

    prior_seconds: float
    ends: Array = field(default_factory=lambda: np.zeros(len(EDGES)))
    spent: Array = field(default_factory=lambda: np.zeros(len(EDGES)))
    kinds: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def hazard(known: Duration, ages: tuple[float, ...] = ()) -> Array:
    """Ends per second in each class of age; `ages` are of those who are in the phase now, the censored ones."""
    spent = known.spent + _spent(ages) if ages else known.spent
    overall = (known.ends.sum() + 1.0) / (spent.sum() + known.prior_seconds)
    # what the neighbours say is a better guess than the overall rate, where they have seen enough
    ends = known.ends + 0.5 * (_shift(known.ends, 1) + _shift(known.ends, -1))
    near = (ends + SHRINKAGE_EVENTS) / (
        spent + 0.5 * (_shift(spent, 1) + _shift(spent, -1)) + SHRINKAGE_EVENTS / overall
    )
    return np.asarray((known.ends + SHRINKAGE_EVENTS * 2) / (spent + SHRINKAGE_EVENTS * 2 / near))


def learn(known: Duration, ended: list[tuple[float, str]]) -> Duration:
    """What ended phases teach: their length in seconds and the class of their agent."""
    if not ended:
        return known
    lengths = tuple(min(max(length, 0.0), float(LONGEST)) for length, _ in ended)
    ends = known.ends.copy()
    for length in lengths:
        ends[np.searchsorted(EDGES, length, side="right") - 1] += 1.0
    kinds = dict(known.kinds)
    if any(kind for _, kind in ended):
        total = np.concatenate(([0.0], np.cumsum(seconds_hazard(hazard(known)))))
        for length, (_, kind) in zip(lengths, ended, strict=True):
            if kind:
                seen, expected = kinds.get(kind, (0.0, 0.0))
                fade = np.exp(-1.0 / MEMORY_EVENTS)
                kinds[kind] = (seen * fade + 1.0, expected * fade + float(total[int(length)]))
    keep = np.exp(-len(ended) / MEMORY_EVENTS)
    return replace(known, ends=ends * keep, spent=(known.spent + _spent(lengths)) * keep, kinds=kinds)


def carried_over(known: Duration) -> Duration:
    """For the next day: half the evidence."""
    kinds = {kind: (seen / 2, expected / 2) for kind, (seen, expected) in known.kinds.items()}
    return replace(known, ends=known.ends / 2, spent=known.spent / 2, kinds=kinds)


def doubt(known: Duration) -> float:
    """Relative standard error of the ends' rate."""
    return float(1.0 / np.sqrt(known.ends.sum() + 1.0))


def multiplier(known: Duration, kind: str) -> float:
    """How much sooner than the average an agent of this class is through."""
    seen, expected = known.kinds.get(kind, (0.0, 0.0))
    return (seen + KIND_EVENTS) / (expected + KIND_EVENTS)


def seconds_hazard(per_class: Array) -> Array:
    """From classes of age to one-second cells."""
    return per_class[_CLASS_OF]


@dataclass(frozen=True, slots=True, eq=False)
class Residual:
    """Chance to be free within each lag, for each age in `AGES` (rows)."""

    after_talk: Array
    after_wrap: Array


def residual(talk: Array, wrap: Array, lags: Array) -> Residual:
    """Chances to be free within `lags` seconds, from the hazards of talk and wrap-up per one-second cell.

    From the wrap-up: 1 - S(age + lag) / S(age). From the talk: its end at age + u, then a whole wrap-up within what
    is left of the lag: the convolution of both on a grid of one second.
    """
    alive_talk = np.concatenate(([1.0], np.exp(-np.cumsum(talk))))
    alive_wrap = np.concatenate(([1.0], np.exp(-np.cumsum(wrap))))
    after_wrap = 1.0 - _sample(alive_wrap, AGES[:, None] + lags) / np.maximum(alive_wrap[AGES], 1e-12)[:, None]
    steps = np.arange(int(np.ceil(lags[-1])) + 1)
    talking = alive_talk[AGES[:, None] + steps] / np.maximum(alive_talk[AGES], 1e-12)[:, None]
    ending = talking[:, :-1] - talking[:, 1:]
    rest = np.maximum(lags[None, :] - steps[:-1, None] - 0.5, 0.0)
    return Residual(np.clip(ending @ (1.0 - _sample(alive_wrap, rest)), 0.0, 1.0), np.clip(after_wrap, 0.0, 1.0))


def rows(ages: tuple[float, ...]) -> NDArray[np.intp]:
    """Rows of the table for these ages."""
    return np.asarray(_ROW_OF[np.minimum(np.array(ages, dtype=float).astype(int), LONGEST)])


def _sample(alive: Array, at: Array) -> Array:
    index = np.minimum(at.astype(int), len(alive) - 2)
    return np.asarray(alive[index] + (at - index) * (alive[index + 1] - alive[index]))


def _spent(ages: tuple[float, ...]) -> Array:
    widths = np.append(np.diff(EDGES), np.inf)
    return np.asarray(np.clip(np.fromiter(ages, float, len(ages))[:, None] - EDGES, 0.0, widths).sum(axis=0))


def _shift(values: Array, by: int) -> Array:
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
