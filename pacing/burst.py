"""The pacer's answer: how many calls, at what risk, limited by what, in words."""

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """What kept the burst from being larger."""

    HALT = "halt"
    AGENTS = "agents"
    CHANNELS = "channels"
    RATE = "rate"
    CASES = "cases"
    TRUNK = "trunk"


_SENTENCES = {
    Limit.HALT: "nothing is dialled: the campaign is not running, or the PBX or the daemon is not ready",
    Limit.AGENTS: "limited by free agents ({idle} free, {dialling} lines ringing for them)",
    Limit.CHANNELS: "limited by trunk channels ({in_use} of {channels} in use)",
    Limit.RATE: "limited by the trunk's {rate:g} calls per second",
    Limit.CASES: "no case may be dialled now",
    Limit.TRUNK: "the trunk fails ({failures} calls in a row never left): probing with one call at a time",
}


@dataclass(frozen=True, slots=True)
class Burst:
    """How many calls to place now.

    calls: to place now.
    wanted: what the mode would place without the governor.
    risk_last: chance that the last accepted call is answered while no agent is free; 0 with no over-dialling.
    risk_next: the same for the first call that was not placed; 1 where no agent would be left for it.
    limit: what kept the burst from being larger.
    sentence: the same for people.
    """

    calls: int
    wanted: int
    risk_last: float
    risk_next: float
    limit: Limit
    sentence: str


def sentence(limit: Limit, **figures: float) -> str:
    """The limit in words, with its figures."""
    return _SENTENCES[limit].format(**figures)
