"""The pacer's answer: how many calls, at what risk, limited by what, in words."""

from dataclasses import dataclass
from enum import StrEnum


class Limit(StrEnum):
    """What kept the burst from being larger."""

    HALT = "halt"
    AGENTS = "agents"
    BUDGET = "budget"
    OUTAGE = "outage"
    CHANNELS = "channels"
    RATE = "rate"
    RAMP = "ramp"
    LATE = "late"
    HOURS = "hours"
    CASES = "cases"
    TRUNK = "trunk"


_SENTENCES = {
    Limit.HALT: "nothing is dialled: the campaign is not running, or the PBX or the daemon is not ready",
    Limit.AGENTS: "limited by free agents ({idle} free, {dialling} lines ringing for them)",
    Limit.BUDGET: "limited by the abandonment budget: {budget:.1f} calls may still be abandoned ({account}), so a call "
    "may find no agent with a chance of {threshold:.1%} at most; the next one's is {risk_next:.1%}",
    Limit.OUTAGE: "nothing is answered any more, or everything fails: only one line for each free agent",
    Limit.CHANNELS: "limited by trunk channels ({in_use} of {channels} in use)",
    Limit.RATE: "limited by the trunk's {rate:g} calls per second",
    Limit.RAMP: "limited to {rate:.1f} calls per second: the rate grows slowly after a start or a reconnect",
    Limit.LATE: "limited to {rate:.1f} calls per second: the PBX is {late_seconds:.1f} s late",
    Limit.HOURS: "outside the hours in which these debtors may be called: the first of them again in {opens_in}",
    Limit.CASES: "no case may be dialled now",
    Limit.TRUNK: "the trunk fails ({failures} calls in a row never left): probing with one call at a time",
}
_NO_BUDGET = "the abandonment budget allows no risk now ({account}): one line for each free agent ({idle} free)"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a mode would place without the governor.

    calls: to place now; limit: what keeps them from being more.
    risks: of each call, in order; the last one is of the first call that isn't placed. Empty: no risk is run.
    threshold: largest risk that is accepted. budget: calls that may still be abandoned, by `account`.
    answer_chance: that a call dialled now is answered.
    """

    calls: int
    limit: Limit
    risks: tuple[float, ...] = ()
    threshold: float = 0.0
    budget: float = 0.0
    account: str = ""
    answer_chance: float = 0.0


@dataclass(frozen=True, slots=True)
class Burst:
    """How many calls to place now.

    calls: to place now.
    wanted: what the mode would place without the governor.
    risk_last: chance that the last accepted call, if answered, finds no agent; 0 with no over-dialling.
    risk_next: the same for the first call that was not placed; 1 where no agent would be left for it.
    limit: what kept the burst from being larger.
    sentence: the same for people.
    risk_limit: largest risk that is accepted now. budget_calls: how many may still be abandoned.
    answer_chance: that a call dialled now is answered, as far as it is known.
    """

    calls: int
    wanted: int
    risk_last: float
    risk_next: float
    limit: Limit
    sentence: str
    risk_limit: float = 0.0
    budget_calls: float = 0.0
    answer_chance: float = 0.0


def sentence(limit: Limit, *, risky: bool, **figures: float | str) -> str:
    """The limit in words, with its figures. risky: the budget allows some risk."""
    words = _SENTENCES[limit] if risky or limit is not Limit.BUDGET else _NO_BUDGET
    return words.format(**figures)
