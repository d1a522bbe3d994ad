"""How many calls may still be abandoned: one account for each law that caps them, the tightest holds.

The threshold of the marginal risk is not a constant: it is what the budget allows. It is set so that the calls still
to be answered use up what is left of it, no more.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

WHOLE, TEAM = 1.0, 10.0
"""Kept back: the next abandoned call is a whole one, and of more than two such teams one for each team but the first: on a
large floor they come in spells, when for half a minute hardly an agent is free. Measured: a hundred agents lost nine in a
minute whose calls were thought to lose two at most, but for one chance in 200.
"""
FIRST_ANSWERS, AN_AGENT = 20.0, 2.0
"""Nothing is trusted before so many answers, or on small floors before so many an agent: until then risks are guesses."""
JUMP = 0.3
"""Share of the answers expected of the calls under way that is kept against a jump of the answer rate."""
DISTRUST, MOST_DISTRUST = 2.1, 0.4
"""Not counted upon are so many standard deviations (Poisson) of the window's allowed abandoned calls, as a share of
them, and no more than so large a share of the answers still to come: the agents may go home early.
"""
DEVIATIONS = 1.5
"""Standard deviations of their number (Poisson, and the rate's own error) that are taken off before."""
RATE_SECONDS, RATE_ANSWERS = 2_400.0, 80.0
"""The rate of answers reaches back so far, or over so many answers if that is longer."""
PRIOR_ANSWERS, PRIOR_SECONDS = 3.0, 250.0
"""Answers that the first belief is worth, and an agent's seconds between two answers in it."""
UNLIKELY, RARE, NEVER = 0.005, 0.001, 1e-6
"""The calls under way may do worse than is kept for them with the first chance, in each instant; with the second one once
the answers trusted to come make no abandoned call good, and towards the window's end with less and less of it.
"""
LAST = 0.5
"""Abandoned calls that the answers expected make good, from which on that chance shrinks with their square."""
HORIZON_SECONDS = 3_600.0
"""Where the window's end isn't known: time in which what is left may be spent."""
GAIN, GAIN_ANSWERS = 0.35, 30.0
"""Assumed mean risk of a call over the threshold, and the answers that this belief is worth."""
GAIN_MEMORY = 600.0
"""Answers over which the gain reaches back."""
CALIBRATION_ABANDONS, CALIBRATION_MEMORY = 4.0, 60.0
"""Abandoned calls that the belief "risks are as predicted" is worth, and those over which it reaches back."""
AWAITED_SECONDS = 12.0
"""Mean time from the dial until an abandoned call is one: ringing and patience."""
MOST_SHARE = 1.5
"""Times the cap: what is left isn't thrown away in the last minutes."""
MOST_RISK = 0.6
"""No call is placed that would rather be abandoned than not."""


def wilson(hits: float, count: float, deviations: float) -> tuple[float, float]:
    """Between which shares the chance of a hit lies after so many in `count` (Wilson 1927); 0 to 1 where none was made.

    deviations: standard deviations to either side; 1.96 for 95 % confidence.
    """
    if not count:
        return 0.0, 1.0
    share, z = min(1.0, hits / count), deviations
    spread = z * math.sqrt(share * (1 - share) / count + (z / count / 2) ** 2)
    middle, scale = share + z * z / count / 2, 1 + z * z / count
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


@dataclass(frozen=True, slots=True)
class Account:
    """The abandoned calls of one campaign as one law counts them, in the window that runs now.

    name: the pack and the rule.
    cap: largest share of abandoned calls that the law allows, 0.03 for 3 %.
    below: the share must stay below the cap; otherwise it may reach it.
    answered: what the law divides by, so far in the window (live answers, connected calls).
    abandoned: what it counts as abandoned, so far.
    left_seconds: until the window ends; None where it has no end that is known (rolling, the whole campaign).
    """

    name: str
    cap: float
    answered: int = 0
    abandoned: int = 0
    below: bool = False
    left_seconds: float | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the campaign's way of dialling lies with 95 % confidence.

        What was counted is what the law judges; this tells how much of it is chance.
        """
        return wilson(self.abandoned, self.answered, 1.96)


@dataclass(frozen=True, slots=True)
class Spending:
    """What is remembered of how the budget is spent.

    answers, seconds: answers lately, and the agents' seconds in which they came (both fading).
    risk, calls: of the calls dialled lately, their risk over the threshold then, and their answer chances.
    predicted, realised: abandoned calls, as the risks said and as they came.
    awaited: of calls dialled lately, what the risks said: it enters `predicted` by the time it can have come.
    agents: who worked at the last decision.
    """

    answers: float = PRIOR_ANSWERS
    seconds: float = PRIOR_ANSWERS * PRIOR_SECONDS
    risk: float = GAIN * GAIN_ANSWERS
    calls: float = GAIN_ANSWERS
    predicted: float = CALIBRATION_ABANDONS
    realised: float = CALIBRATION_ABANDONS
    awaited: float = 0.0
    agents: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the accounts allow now.

    threshold: largest marginal risk of a call. budget: calls that may still be abandoned, of the tightest account.
    account: its name, empty where there is none. at_worst: for each account, how many of the calls under way may find no
    agent, and the chance of more.
    """

    threshold: float
    budget: float
    account: str
    at_worst: tuple[tuple[float, float], ...] = ()


NOTHING = Allowance(0.0, 0.0, "")


def allow(
    accounts: Iterable[Account], wish: float, spending: Spending, pipe: float, answers_in_pipe: float
) -> Allowance:
    """The threshold of the tightest account.

    wish: the supervisor's own cap. pipe: calls under way that may find no agent, at worst; answers_in_pipe: those of
    them that are expected to be answered.

    budget = cap * (answers so far + trusted answers to come) - abandoned - what is kept back for the calls under way
    and for one more, or several on a large floor. What is to be spent on each answer to come is budget / answers to
    come. A threshold t leaves a share of gain * t of those answered without an agent, and calibration tells how far
    predictions are off, so that t = share / (gain * calibration).
    """
    each = [_allow(account, wish, spending, pipe, answers_in_pipe) for account in accounts]
    tightest = min(each, key=lambda allowance: allowance.threshold, default=NOTHING)
    return replace(tightest, at_worst=tuple(bound for allowance in each for bound in allowance.at_worst))


def _allow(account: Account, wish: float, spending: Spending, pipe: float, answers_in_pipe: float) -> Allowance:
    cap = min(account.cap, wish) - (1e-9 if account.below else 0.0)
    left = HORIZON_SECONDS if account.left_seconds is None else account.left_seconds
    to_come = spending.answers / spending.seconds * spending.agents * left
    sure = 0.0
    if account.left_seconds is not None and account.answered >= min(FIRST_ANSWERS, AN_AGENT * spending.agents):
        deviation = math.sqrt(to_come + to_come**2 / spending.answers)
        distrust = min(MOST_DISTRUST, DISTRUST / math.sqrt(cap * (account.answered + to_come) + 1e-9))
        sure = (1.0 - distrust) * max(0.0, to_come - DEVIATIONS * deviation)
    calibration = spending.realised / spending.predicted
    worse = max(1.0, calibration)
    spare = WHOLE * max(1.0, (spending.agents - TEAM) / TEAM)
    left_for_pipe = cap * (account.answered + sure) - account.abandoned - JUMP * answers_in_pipe - spare
    budget = left_for_pipe - pipe * worse
    chance = UNLIKELY if cap * sure >= spare else max(NEVER, RARE * min(1.0, cap * to_come / LAST) ** 2)
    at_worst = ((left_for_pipe / worse, chance),)
    if budget <= 0:
        return Allowance(0.0, budget, account.name, at_worst)
    share = min(budget / max(to_come, answers_in_pipe, 1.0), MOST_SHARE * cap)
    gain = spending.risk / spending.calls * calibration
    return Allowance(min(MOST_RISK, share / gain), budget, account.name, at_worst)


def seen(spending: Spending, answers: int, abandoned: int, agents: int, elapsed_seconds: float) -> Spending:
    """What the time since the last decision teaches."""
    keep = 1.0
    if agents:
        memory_seconds = max(RATE_SECONDS, RATE_ANSWERS * spending.seconds / spending.answers / agents)
        keep = max(0.0, 1.0 - elapsed_seconds / memory_seconds)
    fade = max(0.0, 1.0 - abandoned / CALIBRATION_MEMORY)
    come = spending.awaited * (1.0 - math.exp(-elapsed_seconds / AWAITED_SECONDS))
    return replace(
        spending,
        answers=spending.answers * keep + answers,
        seconds=spending.seconds * keep + elapsed_seconds * agents,
        predicted=CALIBRATION_ABANDONS + (spending.predicted - CALIBRATION_ABANDONS) * fade + come,
        realised=CALIBRATION_ABANDONS + (spending.realised - CALIBRATION_ABANDONS) * fade + abandoned,
        awaited=spending.awaited - come,
    )


def placed(spending: Spending, agents: int, risks: Iterable[float], chance: float, threshold: float) -> Spending:
    """What the calls just dialled teach of the threshold's gain; nothing while there is no budget."""
    if threshold <= 0:
        return replace(spending, agents=agents)
    risks = list(risks)
    weight = chance * len(risks)
    fade = max(0.0, 1.0 - weight / GAIN_MEMORY)
    return replace(
        spending,
        agents=agents,
        risk=spending.risk * fade + chance * sum(min(risk, threshold) for risk in risks) / threshold,
        calls=spending.calls * fade + weight,
        awaited=spending.awaited + chance * sum(risks),
    )


def carried_over(spending: Spending) -> Spending:
    """For the next day: the rate and the ratios stay the best guess, worth no more than they were before the first."""
    share = min(1.0, RATE_ANSWERS / 2 / spending.answers)
    gain = min(1.0, GAIN_MEMORY / 4 / spending.calls)
    return Spending(
        answers=spending.answers * share,
        seconds=spending.seconds * share,
        risk=spending.risk * gain,
        calls=spending.calls * gain,
        predicted=spending.predicted / 2,
        realised=spending.realised / 2,
    )
