"""Who comes, goes or vanishes when: the agents' day, drawn before it begins."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pacing.lab.scenario import Churn, Scenario

_MOVES = 1 << 40
"""Keeps the agents' draws apart from the calls' (the second word of the seed)."""
_CLAIMS = _MOVES + 1


class How(StrEnum):
    """What an agent does."""

    COME = "come"
    GO = "go"
    """After the call, if there is one."""
    VANISH = "vanish"
    """At once, out of a call too, and told nobody."""


@dataclass(frozen=True, slots=True, order=True)
class Move:
    """One agent's coming or going, announced so long ahead (0: not at all)."""

    at_seconds: float
    agent: int
    how: How
    told_seconds: float = 0.0


def moves(scenario: Scenario, agents: int, seed: int) -> list[Move]:
    """Every move of the day, in order; who doesn't begin with a coming at 0 is away at first."""
    chance = np.random.default_rng((seed, _MOVES))
    made: list[Move] = []
    for agent in range(agents):
        shift = scenario.shifts[agent % len(scenario.shifts)]
        made.append(Move(shift.start_seconds, agent, How.COME, shift.told_seconds))
        if shift.end_seconds < scenario.seconds:
            made.append(Move(shift.end_seconds, agent, How.GO, shift.told_seconds))
        if scenario.churn:
            made += _churn(scenario.churn, agent, shift.start_seconds, scenario.seconds, chance)
    return sorted(made)


def claims(scenario: Scenario, agents: int, seed: int) -> tuple[list[float], list[float]]:
    """When calls come in, and when call-backs are due: Poisson, in order."""
    chance = np.random.default_rng((seed, _CLAIMS))
    inbound: list[float] = []
    rates = scenario.inbound_per_agent_hour
    ends = [start for start, _ in rates[1:]] + [scenario.seconds]
    for (start, rate), end in zip(rates, ends, strict=True):
        inbound += _poisson(chance, rate * agents / 3600, start, min(end, scenario.seconds))
    return inbound, _poisson(chance, scenario.callbacks_per_agent_hour * agents / 3600, 0.0, scenario.seconds)


def _churn(churn: Churn, agent: int, at: float, end: float, chance: np.random.Generator) -> list[Move]:
    made = []
    while (at := at + chance.exponential(churn.there_seconds)) < end:
        if chance.random() < churn.vanish_share:
            made.append(Move(at, agent, How.VANISH))
        else:
            made.append(Move(at, agent, How.GO, churn.told_seconds if chance.random() < churn.told_share else 0.0))
        at += chance.exponential(churn.away_seconds)
        told = churn.told_seconds if chance.random() < churn.told_share else 0.0
        made.append(Move(at, agent, How.COME, told))
    return made


def _poisson(chance: np.random.Generator, per_second: float, start: float, end: float) -> list[float]:
    if end <= start:
        return []
    count = chance.poisson(per_second * (end - start))
    return sorted(float(at) for at in chance.uniform(start, end, count))
