"""What a pacer may know: the floor at one instant, and what happened on it since the last decision."""

from dataclasses import dataclass
from enum import StrEnum

from pacing.abandonment import Account


class What(StrEnum):
    """What can happen on a floor that a pacer learns from."""

    ANSWERED = "answered"
    FAILED = "failed"
    """Ended unanswered before the ring time-out: busy, rejected, unobtainable."""
    RANG_OUT = "rang_out"
    TRUNK_FAILED = "trunk_failed"
    """Never left our side: says nothing of the debtor."""
    ABANDONED = "abandoned"
    TALK_ENDED = "talk_ended"
    WRAP_ENDED = "wrap_ended"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened since the previous decision.

    seconds: how long it took: the ringing until answered or ended, the talk, the wrap-up; the wait of an abandoned call.
    ago_seconds: how long before this decision.
    kind: of the call (ringing) or of the agent (talk, wrap-up), as in the floor's own `*_kinds`.
    """

    what: What
    seconds: float = 0.0
    ago_seconds: float = 0.0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Floor:
    """Agents and calls of one campaign right now; ages in seconds since each began.

    elapsed_seconds: since the previous decision; 0 at the first.
    trunk_seconds: since the previous decision of any campaign on the same trunk; None where there is no other.
    idle: ages of the agents who are ready and whose seat is up.
    talking, wrapping: ages of the agents on a call, and after it, who will take another call then. Who goes on a
        break or home after this call is in neither.
    talking_kinds, wrapping_kinds: class of each of those agents, in the same order; empty where all are alike.
    reserved: agents who are promised: to an answered call that isn't bridged yet, or to a call dialled for them alone.
    dialling: ages of the calls that are neither answered nor ended and have no agent reserved.
    dialling_kinds: class of each (number type, hour, attempt number); empty where all are alike.
    waiting: ages of the answered calls that no agent has taken yet.
    joining: seconds until each announced agent is free for the first time (log-in, end of a break).
    leaving: seconds until each announced leave of an agent who is free now.
    claims: seconds until something else needs a free agent: a call-back that is due, a call of another campaign that
        shares the agents.
    inbound_per_second: calls that come in and are served before ours.
    channels_in_use: trunk channels taken by every campaign together.
    cases: cases that may be dialled now, or None where nobody counted.
    opens_in_seconds: until a case may be called again, where none may now because of the hour alone; else None.
    trunk_failures: calls in a row, up to now, that never left our side.
    acknowledgement_seconds, lag_seconds: how long the PBX takes to accept a call, and how late its events come.
    halted: nothing may be dialled (halt, drain, PBX away, reconciling).
    accounts: one for each law that caps abandoned calls.
    happened: since the previous decision, in any order.
    """

    elapsed_seconds: float
    trunk_seconds: float | None = None
    idle: tuple[float, ...] = ()
    talking: tuple[float, ...] = ()
    wrapping: tuple[float, ...] = ()
    talking_kinds: tuple[str, ...] = ()
    wrapping_kinds: tuple[str, ...] = ()
    reserved: int = 0
    dialling: tuple[float, ...] = ()
    dialling_kinds: tuple[str, ...] = ()
    waiting: tuple[float, ...] = ()
    joining: tuple[float, ...] = ()
    leaving: tuple[float, ...] = ()
    claims: tuple[float, ...] = ()
    inbound_per_second: float = 0.0
    channels_in_use: int = 0
    cases: int | None = None
    opens_in_seconds: float | None = None
    trunk_failures: int = 0
    acknowledgement_seconds: float = 0.0
    lag_seconds: float = 0.0
    halted: bool = False
    accounts: tuple[Account, ...] = ()
    happened: tuple[Happening, ...] = ()

    @property
    def agents(self) -> int:
        """Who works now and will take calls."""
        return len(self.idle) + len(self.talking) + len(self.wrapping) + self.reserved
