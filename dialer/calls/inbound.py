"""A call that came in: its life, as a table, and what is kept of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dialer.calls.attempt import Attempt, State
from dialer.compliance.entry import Direction
from dialer.compliance.verdict import Intent
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber


class InboundState(StrEnum):
    """Where it stands."""

    ARRIVED = "arrived"
    """Up; the dialplan waits for our word."""
    WAITING = "waiting"
    """With music, for the next free agent."""
    CLAIMED = "claimed"
    """Sent to a seat, not yet bridged."""
    TALKING = "talking"
    UNSERVED = "unserved"
    """Nobody in time, or nobody there: the announcement is played."""
    ENDED = "ended"


class InboundSignal(StrEnum):
    """What can happen to it."""

    HELD = "held"
    CLAIMED = "claimed"
    CLAIM_FAILED = "claim_failed"
    """The dialplan found the seat locked or gone; the caller is still there."""
    CLAIM_REFUSED = "claim_refused"
    """The PBX didn't take the claim: the leg is gone, or the link is; who knows says so soon."""
    BRIDGED = "bridged"
    AGENT_LEFT = "agent_left"
    TURNED_AWAY = "turned_away"
    HUNG_UP = "hung_up"
    VANISHED = "vanished"
    """The PBX, asked after a reconnect, doesn't know it."""


class InboundEffect(StrEnum):
    """What must be done because of it."""

    SERVE = "serve"
    """Find an agent, or let it wait."""
    CONNECT = "connect"
    RELEASE = "release"
    """Give the promised agent back: nobody talked."""
    PART = "part"
    HANG_UP = "hang_up"
    SETTLE = "settle"


class InboundResult(StrEnum):
    """How it ended."""

    CONNECTED = "connected"
    HUNG_UP = "hung_up"
    """The caller left before an agent came."""
    UNSERVED = "unserved"
    """Nobody was free in time."""
    CLOSED = "closed"
    """Nobody was at work for the campaign."""
    AWAY = "away"
    """The engine was: the dialplan took it alone."""
    NOT_OURS = "not_ours"
    """The number is no campaign's."""
    UNKNOWN = "unknown"


