"""When will a ringing phone be answered: learnt online, with calls that still ring treated as what they are.

A ringing call runs two competing risks: to be answered, or to fail. Both are hazards on a grid of the ringing time.
The hazard of an answer is a shape, which changes slowly, times a level, which may jump from one minute to the next.
The level is the ratio of answers seen to answers expected of the shape (the compensator of the counting process:
Aalen, Borgan and Gjessing, *Survival and Event History Analysis*, 2008, chapter 3), so that a call that rings and
isn't answered tells its part at once and needs no end.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pacing.floor import Floor, Happening, What

Array = NDArray[np.float64]

BIN_SECONDS = 0.5
PRIOR_CALLS = 8.0
"""Calls' worth of belief in the shape that is assumed before anything was seen."""
SHAPE_CALLS = 4_000.0
"""Calls after which the shape has forgotten most."""
FAST_ANSWERS, SLOW_ANSWERS = 30.0, 500.0
"""Expected answers over which the two memories of the level reach back."""
FAST_SECONDS = 60.0
"""The fast one reaches back so far at least: on large floors a few seconds' answers are of calls dialled at once."""
PRIOR_LEVEL, PRIOR_ANSWERS = 0.5, 1.0
"""Assumed level (some 40 % answered), and the answers that this belief is worth."""
PRIOR_FAILING = 0.005
"""Assumed share of calls that fail in each bin."""
COLD_ANSWERS, COLD_CALLS = 30.0, 5.0
"""Until so many answers were seen, and so many calls rang to their end, the shape is a guess."""
MOST_LEVEL = 3.0
"""95 % answered: what is believed before anything was seen."""
OUTAGE_EXPECTED = 7.0
"""So many answers expected and none seen is an outage: by chance once in 1,100 (e**-7)."""
OUTAGE_SEEN = 5.0
"""Answers that must have been seen before their lack means anything."""
CHANGED = 4.5
"""Standard errors between the two memories after which the slow one begins anew: by chance once in 150,000."""
RECENT_ENDS = 25.0
"""Ended calls over which a flood of failures is noticed."""
NEXT_DAY_ANSWERS = 60.0
"""Yesterday's level is worth so many answers at most."""
KIND_ANSWERS = 20.0
"""Answers that the belief "this kind is like the others" is worth."""


@dataclass(frozen=True, slots=True)
class Law:
    """What a ringing call will do, on a grid of `BIN_SECONDS`: `answered[i]`, the chance to be answered by then;
    `ringing[i]`, to ring still.
    """

    answered: Array
    ringing: Array

    @property
    def chance(self) -> float:
        """That a call is answered at all."""
        return float(self.answered[-1])


def law_of(answer_hazard: Array, failure_hazard: Array) -> Law:
    """From the hazards per bin (integrated over it) to the chances; within a bin both risks are constant."""
    both = answer_hazard + failure_hazard
    ringing = np.concatenate(([1.0], np.exp(-np.cumsum(both))))
    share = np.divide(answer_hazard, both, out=np.zeros_like(both), where=both > 0)
    answered = np.concatenate(([0.0], np.cumsum((ringing[:-1] - ringing[1:]) * share)))
    return Law(answered, ringing)


@dataclass(frozen=True, slots=True)
class Level:
    """Answers seen and answers expected of the shape alone, both fading; their ratio is the level."""

    seen: float
    expected: float

    def with_more(self, seen: float, expected: float, forgotten: float) -> "Level":
        """Add what was seen, and forget that part of what was known."""
        keep = math.exp(-forgotten)
        return Level(self.seen * keep + seen, self.expected * keep + expected)


