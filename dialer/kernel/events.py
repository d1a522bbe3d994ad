"""What the PBX tells us, as values: the adapter decodes each message once into one of these.

`at` is the PBX's own instant of the event, mapped to the engine's clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.kernel.ids import AttemptId, OutsideLegId, SeatLegId, SpyLegId


@dataclass(frozen=True, slots=True)
class LegCreated:
    """A channel exists."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegRinging:
    """The far end rings (180)."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegUp:
    """The far end answered."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class DebtorWaits:
    """The answered debtor stands in our context and can be sent to a seat."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class ClaimFailed:
    """The seat was locked or gone; the debtor waits again for what is left of the time."""

    attempt: AttemptId
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class LegBridged:
    """Debtor and agent hear each other."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class AgentLeft:
    """The agent's leg ended first: the debtor is alone on the line."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The other seat couldn't be had: the debtor is on the way back to the first one."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class CallAbandoned:
    """Nobody claimed the call in time: the dialplan treats it as the law demands."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The debtor pressed the key that stops these calls."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The trunk leg is gone: the terminal event. `cause` is Q.850; `sip` where the PBX tells the SIP answer."""

    attempt: AttemptId
    at: datetime
    cause: int
    sip: int | None


@dataclass(frozen=True, slots=True)
class OriginateFailed:
    """The PBX gave up the originate. Told last: where no other event came before it, no channel was ever made."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatIdle:
    """The agent's leg waits for the next debtor."""

    leg: SeatLegId
    at: datetime


@dataclass(frozen=True, slots=True)
class SeatEnded:
    """The agent's leg is gone, or never came."""

    leg: SeatLegId
    at: datetime


@dataclass(frozen=True, slots=True)
class TrunkReached:
    """The PBX's own question to the carrier (OPTIONS) got an answer, or none. Told when it changes."""

    endpoint: str
    at: datetime
    reached: bool


class SpyMode(StrEnum):
    """Who hears a supervisor who listens to an agent. The supervisor hears the agent and the debtor in each."""

    LISTEN = "listen"
    """Nobody."""
    WHISPER = "whisper"
    """The agent alone."""
    BARGE = "barge"
    """The agent, and the debtor of the call under way."""


@dataclass(frozen=True, slots=True)
class SpyOn:
    """The supervisor's phone is up, and this mode holds from now on."""

    leg: SpyLegId
    at: datetime
    mode: SpyMode


@dataclass(frozen=True, slots=True)
class SpyEnded:
    """The supervisor's leg is gone, or never came."""

    leg: SpyLegId
    at: datetime


@dataclass(frozen=True, slots=True)
class OutsideBridged:
    """Who was called in hears somebody: first the agent."""

    leg: OutsideLegId
    at: datetime


@dataclass(frozen=True, slots=True)
class OutsideEnded:
    """The leg of who was called in is gone, or never came."""

    leg: OutsideLegId
    at: datetime


@dataclass(frozen=True, slots=True)
class InboundArrived:
    """Somebody rang one of our numbers, and is up. Numbers as the network says them; `caller` empty: withheld."""

    attempt: AttemptId
    at: datetime
    called: str
    caller: str


@dataclass(frozen=True, slots=True)
class InboundUnserved:
    """The caller's wait is over, or nobody was there: the dialplan offers to call back."""

    attempt: AttemptId
    at: datetime


@dataclass(frozen=True, slots=True)
class CallBackAsked:
    """The caller pressed the key that asks for a call back."""

    attempt: AttemptId
    at: datetime


InboundEvent = InboundArrived | InboundUnserved | CallBackAsked
AttemptEvent = (
    LegCreated
    | LegRinging
    | LegUp
    | DebtorWaits
    | ClaimFailed
    | LegBridged
    | AgentLeft
    | TransferFailed
    | CallAbandoned
    | OptedOut
    | LegEnded
    | OriginateFailed
)
SpyEvent = SpyOn | SpyEnded
OutsideEvent = OutsideBridged | OutsideEnded
PbxEvent = AttemptEvent | InboundEvent | SeatIdle | SeatEnded | TrunkReached | SpyEvent | OutsideEvent
