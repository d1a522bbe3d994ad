"""Predictive: one call more as long as the risk that its answer finds no agent is small enough.

Marginal risk: the chance that, when the new call is answered, all agents who are free by then (or within the
debtor's patience) are taken by calls answered before it. It is weighed over the time at which the call would be
answered. Agents that come free and calls that are answered are independent events with known chances, so their
balance is a sum of Bernoulli variables (Poisson binomial).
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import NormalDist
from typing import Protocol, TypeVar

import numpy as np

from pacing import answering, handling
from pacing.abandonment import UNLIKELY, allow
from pacing.answering import BIN_SECONDS, Answering
from pacing.burst import Limit, Wish
from pacing.floor import Floor
from pacing.handling import Duration, rows
from pacing.laws import Array, Laws, believed
from pacing.memory import Memory
from pacing.target import Target

Known = TypeVar("Known", Answering, Duration)

EXACT_BUSY = 24
"""Up to so many busy agents the balance is convolved exactly, above it is taken for nearly normal."""
BURST_AN_AGENT = 3
"""No decision places more calls an agent: what is believed wrongly shows before the next."""
ONE_BY_ONE = 6
"""Up to so many calls each one's risk is worked out."""
CERTAIN = 1e-4
"""What is less likely is left out of the convolution."""
_NORMAL = NormalDist()
_NODES = (np.array([-math.sqrt(3), 0.0, math.sqrt(3)]), np.array([1 / 6, 2 / 3, 1 / 6]))


def wish(floor: Floor, target: Target, memory: Memory, least: Wish, most: int) -> tuple[Wish, Memory]:
    """What the abandonment budget allows on this floor, but never fewer than the progressive `least`.

    Without an account there is no budget, and in an outage nothing is known: then it is the progressive wish.
    """
    known = memory.answering
    laws = believed(memory.laws, known, memory.talk, memory.wrap, floor, target)
    memory = replace(memory, laws=laws)
    chances = balance(
        floor, laws, _factors(known, floor.dialling_kinds, answering.multiplier), _agent_factors(memory, floor)
    )
    view = outlook(chances)
    allowance = allow(
        floor.accounts,
        target.max_abandonment,
        memory.spending,
        view.shortfall(),
        float(chances.calls[:, -1].sum()) + len(floor.waiting),
    )
    threshold = 0.0 if known.outage else allowance.threshold
    most = max(least.calls, min(most, BURST_AN_AGENT * max(2, floor.agents)))
    found = risks(view, threshold, most) if threshold > 0 else [1.0]
    calls = len(found) - 1
    for left, chance in allowance.at_worst:
        lost = partial(view.shortfall, chance=chance)
        if calls > least.calls and lost(calls) > left:  # what is left couldn't make good what this burst may lose
            calls = least.calls + max(0, bisect_right(range(least.calls, calls), left, key=lost) - 1)
            found = found[: calls + 1]
    limit = Limit.OUTAGE if known.outage else Limit.BUDGET
    if calls < least.calls:
        view = view if least.calls <= EXACT_BUSY else Normal(chances)
        found = [view.risk(added) for added in range(least.calls + 1)]
        calls = least.calls
    return (
        Wish(calls, limit, tuple(found), threshold, allowance.budget, allowance.account, laws.calls.chance),
        memory,
    )


def _factors(known: Known, kinds: tuple[str, ...], multiplier: Callable[[Known, str], float]) -> Array | None:
    if not any(kinds):
        return None
    each = {kind: multiplier(known, kind) for kind in set(kinds)}
    return np.array([each[kind] for kind in kinds])


