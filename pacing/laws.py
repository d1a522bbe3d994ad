"""What a pacer believes of calls and agents, laid out for the times at which it looks."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pacing import answering, handling
from pacing.answering import BIN_SECONDS, Answering, Law
from pacing.floor import Floor
from pacing.handling import Duration, Residual
from pacing.target import Target

Array = NDArray[np.float64]

POINTS = 13
"""Times at which the new call's answer is considered."""
TABLE_SECONDS = 10.0
"""Residual times are tabled anew after so long."""
LEVEL_CHANGE = 0.01
"""Relative change of the answer level after which the law of calls is laid out anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Horizon:
    """The times considered: middles of spans that cover the ring time-out.

    ends, middles: of the spans, in bins of the ringing time. due: the middles in seconds.
    lags: until when an agent must be free for a call answered then.
    """

    ends: NDArray[np.intp]
    middles: Array
    due: Array
    lags: Array


@cache
def horizon(ring_timeout_seconds: float, patience_seconds: float) -> Horizon:
    """The times to consider."""
    bins = max(2, round(ring_timeout_seconds / BIN_SECONDS))
    ends = np.unique(np.round(np.linspace(bins / POINTS, bins, POINTS)).astype(int))
    middles = ends - np.diff(ends, prepend=0) / 2
    return Horizon(ends, middles, middles * BIN_SECONDS, middles * BIN_SECONDS + patience_seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """A law of calls at the times of a horizon.

    weights: chance that a call dialled now, if answered, is answered in each span.
    new: chance that it is answered by the middle of it. ringing: the same for calls that have rung for each bin (rows).
    """

    chance: float
    weights: Array
    new: Array
    ringing: Array


def calls(law: Law, times: Horizon) -> Calls:
    """Lay out a law."""
    last = len(law.answered) - 1
    spread = np.diff(law.answered[times.ends], prepend=0.0)
    total = float(spread.sum())
    weights = spread / total if total > 0 else np.full(len(spread), 1 / len(spread))
    grid = np.arange(last + 1)
    later = np.interp(grid[:, None] + times.middles, grid, law.answered)
    ringing = (later - law.answered[:, None]) / np.maximum(law.ringing, 1e-12)[:, None]
    return Calls(law.chance, weights, later[0], np.minimum(ringing, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Laws:
    """What the pacer believes, or in the lab what is true.

    doubt: relative standard error of the answer chance. pace_doubt: of the chances to be free. level: of the answer hazard, for which `calls` was laid out.
    age_seconds: since `residual` was. times: for which both were.
    """

    calls: Calls
    residual: Residual
    doubt: float
    pace_doubt: float
    times: Horizon
    level: float = 0.0
    age_seconds: float = 0.0


def believed(
    before: Laws | None,
    known: Answering,
    talk: Duration,
    wrap: Duration,
    floor: Floor,
    target: Target,
) -> Laws:
    """What is believed now; what still holds of `before` is kept."""
    times = horizon(target.ring_timeout_seconds, target.patience_seconds)
    doubt, pace_doubt = answering.doubt(known), handling.doubt(talk)
    level = answering.level(known) * (1.0 + doubt)
    if before is None or before.times is not times:
        return Laws(_calls(known, level, times), _residual(talk, wrap, floor, times), doubt, pace_doubt, times, level)
    kept = abs(level / before.level - 1) < LEVEL_CHANGE
    age_seconds = before.age_seconds + floor.elapsed_seconds
    fresh = age_seconds < TABLE_SECONDS
    return Laws(
        before.calls if kept else _calls(known, level, times),
        before.residual if fresh else _residual(talk, wrap, floor, times),
        doubt,
        pace_doubt,
        times,
        before.level if kept else level,
        age_seconds if fresh else 0.0,
    )


def _calls(known: Answering, level: float, times: Horizon) -> Calls:
    return calls(answering.law(known, level), times)


def _residual(talk: Duration, wrap: Duration, floor: Floor, times: Horizon) -> Residual:
    return handling.residual(
        handling.seconds_hazard(handling.hazard(talk, floor.talking)),
        handling.seconds_hazard(handling.hazard(wrap, floor.wrapping)),
        times.lags,
    )
