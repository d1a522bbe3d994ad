"""Several campaigns, the same agents: who gets the next ones who are free.

What is shared is agents' time: talk, wrap-up, and the ringing for which an agent is kept free. Higher priority comes
first. Among equals each campaign has a meter of the time it has had, divided by its share (a virtual time, as in
stride scheduling: Waldspurger and Weihl, 1995); the next agent goes to whom the meter, with the agents in use now
and the one to come, is lowest. So shares hold over time, whatever calls last; a campaign with nothing to dial takes
nothing, saves nothing up, and owes nothing when it is back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

AGENT_SECONDS = 60.0
"""What an agent in use now weighs beside the time that was used before: about one call."""
MOST_AHEAD_SECONDS = 1_800.0
"""Who could not use its share for long doesn't take every agent afterwards to make up for it."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """One campaign of those that share agents.

    share: of the agents' time, in proportion to the others' shares; above 0.
    priority: the higher one is served first, whatever the shares. value: of a call; decides between equals.
    in_use: agents who are on its calls, write them up or are held for them, and those whom its lines will take.
    wants: how many more it could use now.
    """

    name: str
    share: float = 1.0
    priority: int = 0
    value: float = 0.0
    in_use: float = 0.0
    wants: int = 0


@dataclass(frozen=True, slots=True)
class Meters:
    """What is remembered between two deals: agent-seconds by share, of each campaign, above the lowest."""

    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Deal:
    """Who gets how many of the next free agents, and in which order the campaigns are to be served."""

    order: tuple[str, ...]
    agents: Mapping[str, int]


def deal(claimants: Iterable[Claimant], free: int, elapsed_seconds: float, meters: Meters) -> tuple[Deal, Meters]:
    """Deal `free` agents out, one by one; and what to remember for the next deal.

    elapsed_seconds: since the previous deal, through which the agents in use are taken to have been so.
    """
    claimants = tuple(claimants)
    meters = _read(claimants, elapsed_seconds, meters)
    got = dict.fromkeys((claimant.name for claimant in claimants), 0)

    def rank(claimant: Claimant) -> tuple[float, float, float, str]:
        weight = (claimant.in_use + got[claimant.name] + 1) / claimant.share
        return (
            -claimant.priority,
            meters.seconds[claimant.name] + AGENT_SECONDS * weight,
            -claimant.value,
            claimant.name,
        )

    order = tuple(claimant.name for claimant in sorted(claimants, key=rank))
    for _ in range(max(0, free)):
        wanting = [claimant for claimant in claimants if got[claimant.name] < claimant.wants]
        if not wanting:
            break
        got[min(wanting, key=rank).name] += 1
    return Deal(order, got), meters


def _read(claimants: tuple[Claimant, ...], elapsed_seconds: float, meters: Meters) -> Meters:
    """The meters after that time, each priority's by themselves."""
    seconds: dict[str, float] = {}
    for priority in {claimant.priority for claimant in claimants}:
        equals = [claimant for claimant in claimants if claimant.priority == priority]
        ran = {
            claimant.name: meters.seconds.get(claimant.name, 0.0) + elapsed_seconds * claimant.in_use / claimant.share
            for claimant in equals
        }
        lowest = min((ran[claimant.name] for claimant in equals if claimant.wants), default=min(ran.values()))
        for claimant in equals:
            ahead = ran[claimant.name] - lowest
            seconds[claimant.name] = min(MOST_AHEAD_SECONDS, max(0.0, ahead))
    return Meters(MappingProxyType(seconds))
