"""AMI messages to the engine's events: each is read once, what we don't know is dropped."""

from collections.abc import Callable, Mapping
from datetime import datetime

from dialer.kernel import events, ids
from dialer.kernel.clock import Clock
from dialer.kernel.events import PbxEvent, SpyMode
from dialer.kernel.ids import AttemptId, OutsideLegId, SeatLegId, SpyLegId

Headers = Mapping[str, str]
HOLDING_BRIDGE = "holding_bridge"


def decode(message: Headers, clock: Clock) -> PbxEvent | None:
    """The event that a message means to us; None for what is not about our legs."""
    reader = _READERS.get(message.get("event", ""))
    return reader(message, _instant(message, clock)) if reader else None


def _instant(message: Headers, clock: Clock) -> datetime:
    """The PBX's own time of the event (`timestampevents = yes`), else now."""
    stamp = message.get("timestamp")
    return clock.at(float(stamp)) if stamp else clock.now()


def leg_of(message: Headers, header: str = "uniqueid") -> str | None:
    """Whose channel it is: our own id, or the account code of a call that came in."""
    leg, account = message.get(header, ""), message.get("accountcode", "")
    if ids.is_well_formed(leg):
        return leg
    return account if ids.is_inbound(account) else None


def _attempt(message: Headers, header: str = "uniqueid") -> AttemptId | None:
    leg = leg_of(message, header)
    return AttemptId(leg) if leg and ids.is_call(leg) else None


def _new_channel(message: Headers, at: datetime) -> PbxEvent | None:
    attempt = _attempt(message)
    return events.LegCreated(attempt, at) if attempt else None


def _new_state(message: Headers, at: datetime) -> PbxEvent | None:
    attempt = _attempt(message)
    if not attempt:
        return None
    match message.get("channelstatedesc"):
        case "Ringing":
            return events.LegRinging(attempt, at)
        case "Up":
            return events.LegUp(attempt, at)
    return None


def _bridge_enter(message: Headers, at: datetime) -> PbxEvent | None:
    leg = leg_of(message)
    if not leg or message.get("bridgetechnology") == HOLDING_BRIDGE:
        return None
    if leg.startswith(ids.OUTSIDE_PREFIX):
        return events.OutsideBridged(OutsideLegId(leg), at)
    return events.LegBridged(AttemptId(leg), at) if ids.is_call(leg) else None


def _hangup(message: Headers, at: datetime) -> PbxEvent | None:
    leg = leg_of(message)
    if not leg:
        return None
    if leg.startswith(ids.SEAT_PREFIX):
        return events.SeatEnded(SeatLegId(leg), at)
    if leg.startswith(ids.SPY_PREFIX):
        return events.SpyEnded(SpyLegId(leg), at)
    if leg.startswith(ids.OUTSIDE_PREFIX):
        return events.OutsideEnded(OutsideLegId(leg), at)
    cause, sip = message.get("cause", ""), message.get("techcause", "")
    return events.LegEnded(
        AttemptId(leg), at, int(cause) if cause.isdigit() else 0, int(sip) if sip.isdigit() else None
    )


def _originate_response(message: Headers, at: datetime) -> PbxEvent | None:
    leg = leg_of(message)
    if not leg or message.get("response") != "Failure":
        return None
    if leg.startswith(ids.SEAT_PREFIX):
        return events.SeatEnded(SeatLegId(leg), at)
    if leg.startswith(ids.SPY_PREFIX):
        return events.SpyEnded(SpyLegId(leg), at)
    if leg.startswith(ids.OUTSIDE_PREFIX):
        return events.OutsideEnded(OutsideLegId(leg), at)
    return events.OriginateFailed(AttemptId(leg), at)


def _user_event(message: Headers, at: datetime) -> PbxEvent | None:
    name = message.get("userevent")
    if name == "DialerSeatIdle":
        leg = leg_of(message, "leg")
        return events.SeatIdle(SeatLegId(leg), at) if leg else None
    if name == "DialerSpying":
        leg, mode = leg_of(message, "leg"), message.get("mode", "")
        return events.SpyOn(SpyLegId(leg), at, SpyMode(mode)) if leg and mode in _MODES else None
    attempt = _attempt(message, "attempt")
    if not attempt:
        return None
    match name:
        case "DialerAnswered":
            return events.DebtorWaits(attempt, at)
        case "DialerClaimFailed":
            return events.ClaimFailed(attempt, at, message.get("why", ""))
        case "DialerTransferFailed":
            return events.TransferFailed(attempt, at)
        case "DialerAgentLeft":
            return events.AgentLeft(attempt, at)
        case "DialerAbandoned":
            return events.CallAbandoned(attempt, at)
        case "DialerOptOut":
            return events.OptedOut(attempt, at)
        case "DialerInbound":
            return events.InboundArrived(attempt, at, message.get("called", ""), message.get("caller", ""))
        case "DialerInboundUnserved":
            return events.InboundUnserved(attempt, at)
        case "DialerCallBack":
            return events.CallBackAsked(attempt, at)
    return None


def _contact_status(message: Headers, at: datetime) -> PbxEvent | None:
    reached = _REACHED.get(message.get("contactstatus", ""))
    endpoint = message.get("endpointname", "")
    return events.TrunkReached(endpoint, at, reached) if endpoint and reached is not None else None


_MODES = frozenset(SpyMode)
_REACHED = {"Reachable": True, "NonQualified": True, "Unreachable": False, "Removed": False}
_READERS: dict[str, Callable[[Headers, datetime], PbxEvent | None]] = {
    "Newchannel": _new_channel,
    "Newstate": _new_state,
    "BridgeEnter": _bridge_enter,
    "Hangup": _hangup,
    "OriginateResponse": _originate_response,
    "UserEvent": _user_event,
    "ContactStatus": _contact_status,
}
