"""When calls that ring now will be answered: for people who ask what an idle agent waits for."""

from dataclasses import dataclass

import numpy as np

from pacing import answering
from pacing.answering import BIN_SECONDS
from pacing.laws import calls, horizon
from pacing.memory import Memory
from pacing.predictive import summed
from pacing.target import Target

EVEN = 0.5


@dataclass(frozen=True, slots=True)
class Expected:
    """chance: that as many calls are answered as were asked about; None: too few were made to know. seconds: within which
    that is as likely as not; None: not even once all of them have rung out, or not known.
    """

    chance: float | None
    seconds: float | None


def answers(
    ages_seconds: tuple[float, ...], kinds: tuple[str, ...], target: Target, memory: Memory, wanted: int
) -> Expected:
    """When `wanted` of the calls that ring since then are answered, by what was learnt: the best guess, where a decision
    about a burst leans to the safe side.
    """
    if len(ages_seconds) < wanted:
        return Expected(0.0, None)
    known = answering.sized(memory.answering, target.ring_timeout_seconds)
    if answering.guessed(known):
        return Expected(None, None)
    times = horizon(target.ring_timeout_seconds, target.patience_seconds)
    table = calls(answering.law(known, answering.level(known)), times).ringing
    rows = np.minimum((np.array(ages_seconds) / BIN_SECONDS).astype(int), len(table) - 1)
    factors = np.array([answering.multiplier(known, kind) for kind in kinds])
    chances = 1.0 - (1.0 - table[rows]) ** factors[:, None]
    enough = np.maximum.accumulate(1.0 - summed(chances)[:wanted].sum(axis=0))
    chance = float(enough[-1])
    seconds = np.interp(EVEN, np.concatenate(([0.0], enough)), np.concatenate(([0.0], times.due)))
    return Expected(chance, float(seconds) if chance >= EVEN else None)