@dataclass(frozen=True, slots=True, eq=False)
class Answering:
    """What is known of answers: see the module.

    answers, failures: events in each bin. exposure: calls that rang through it; weighted: the same times the level then.
    shape, failing_hazard: made of them. grid: answers expected at level 1 up to each bin's edge.
    fast, slow: the two memories of the level. silence: answers expected since the last one was seen. outage: nothing is answered, or everything fails.
    ends, failed: ended calls lately, and those of them that failed early; failing: their share at other times.
    kinds: seen and expected answers of each level of each part of a call's kind.
    """

    answers: Array = field(default_factory=lambda: np.zeros(0))
    failures: Array = field(default_factory=lambda: np.zeros(0))
    exposure: Array = field(default_factory=lambda: np.zeros(0))
    weighted: Array = field(default_factory=lambda: np.zeros(0))
    shape: Array = field(default_factory=lambda: np.zeros(0))
    grid: Array = field(default_factory=lambda: np.zeros(1))
    failing_hazard: Array = field(default_factory=lambda: np.zeros(0))
    fast: Level = field(default_factory=lambda: Level(0.0, 0.0))
    slow: Level = field(default_factory=lambda: Level(0.0, 0.0))
    silence: float = 0.0
    outage: bool = False
    ends: float = 0.0
    failed: float = 0.0
    failing: float = 0.15
    kinds: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def sized(known: Answering, ring_timeout_seconds: float) -> Answering:
    """The same knowledge on a grid that reaches to the ring time-out."""
    bins = max(2, round(ring_timeout_seconds / BIN_SECONDS))
    if len(known.answers) == bins:
        return known

    def fit(values: Array) -> Array:
        return np.concatenate((values[:bins], np.zeros(max(0, bins - len(values)))))

    return shaped(
        replace(
            known,
            answers=fit(known.answers),
            failures=fit(known.failures),
            exposure=fit(known.exposure),
            weighted=fit(known.weighted),
        )
    )


def shaped(known: Answering) -> Answering:
    """The hazards of each bin: of an answer at level 1, scaled so that they sum to 1, and of a failure.

    The prior is a hazard that rises within some seconds and falls slowly: phones are seldom answered in the first two
    seconds, and most answers come in the first fifteen. A smoothing over three bins stands for the law's continuity.
    """
    weight = PRIOR_CALLS * PRIOR_LEVEL
    hazard = (known.answers + weight * _prior(len(known.answers))) / (known.weighted + weight)
    smooth = np.convolve(np.concatenate((hazard[:1], hazard, hazard[-1:])), (0.25, 0.5, 0.25), "valid")
    smooth /= smooth.sum()
    return replace(
        known,
        shape=smooth,
        grid=np.concatenate(([0.0], np.cumsum(smooth))),
        failing_hazard=(known.failures + PRIOR_FAILING * PRIOR_CALLS) / (known.exposure + PRIOR_CALLS),
    )


@cache
def _prior(bins: int) -> Array:
    at = (np.arange(bins) + 0.5) * BIN_SECONDS
    hazard = (at / 6.0) ** 2 * np.exp(-at / 4.0) + 0.01
    return np.asarray(hazard / hazard.sum())


def level(known: Answering) -> float:
    """The level of the answer hazard now.

    The slow memory speaks, unless the fast one contradicts it by more than chance explains (Poisson z of the fast
    against the slow): the more, the more the fast one is believed, and sooner upwards, because a level that is
    believed too low leaves people in silence.
    """
    base = (known.slow.seen + PRIOR_ANSWERS) / (known.slow.expected + PRIOR_ANSWERS / PRIOR_LEVEL)
    expected = base * known.fast.expected
    if expected <= 0:
        return max(_cold(known), base)
    surprise = (known.fast.seen - expected) / math.sqrt(expected + 1.0)
    trust = surprise**2 / (surprise**2 + (4.0 if surprise > 0 else 16.0))
    recent = (known.fast.seen + 2.0) / (known.fast.expected + 2.0 / base)
    return max(_cold(known), base + trust * (recent - base))


def _cold(known: Answering) -> float:
    """The least that is believed while the shape is a guess: of the calls that ended, so many were answered.

    Answered calls end first, so this is an upper bound until the first calls have rung out.
    """
    if not guessed(known):
        return 0.0
    answered = float(known.answers.sum())
    ended = answered + float(known.failures.sum()) + float(known.exposure[-1])
    return min(MOST_LEVEL, -math.log(max(1e-9, 1.0 - (answered + 1.0) / (ended + 1.0))))