def _agent_factors(memory: Memory, floor: Floor) -> tuple[Array, Array] | None:
    talk = _factors(memory.talk, floor.talking_kinds, handling.multiplier)
    wrap = _factors(memory.wrap, floor.wrapping_kinds, handling.multiplier)
    if talk is None and wrap is None:
        return None
    return (
        talk if talk is not None else np.ones(len(floor.talking)),
        wrap if wrap is not None else np.ones(len(floor.wrapping)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Balance:
    """Agents to come against answers to come, at each time considered.

    weights: chance that the new call, if answered, is answered there.
    free: agents free by then for certain, less calls that wait and claims.
    agents: chance of each busy agent to be free by then (rows: agents).
    calls: chance of each ringing call to be answered by then (rows: calls).
    new: the same for a call dialled now. doubt: relative standard error of the answer chances, pace_doubt: of the
    agents'.
    """

    weights: Array
    free: Array
    agents: Array
    calls: Array
    new: Array
    doubt: float
    pace_doubt: float = 0.0


def balance(
    floor: Floor, laws: Laws, call_factors: Array | None = None, agent_factors: tuple[Array, Array] | None = None
) -> Balance:
    """Lay out what is to come. Factors: how much likelier each call is answered, how much sooner each agent is free."""
    times = laws.times
    free = np.full(len(times.due), float(len(floor.idle) - len(floor.waiting)))
    if floor.joining or floor.leaving or floor.claims or floor.inbound_per_second:
        free += _counted(floor.joining, times.lags)
        free -= _counted(floor.leaving, times.due) + _counted(floor.claims, times.due)
        free -= floor.inbound_per_second * times.due
    table = laws.calls.ringing
    ages = np.array(floor.dialling, dtype=float)
    calls = table[np.minimum((ages / BIN_SECONDS).astype(int), len(table) - 1)]
    if call_factors is not None:
        calls = 1.0 - (1.0 - calls) ** call_factors[:, None]
    agents = np.concatenate(
        (laws.residual.after_talk[rows(floor.talking)], laws.residual.after_wrap[rows(floor.wrapping)])
    )
    if agent_factors is not None:
        agents = 1.0 - (1.0 - agents) ** np.concatenate(agent_factors)[:, None]
    return Balance(laws.calls.weights, free, agents, calls, laws.calls.new, laws.doubt, laws.pace_doubt)


class Outlook(Protocol):
    """The chances of a balance."""

    def risk(self, added: int) -> float:
        """Of one call more, after `added` others: the chance that its answer finds no agent."""

    def shortfall(self, added: int = 0, chance: float = UNLIKELY) -> float:
        """Calls now ringing or waiting, or added, that may find no agent: exceeded with this chance at most, at the
        worst of the times considered.
        """


def outlook(balance: Balance) -> Outlook:
    """Exact for small floors, nearly normal for large ones."""
    return Exact(balance) if len(balance.agents) <= EXACT_BUSY else Normal(balance)


def risks(outlook: Outlook, threshold: float, most: int) -> list[float]:
    """Risk of each further call up to the first that exceeds `threshold`; at most `most` within it.

    Each call raises the risk of the next, so the first that is refused ends the search. In large bursts the first is
    found by halving, and the risks between those looked at are taken for straight.
    """
    found = [outlook.risk(0)]
    while len(found) <= min(most, ONE_BY_ONE) and found[-1] <= threshold:
        found.append(max(found[-1], outlook.risk(len(found))))
    if found[-1] > threshold or len(found) > most:
        return found
    at = {len(found) - 1: found[-1]}
    low, step = len(found) - 1, len(found)
    while (high := min(low + step, most)) > low:
        at[high] = outlook.risk(high)
        if at[high] > threshold:
            break
        low, step = high, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        at[middle] = outlook.risk(middle)
        low, high = (low, middle) if at[middle] > threshold else (middle, high)
    places = sorted(at)
    between = np.interp(np.arange(len(found), high + 1), places, np.maximum.accumulate([at[place] for place in places]))
    return [*found, *between.tolist()]


class Exact:
    """By convolution. A success is an agent who comes or a call that isn't answered, so that the balance is the sum of
    successes less the number of calls. Doubt about the answer chance is a mixture over three values of it
    (Gauss-Hermite).
    """

    def __init__(self, balance: Balance) -> None:
        factors, shares = _NODES if balance.doubt > 0 else (np.array([0.0]), np.array([1.0]))
        factors = np.maximum(0.0, 1.0 + factors * balance.doubt)
        times = len(balance.weights)
        agents = balance.agents[balance.agents.max(axis=1, initial=0.0) > CERTAIN]
        calls = balance.calls[balance.calls.max(axis=1, initial=0.0) > CERTAIN]
        unanswered = 1.0 - np.minimum(1.0, factors[:, None] * np.concatenate((balance.new[None], calls))[:, None])
        unanswered = unanswered.reshape(len(calls) + 1, -1)
        coming = np.broadcast_to(agents[:, None], (len(agents), len(factors), times)).reshape(
            len(agents), times * len(factors)
        )
        self._new = unanswered[0]
        self._weights = (shares[:, None] * balance.weights).ravel()
        self._shares = shares
        # answers that would leave nobody free
        self._worst = len(calls) - np.concatenate([np.floor(balance.free).astype(int)] * len(factors))
        self._held = [summed(np.concatenate((coming, unanswered[1:])))]

    def _with_added(self, added: int) -> Array:
        while len(self._held) <= added:
            self._held.append(_with(self._held[-1], self._new))
        return self._held[added]

    def risk(self, added: int) -> float:
        chances, worst = self._with_added(added), self._worst + added
        below = chances.cumsum(axis=0)[np.minimum(np.maximum(worst, 0), len(chances) - 1), np.arange(len(worst))]
        return float(self._weights @ (below * (worst >= 0)))

    def shortfall(self, added: int = 0, chance: float = UNLIKELY) -> float:
        chances = self._with_added(added).cumsum(axis=0)
        best = np.argmax(chances > chance, axis=0)
        missing = np.maximum(0, self._worst + added - best).reshape(len(self._shares), -1)
        return float((self._shares @ missing).max())


def summed(successes: Array) -> Array:
    """The distribution of a sum of Bernoulli variables (rows: its values), from their chances (rows: variables)."""
    chances = np.zeros((len(successes) + 1, successes.shape[1]))
    chances[0] = 1.0
    for count, success in enumerate(successes):
        moved = chances[: count + 1] * success
        chances[: count + 1] -= moved
        chances[1 : count + 2] += moved
    return chances


def _with(chances: Array, success: Array) -> Array:
    """The same with one variable more."""
    moved = chances * success
    wider = np.zeros((len(chances) + 1, chances.shape[1]))
    wider[:-1] = chances - moved
    wider[1:] += moved
    return wider


class Normal:
    """Normal, with corrections for continuity and skewness (Volkova 1996): for large floors."""

    def __init__(self, balance: Balance) -> None:
        agents, calls, new = balance.agents, balance.calls, balance.new
        self._weights, self._new, self._doubt = balance.weights, new, balance.doubt
        self._answers, coming = calls.sum(axis=0), agents.sum(axis=0)
        self._mean = balance.free + coming - self._answers
        freed, taken, added = agents * (1 - agents), calls * (1 - calls), new * (1 - new)
        self._spread = freed.sum(axis=0) + taken.sum(axis=0) + (balance.pace_doubt * coming) ** 2
        self._skew = (freed * (1 - 2 * agents)).sum(axis=0) - (taken * (1 - 2 * calls)).sum(axis=0)
        self._new_spread, self._new_skew = added, added * (1 - 2 * new)

    def _deviation(self, added: int) -> Array:
        doubt = self._doubt * (self._answers + added * self._new)
        return np.asarray(np.sqrt(self._spread + added * self._new_spread + doubt**2 + 1e-6))

    def risk(self, added: int) -> float:
        deviation = self._deviation(added)
        skew = (self._skew - added * self._new_skew) / deviation**3
        x = (0.5 - self._mean + added * self._new) / deviation
        below = _normal_below(x) + skew * (1 - x * x) * _density(x) / 6
        return float(self._weights @ np.clip(below, 0.0, 1.0))

    def shortfall(self, added: int = 0, chance: float = UNLIKELY) -> float:
        deviations = _NORMAL.inv_cdf(1.0 - chance)
        return float(max(0.0, (deviations * self._deviation(added) - self._mean + added * self._new).max()))


def _density(x: Array) -> Array:
    return np.asarray(np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi))


def _normal_below(x: Array) -> Array:
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in x])


def _counted(at: tuple[float, ...], until: Array) -> Array:
    return (np.asarray(at)[:, None] <= until).sum(axis=0) if at else np.zeros(len(until))
