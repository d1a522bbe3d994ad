"""The life of one attempt, as a table."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.calls.results import Result
from dialer.cases.model import NextAction
from dialer.compliance.entry import Direction, EntryResult
from dialer.compliance.verdict import Intent
from dialer.kernel.ids import AttemptId


class State(StrEnum):
    """Where an attempt stands."""

    CLEARED = "cleared"
    """On disk; Asterisk hasn't heard of it."""
    DIALLING = "dialling"
    RINGING = "ringing"
    ANSWERED = "answered"
    """Up, not yet in our context."""
    WAITING = "waiting"
    """In our context: an agent may be bridged."""
    CLAIMED = "claimed"
    """Sent to a seat, not yet bridged."""
    TALKING = "talking"
    ABANDONED = "abandoned"
    """Nobody came in time: the dialplan treats the call."""
    UNCERTAIN = "uncertain"
    """We asked and don't know whether the PBX heard: settled by reconciliation, never sent again."""
    ENDED = "ended"


class Signal(StrEnum):
    """What can happen to an attempt."""

    SENT = "sent"
    WITHDRAWN = "withdrawn"
    """We never asked: the link is away, the clearance expired, or the campaign was stopped."""
    REFUSED = "refused"
    """No channel was ever made: the PBX said no."""
    UNSURE = "unsure"
    """The request was lost or its answer was."""
    CREATED = "created"
    RANG = "rang"
    UP = "up"
    WAITS = "waits"
    CLAIMED = "claimed"
    CLAIM_FAILED = "claim_failed"
    """The dialplan found the seat locked or gone; the debtor still waits."""
    CLAIM_REFUSED = "claim_refused"
    """The PBX didn't take the claim: the leg is gone, or the link is; who knows says so soon."""
    BRIDGED = "bridged"
    AGENT_LEFT = "agent_left"
    ABANDONED = "abandoned"
    HUNG_UP = "hung_up"
    VANISHED = "vanished"
    """The PBX, asked after a reconnect, doesn't know it."""


class Effect(StrEnum):
    """What the flow must do because of it."""

    OFFER = "offer"
    """Find an agent now."""
    CONNECT = "connect"
    """An agent and the debtor hear each other."""
    RELEASE = "release"
    """Give the promised agent back: nobody talked."""
    PART = "part"
    """The conversation is over: the agent wraps up."""
    HANG_UP = "hang_up"
    COUNT_ABANDONED = "count_abandoned"
    SETTLE = "settle"
    """Terminal: result, record, next action."""


_S, _G, _E = State, Signal, Effect
_Rows = dict[tuple[State, Signal], tuple[State, tuple[Effect, ...]]]

# Until the answer, whatever order the events come in (Asterisk promises none).
_BEFORE_ANSWER: dict[Signal, tuple[State, tuple[Effect, ...]]] = {
    _G.UP: (_S.ANSWERED, ()),
    _G.WAITS: (_S.WAITING, (_E.OFFER,)),
    _G.BRIDGED: (_S.TALKING, (_E.CONNECT,)),
    _G.ABANDONED: (_S.ABANDONED, (_E.COUNT_ABANDONED,)),
    _G.HUNG_UP: (_S.ENDED, (_E.SETTLE,)),
    _G.VANISHED: (_S.ENDED, (_E.SETTLE,)),
}

TABLE: _Rows = {
    (_S.CLEARED, _G.SENT): (_S.DIALLING, ()),
    (_S.CLEARED, _G.WITHDRAWN): (_S.ENDED, (_E.SETTLE,)),
    (_S.DIALLING, _G.CREATED): (_S.DIALLING, ()),
    (_S.DIALLING, _G.RANG): (_S.RINGING, ()),
    (_S.DIALLING, _G.WITHDRAWN): (_S.ENDED, (_E.SETTLE,)),
    (_S.DIALLING, _G.REFUSED): (_S.ENDED, (_E.SETTLE,)),
    (_S.DIALLING, _G.UNSURE): (_S.UNCERTAIN, ()),
    (_S.UNCERTAIN, _G.CREATED): (_S.DIALLING, ()),
    (_S.UNCERTAIN, _G.RANG): (_S.RINGING, ()),
    (_S.UNCERTAIN, _G.REFUSED): (_S.ENDED, (_E.SETTLE,)),
    **{(state, signal): row for state in (_S.DIALLING, _S.UNCERTAIN, _S.RINGING, _S.ANSWERED)
       for signal, row in _BEFORE_ANSWER.items() if (state, signal) != (_S.ANSWERED, _G.UP)},
    (_S.WAITING, _G.WAITS): (_S.WAITING, (_E.OFFER,)),
    (_S.WAITING, _G.CLAIMED): (_S.CLAIMED, ()),
    (_S.WAITING, _G.BRIDGED): (_S.TALKING, (_E.CONNECT,)),
    (_S.WAITING, _G.ABANDONED): (_S.ABANDONED, (_E.COUNT_ABANDONED,)),
    (_S.WAITING, _G.HUNG_UP): (_S.ENDED, (_E.SETTLE,)),
    (_S.WAITING, _G.VANISHED): (_S.ENDED, (_E.SETTLE,)),
    (_S.CLAIMED, _G.BRIDGED): (_S.TALKING, (_E.CONNECT,)),
    (_S.CLAIMED, _G.CLAIM_FAILED): (_S.WAITING, (_E.RELEASE, _E.OFFER)),
    (_S.CLAIMED, _G.CLAIM_REFUSED): (_S.WAITING, (_E.RELEASE,)),
    (_S.CLAIMED, _G.ABANDONED): (_S.ABANDONED, (_E.RELEASE, _E.COUNT_ABANDONED)),
    (_S.CLAIMED, _G.HUNG_UP): (_S.ENDED, (_E.RELEASE, _E.SETTLE)),
    (_S.CLAIMED, _G.VANISHED): (_S.ENDED, (_E.RELEASE, _E.SETTLE)),
    (_S.TALKING, _G.AGENT_LEFT): (_S.TALKING, (_E.HANG_UP,)),
    (_S.TALKING, _G.HUNG_UP): (_S.ENDED, (_E.PART, _E.SETTLE)),
    (_S.TALKING, _G.VANISHED): (_S.ENDED, (_E.PART, _E.SETTLE)),
    (_S.ABANDONED, _G.HUNG_UP): (_S.ENDED, (_E.SETTLE,)),
    (_S.ABANDONED, _G.VANISHED): (_S.ENDED, (_E.SETTLE,)),
}  # fmt: skip