def guessed(known: Answering) -> bool:
    """Whether too few calls were made to know the shape."""
    return bool(known.answers.sum() < COLD_ANSWERS or known.exposure[-1] < COLD_CALLS)


def doubt(known: Answering) -> float:
    """Relative standard error of the level."""
    return float(1.0 / math.sqrt(known.slow.seen + PRIOR_ANSWERS))


def carried_over(known: Answering) -> Answering:
    """For the next day: half the evidence of the shape, a little of the level's, nothing of the last minutes."""
    if not len(known.answers):
        return known
    base = (known.slow.seen + PRIOR_ANSWERS) / (known.slow.expected + PRIOR_ANSWERS / PRIOR_LEVEL)
    seen = min(known.slow.seen / 2, NEXT_DAY_ANSWERS)
    return shaped(
        replace(
            known,
            answers=known.answers / 2,
            failures=known.failures / 2,
            exposure=known.exposure / 2,
            weighted=known.weighted / 2,
            fast=Level(2.0, 2.0 / base),
            slow=Level(seen, seen / base),
            silence=0.0,
            outage=False,
            ends=0.0,
            failed=0.0,
            kinds={kind: (seen / 2, expected / 2) for kind, (seen, expected) in known.kinds.items()},
        )
    )


def law(known: Answering, level_now: float) -> Law:
    """What a call that is dialled now will do."""
    return law_of(known.shape * level_now, known.failing_hazard)


def multiplier(known: Answering, kind: str) -> float:
    """How much likelier than others a call of this kind is answered: one factor for each part of `a/b/c`."""
    return math.prod(_factor(known.kinds, key) for key in _parts(kind))


def _parts(kind: str) -> list[str]:
    return [f"{place}:{part}" for place, part in enumerate(kind.split("/"))]


def _factor(kinds: Mapping[str, tuple[float, float]], part: str) -> float:
    seen, expected = kinds.get(part, (0.0, 0.0))
    return (seen + KIND_ANSWERS) / (expected + KIND_ANSWERS)


def learn_ends(known: Answering, happened: tuple[Happening, ...], elapsed_seconds: float) -> Answering:
    """What calls that ended or were answered since the last decision teach."""
    ends = [one for one in happened if one.what in (What.ANSWERED, What.FAILED, What.RANG_OUT) and one.seconds >= 0]
    if not ends:
        return known
    bins = len(known.answers)
    answers, failures = known.answers.copy(), known.failures.copy()
    rung = [0.0] * bins
    now = level(known)
    seen = failed = 0.0
    kinds = dict(known.kinds)
    for one in ends:
        last = min(int(one.seconds / BIN_SECONDS), bins - 1)
        answered = one.what is What.ANSWERED
        if answered:
            answers[last] += 1.0
            seen += 1.0
        elif one.what is What.FAILED:
            failures[last] += 1.0
            failed += 1.0
        # what it rang since the last decision; what it rang before was counted while it rang
        begin = max(0.0, one.seconds - max(0.0, elapsed_seconds - one.ago_seconds))
        _ring(rung, begin, one.seconds)
        if one.kind:
            total = _expected(known.grid, one.seconds) * now
            parts = _parts(one.kind)
            factors = [_factor(kinds, part) for part in parts]
            fade = math.exp(-total / SLOW_ANSWERS)
            for part, own in zip(parts, factors, strict=True):
                before_seen, before_expected = kinds.get(part, (0.0, 0.0))
                others = math.prod(factors) / own
                kinds[part] = (before_seen * fade + answered, before_expected * fade + total * others)
    keep = math.exp(-len(ends) / SHAPE_CALLS)
    recent = math.exp(-len(ends) / RECENT_ENDS)
    exposure = np.array(rung)
    expected = float(exposure @ known.shape)
    known = replace(
        known,
        answers=answers * keep,
        failures=failures * keep,
        exposure=(known.exposure + exposure) * keep,
        weighted=(known.weighted + exposure * now) * keep,
        ends=known.ends * recent + len(ends),
        failed=known.failed * recent + failed,
        failing=known.failing if known.outage else _towards(known.failing, failed, len(ends)),
        kinds=kinds,
    )
    known = shaped(known)
    return _levels(known, seen, expected, now, elapsed_seconds)