_S, _G, _E = InboundState, InboundSignal, InboundEffect
_BEFORE_AGENT = (_S.ARRIVED, _S.WAITING, _S.UNSERVED)
INBOUND_TABLE: dict[tuple[InboundState, InboundSignal], tuple[InboundState, tuple[InboundEffect, ...]]] = {
    (_S.ARRIVED, _G.HELD): (_S.WAITING, ()),
    (_S.WAITING, _G.HELD): (_S.WAITING, ()),
    (_S.ARRIVED, _G.CLAIMED): (_S.CLAIMED, ()),
    (_S.WAITING, _G.CLAIMED): (_S.CLAIMED, ()),
    (_S.ARRIVED, _G.TURNED_AWAY): (_S.UNSERVED, ()),
    (_S.WAITING, _G.TURNED_AWAY): (_S.UNSERVED, ()),
    **{(state, _G.BRIDGED): (_S.TALKING, (_E.CONNECT,)) for state in (*_BEFORE_AGENT, _S.CLAIMED)},
    **{(state, signal): (_S.ENDED, (_E.SETTLE,)) for state in _BEFORE_AGENT for signal in (_G.HUNG_UP, _G.VANISHED)},
    (_S.CLAIMED, _G.CLAIM_FAILED): (_S.WAITING, (_E.RELEASE, _E.SERVE)),
    (_S.CLAIMED, _G.CLAIM_REFUSED): (_S.ARRIVED, (_E.RELEASE,)),
    (_S.CLAIMED, _G.TURNED_AWAY): (_S.UNSERVED, (_E.RELEASE,)),
    (_S.CLAIMED, _G.HUNG_UP): (_S.ENDED, (_E.RELEASE, _E.SETTLE)),
    (_S.CLAIMED, _G.VANISHED): (_S.ENDED, (_E.RELEASE, _E.SETTLE)),
    (_S.TALKING, _G.AGENT_LEFT): (_S.TALKING, (_E.HANG_UP,)),
    (_S.TALKING, _G.HUNG_UP): (_S.ENDED, (_E.PART, _E.SETTLE)),
    (_S.TALKING, _G.VANISHED): (_S.ENDED, (_E.PART, _E.SETTLE)),
}


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose call it is: the case, what a contact about it is judged and counted by, and whether and how it is recorded."""

    case_id: int
    intent: Intent
    recorded: bool
    stereo: bool


@dataclass(slots=True)
class InboundCall:
    """One call that came in, with all that became of it. Times are the engine's clock.

    called: the number that was rung, as the campaign has it. caller: None: withheld. campaign: empty: no campaign's.
    case_id: whom it is about, once that is known. candidates: the cases of everybody with the caller's number, where
    they are several. intent: what a contact about the case is judged and counted by. recorded, stereo: whether its talk is; as
    long as nobody knows whose case it is, whether it may be. wanted_agent: of the last talk.
    """

    id: AttemptId
    called: str
    caller: PhoneNumber | None
    arrived_at: datetime
    state: InboundState = InboundState.ARRIVED
    campaign: str = ""
    case_id: int | None = None
    candidates: tuple[int, ...] = ()
    agent: str | None = None
    bridged_at: datetime | None = None
    unserved_at: datetime | None = None
    call_back_at: datetime | None = None
    """When the caller asked to be called back."""
    call_back_due_at: datetime | None = None
    """When that is due; None: not asked for, or no instant is known at which it would be legal."""
    ended_at: datetime | None = None
    result: InboundResult | None = None
    why: InboundResult | None = None
    """Why nobody takes it, where that is known before its end."""
    intent: Intent | None = None
    recorded: bool = True
    stereo: bool = False
    wanted_agent: str | None = None
    changes: int = 0

    def is_about(self, whose: Whose) -> None:
        """It is known now whose case it is."""
        self.case_id, self.intent, self.recorded, self.stereo = (
            whose.case_id,
            whose.intent,
            whose.recorded,
            whose.stereo,
        )

    def apply(self, signal: InboundSignal, at: datetime) -> tuple[InboundEffect, ...] | None:
        """Move on; what must be done, or None where the table doesn't know this signal in this state."""
        row = INBOUND_TABLE.get((self.state, signal))
        if row is None:
            return None
        self.state, effects = row
        self.changes += 1
        match signal:
            case InboundSignal.BRIDGED:
                self.bridged_at = self.bridged_at or at
            case InboundSignal.TURNED_AWAY:
                self.unserved_at = self.unserved_at or at
            case InboundSignal.HUNG_UP | InboundSignal.VANISHED:
                self.ended_at, self.result = at, self._result(signal)
            case _:
                pass
        return effects

    @property
    def waited_seconds(self) -> float | None:
        """Until an agent was there, the caller was turned away, or left; None while it waits."""
        until = self.bridged_at or self.unserved_at or self.ended_at
        return None if until is None else (until - self.arrived_at).total_seconds()

    def _result(self, ended_by: InboundSignal) -> InboundResult:
        if self.bridged_at is not None:
            return InboundResult.CONNECTED
        if self.why is not None:
            return self.why
        if self.unserved_at is not None:
            return InboundResult.UNSERVED
        return InboundResult.UNKNOWN if ended_by is InboundSignal.VANISHED else InboundResult.HUNG_UP


def talk_of(call: InboundCall) -> Attempt:
    """The conversation about a case, as outcomes and the ledger take it."""
    assert call.intent is not None
    return Attempt(
        call.id,
        call.intent,
        call.arrived_at,
        state=State.TALKING if call.ended_at is None else State.ENDED,
        direction=Direction.INBOUND,
        created=True,
        answered_at=call.arrived_at,
        bridged_at=call.bridged_at,
        ended_at=call.ended_at,
        agent=call.agent,
        recorded=call.recorded,
    )


@dataclass(frozen=True, slots=True)
class KnownCaller:
    """A case of somebody who has the caller's number. agent: of the last conversation about it, and when."""

    case_id: int
    campaign: str
    agent: str | None = None
    talked_at: datetime | None = None


class InboundRecord(Protocol):
    """Where calls that came in are kept. The coroutines raise AwayError."""

    def save_inbound(self, call: InboundCall) -> None:
        """Write it as it stands, soon."""

    async def known_callers(self, number: PhoneNumber) -> list[KnownCaller]:
        """Every case of a debtor who has the number."""

    async def unsettled_inbound(self, also: Collection[AttemptId], since: datetime) -> list[InboundCall]:
        """Those that have not ended, as far as the record knows, and some others by their ids; and those whose caller asked
        for a call back from `since` on that isn't planned.
        """

    async def flush(self) -> None:
        """Return once everything asked so far is on disk."""
