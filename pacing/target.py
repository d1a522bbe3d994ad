"""What the supervisor wants, and what the trunk can carry."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """How calls are placed."""

    PREVIEW = "preview"
    """The agent sees the case first and decides to call."""
    PROGRESSIVE = "progressive"
    """One call for each agent who is free."""
    PREDICTIVE = "predictive"
    """As many calls as the abandonment budget allows."""
    RESERVED = "reserved"
    """One call for each agent who is free, who is held for it from the dial to its end."""


@dataclass(frozen=True, slots=True)
class Target:
    """Settings of one campaign as its pacer sees them.

    channels: trunk channels that all campaigns together may take.
    calls_per_second: the rate that the trunk accepts, for all campaigns together.
    ramp_seconds: after a start or a reconnect the rate grows to its full height within this time; 0: at once.
    max_abandonment: largest share of answered calls that may be abandoned as the supervisor wants it, 0.03 for 3 %;
        every account's cap holds beside it.
    patience_seconds: from the answer until a call without an agent counts as abandoned.
    ring_timeout_seconds: from the dial until an unanswered call is given up.
    """

    mode: Mode = Mode.PROGRESSIVE
    channels: int = 30
    calls_per_second: float = 5.0
    ramp_seconds: float = 0.0
    max_abandonment: float = 0.03
    patience_seconds: float = 2.0
    ring_timeout_seconds: float = 25.0