def learn_ringing(known: Answering, floor: Floor) -> Answering:
    """What calls that still ring teach: they rang since the last decision and weren't answered."""
    if not floor.dialling or floor.elapsed_seconds <= 0:
        return known
    steps = max(1, math.ceil(min(floor.elapsed_seconds, 60.0) / BIN_SECONDS))
    step_seconds = floor.elapsed_seconds / steps
    back = (np.arange(steps) + 0.5) * step_seconds
    at = np.fromiter(floor.dialling, float, len(floor.dialling))[:, None] - back
    bins = len(known.answers)
    rung = np.bincount(np.minimum(at[at >= 0] / BIN_SECONDS, bins - 1).astype(int), minlength=bins)
    exposure = rung * (step_seconds / BIN_SECONDS)
    now = level(known)
    known = replace(known, exposure=known.exposure + exposure, weighted=known.weighted + exposure * now)
    return _levels(known, 0.0, float(exposure @ known.shape), now, floor.elapsed_seconds)


def _levels(known: Answering, seen: float, expected: float, now: float, elapsed_seconds: float) -> Answering:
    """Both memories of the level, and whether this is an outage."""
    fast = known.fast.with_more(seen, expected, min(expected * now / FAST_ANSWERS, elapsed_seconds / FAST_SECONDS))
    slow, ends, failed = known.slow, known.ends, known.failed
    base = (slow.seen + PRIOR_ANSWERS) / (slow.expected + PRIOR_ANSWERS / PRIOR_LEVEL)
    silence = 0.0 if seen > 0 else known.silence + expected * base
    silent = slow.seen >= OUTAGE_SEEN and silence > OUTAGE_EXPECTED
    flood = ends > RECENT_ENDS / 3 and failed / ends > 0.5 + known.failing / 2
    outage = known.outage
    if outage and seen > 0 and not flood:
        # over: what it taught of the level is forgotten
        outage, fast, ends, failed = False, Level(2.0, 2.0 / base), 0.0, 0.0
    elif silent or flood:
        outage = True
    elif not outage:
        slow = slow.with_more(seen, expected, expected * now / SLOW_ANSWERS)
        surprise = (fast.seen - base * fast.expected) / math.sqrt(base * fast.expected + 1.0)
        if abs(surprise) > CHANGED:
            slow = fast
    if guessed(known) and not outage:
        known, slow = _levelled(known)
        fast = slow
    return replace(
        known,
        fast=fast,
        slow=slow,
        silence=silence,
        outage=outage,
        ends=ends,
        failed=failed,
    )


def _levelled(known: Answering) -> tuple[Answering, Level]:
    """All that was seen so far taken for one level: what was expected of a guessed shape says nothing."""
    prior = _prior(len(known.answers))
    each = (known.answers + PRIOR_CALLS * PRIOR_LEVEL * prior) / (known.exposure + PRIOR_CALLS)
    at, seen = float(each.sum()), float(known.answers.sum())
    return replace(known, weighted=known.exposure * at), Level(seen, seen / at)


def _towards(share: float, failed: float, ends: int) -> float:
    keep = math.exp(-ends / SLOW_ANSWERS)
    return share * keep + (failed / ends) * (1 - keep)


def _expected(grid: Array, seconds: float) -> float:
    """Answers expected at level 1 of a call that rang so long."""
    place = min(seconds / BIN_SECONDS, len(grid) - 1.0)
    index = min(int(place), len(grid) - 2)
    return float(grid[index] + (place - index) * (grid[index + 1] - grid[index]))


def _ring(rung: list[float], begin: float, end: float) -> None:
    """Add what lies between two ringing ages to the bins, a whole bin counting 1."""
    index = int(begin / BIN_SECONDS)
    while index < len(rung) and begin < end:
        until = min(end, (index + 1) * BIN_SECONDS)
        rung[index] += (until - begin) / BIN_SECONDS
        begin, index = until, index + 1
