"""The port to the PBX: what the engine asks of Asterisk, and what it is told after a reconnect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dialer.compliance.clearance import Clearance, OutsideClearance
from dialer.kernel.events import SpyMode
from dialer.kernel.ids import AttemptId, OutsideLegId, SeatLegId, SpyLegId


class LegState(StrEnum):
    """What a leg is doing, as the PBX lists it."""

    CALLING = "calling"
    RINGING = "ringing"
    WAITING = "waiting"
    """Up, in the waiting context (a debtor) or in its room (a seat)."""
    BRIDGED = "bridged"
    HELD = "held"
    """A debtor on hold, while the agent speaks with another one, or with somebody outside."""
    MOVING = "moving"
    """A debtor between two talks: on the way to another seat, back to the first one, or to somebody outside."""
    OTHER = "other"
    """Up, somewhere else: being treated, or on its way."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One live channel of ours. `bridge` is the same for the two legs of a conversation."""

    state: LegState
    bridge: str = ""


class TurnAway(StrEnum):
    """What a caller is told whom no agent takes."""

    CALL_BACK = "call_back"
    """Nobody is free; a key asks for a call back."""
    SORRY = "sorry"
    """Nobody is free."""
    NOT_OURS = "not_ours"
    """The number takes no calls."""


@dataclass(frozen=True, slots=True)
class InboundMark:
    """What the dialplan knows of a call that came in, until it is told to forget it. Numbers as in `InboundArrived`."""

    arrived_at: datetime
    called: str
    caller: str
    ended_at: datetime | None = None
    call_back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """What the PBX has right now: our channels, and the marks of what the dialplan did without us."""

    at: datetime
    attempts: Mapping[AttemptId, Leg] = field(default_factory=dict)
    seats: Mapping[SeatLegId, Leg] = field(default_factory=dict)
    spies: Mapping[SpyLegId, Leg] = field(default_factory=dict)
    outside: Mapping[OutsideLegId, Leg] = field(default_factory=dict)
    abandoned: Mapping[AttemptId, datetime] = field(default_factory=dict)
    opted_out: Mapping[AttemptId, datetime] = field(default_factory=dict)
    inbound: Mapping[AttemptId, InboundMark] = field(default_factory=dict)
    """Calls that came in; those that are up are among `attempts`, too."""


class Pbx(Protocol):
    """Each method returns when the PBX has acknowledged, and raises PbxAwayError, PbxUnsureError or PbxRefusedError
    (`dialer.kernel.errors`).

    An acknowledgement is not a call: what became of it comes as events.
    """

    async def originate(
        self, clearance: Clearance, timeout_seconds: float, *, record: bool = False, stereo: bool = False
    ) -> None:
        """Ring the public number that was cleared, with the caller id and over the trunk that were. The only way to one.

        record: what is said from the bridge on; where the clearance's packs need notice or consent, once it is heard.
        stereo: the debtor on the left, our side on the right.
        """

    async def call_seat(self, leg: SeatLegId, seat_number: int, phone: str) -> None:
        """Call an agent's configured phone and seat it."""

    async def connect(self, attempt: AttemptId, seat_number: int) -> None:
        """Send the waiting debtor to the seat."""

    async def hold_recording(self, attempt: AttemptId) -> None:
        """Before `connect`: begin the recording muted. Without it the dialplan records nothing that needs notice."""

    async def record_caller(self, attempt: AttemptId, *, muted: bool, stereo: bool = False) -> None:
        """Before `connect`: begin to record a call that came in. Asked again it begins nothing new. Afterwards the caller
        waits as after the arrival: a word must follow.
        """

    async def mute_recording(self, attempt: AttemptId, *, muted: bool) -> None:
        """Let the recording be silent, or hear again."""

    async def refuse(self, attempt: AttemptId) -> None:
        """Let the answered debtor go: the gate forbids the bridge."""

    async def transfer(self, attempt: AttemptId, seat_number: int) -> None:
        """Send the debtor to another seat, or back to the first; where that fails, back to the one before."""

    async def consult(self, attempt: AttemptId, leg: SeatLegId, own_seat: int, seat_number: int) -> None:
        """Put the debtor of this seat on hold, and the seat together with another one; in the end it is back in its room.

        After some time the dialplan sends the debtor back to the seat.
        """

    async def hold_for_outside(self, attempt: AttemptId, own_seat: int) -> None:
        """Put the debtor of this seat on hold; the seat is back in its room.

        After some time, longer than `consult` gives, the dialplan sends the debtor back to the seat.
        """

    async def call_outside(self, clearance: OutsideClearance, own_seat: int, timeout_seconds: float) -> None:
        """Ring who was cleared; picked up they hear the seat, as long as its debtor is on hold, and otherwise nobody."""

    async def to_outside(self, attempt: AttemptId, own_seat: int) -> None:
        """Send the debtor of this seat, on hold, to who was called in; where that fails, back to the seat."""

    async def join(self, attempt: AttemptId, own_seat: int) -> None:
        """Bring the debtor of this seat, on hold, into the talk that the seat is in: three hear each other.

        When one leaves two go on; a debtor who is left alone goes back to the seat.
        """

    async def reseat(self, leg: SeatLegId, seat_number: int) -> None:
        """Send a seat back to its room."""

    async def hold(self, attempt: AttemptId, seconds: float) -> None:
        """Let the caller wait for an agent, so long at most; then a call back is offered."""

    async def turn_away(self, attempt: AttemptId, how: TurnAway) -> None:
        """Tell the caller that nobody takes the call, and end it."""

    async def spy(self, leg: SpyLegId, phone: str, seat: SeatLegId, mode: SpyMode) -> None:
        """Call a supervisor's configured phone; picked up, it hears the seat, and so it stays from call to call."""

    async def switch_spy(self, leg: SpyLegId, mode: SpyMode) -> None:
        """Change who hears the supervisor."""

    async def hang_up(self, leg: AttemptId | SeatLegId | SpyLegId | OutsideLegId) -> None:
        """End a leg."""

    async def purge(self, attempt: AttemptId) -> None:
        """Forget the dialplan's marks of a call: they have been counted."""

    async def survey(self) -> Survey:
        """List what there is."""