IN_FLIGHT = frozenset(State) - {State.ENDED}
BEFORE_ANSWER = frozenset({State.CLEARED, State.DIALLING, State.RINGING, State.UNCERTAIN})
UNBRIDGED = frozenset({State.ANSWERED, State.WAITING})
FROM_THE_FAR_END = frozenset({_G.RANG, _G.UP, _G.WAITS, _G.BRIDGED, _G.ABANDONED})
_FROM_A_CHANNEL = FROM_THE_FAR_END | {_G.CREATED}


@dataclass(slots=True)
class Attempt:
    """One intention to ring one number, with all that became of it. Times are the engine's clock."""

    id: AttemptId
    intent: Intent
    cleared_at: datetime
    state: State = State.CLEARED
    direction: Direction = Direction.OUTBOUND
    """Inbound: the conversation of a call that came in, from its bridge on."""
    created: bool = False
    """The PBX made a channel for it."""
    dialled_at: datetime | None = None
    gives_up_at: datetime | None = None
    """When our own time-out ends the ringing."""
    rang_at: datetime | None = None
    answered_at: datetime | None = None
    bridged_at: datetime | None = None
    abandoned_at: datetime | None = None
    ended_at: datetime | None = None
    agent: str | None = None
    left_at: datetime | None = None
    """When its agent left it to somebody outside."""
    cause: int | None = None
    sip: int | None = None
    result: Result | None = None
    outcome: str | None = None
    """What the agent said of it, once it was said."""
    counts_as: EntryResult | None = None
    """What that counts as for the gate."""
    then: NextAction | None = None
    """What comes next in the case because of it, once the call is over."""
    refusals: tuple[str, ...] = ()
    """Reasons of the gate where it refused the bridge at the answer."""
    changes: int = 0
    """How many signals moved it: tells whether something happened since one looked."""
    hang_up_wanted: bool = False
    """Somebody wants it ended: asked again at every sign of life, because a hang-up may come before the channel."""
    failed_trunks: frozenset[str] = frozenset()
    """Those that had no way for the same case just before."""
    trunk_lost: bool = False
    """Its carrier fell silent before it rang: what became of it nobody knows."""
    recorded: bool = True
    """Whether the PBX was asked to record it. Where a restart found it under way nobody knows: in doubt it was."""
    stereo: bool = False
    """Whether that recording has one side on each track."""
    kind: str = ""
    """What pacing may know of it beforehand (`dialer.calls.kinds`); empty where a restart found it under way."""

    def apply(self, signal: Signal, at: datetime) -> tuple[Effect, ...] | None:
        """Move on; what the flow must do, or None where the table doesn't know this signal in this state."""
        row = TABLE.get((self.state, signal))
        if row is None:
            return None
        self.state, effects = row
        self.changes += 1
        self.created = self.created or signal in _FROM_A_CHANNEL
        match signal:
            case Signal.SENT:
                self.dialled_at = at
            case Signal.RANG:
                self.rang_at = at
            case Signal.UP | Signal.WAITS:
                self.answered_at = self.answered_at or at
            case Signal.BRIDGED:
                self.bridged_at = self.bridged_at or at
                self.answered_at = self.answered_at or at
            case Signal.ABANDONED:
                self.abandoned_at = self.abandoned_at or at
                self.answered_at = self.answered_at or at
            case Signal.WITHDRAWN | Signal.REFUSED | Signal.HUNG_UP | Signal.VANISHED:
                self.ended_at = at
            case _:
                pass
        return effects

    @property
    def campaign(self) -> str:
        return self.intent.campaign

    @property
    def answer_to_agent_seconds(self) -> float | None:
        """From the answer to the bridge, by the PBX's own clock."""
        if self.answered_at is None or self.bridged_at is None:
            return None
        return (self.bridged_at - self.answered_at).total_seconds()
