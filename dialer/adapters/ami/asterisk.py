"""The PBX port on a real Asterisk. The word of the action that places calls stands in this file alone."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog
from panoramisk.message import Message

from dialer.adapters.ami.decode import Headers, decode, leg_of
from dialer.adapters.ami.latency import Smoothed
from dialer.adapters.ami.link import AmiLink, LinkSettings, variable
from dialer.calls.pbx import InboundMark, Leg, LegState, Survey, TurnAway
from dialer.calls.reconcile import MAY_STILL_COME
from dialer.campaigns.trunk import Trunk
from dialer.compliance.clearance import Clearance, OutsideClearance
from dialer.kernel import ids, phone
from dialer.kernel.clock import Clock
from dialer.kernel.errors import PbxRefusedError, PbxUnsureError
from dialer.kernel.events import InboundArrived, LegEnded, OriginateFailed, PbxEvent, SpyMode
from dialer.kernel.ids import AttemptId, OutsideLegId, SeatLegId, SpyLegId
from dialer.kernel.phone import PhoneNumber

SEAT_RING_SECONDS = 20
PURGE_SECONDS = 5
BEGIN_SECONDS = 1.0
"""In which the dialplan says that it records a caller; it waits for the next word for two."""
CLEAR_PING_SECONDS = 0.5
"""An answer that took longer tells nothing of the PBX's clock."""
NORMAL_CLEARING = "16"
DENIED = "Permission denied"
RIGHTS = "the AMI user needs read = call,user,system and write = originate,call,reporting"
DIALPLAN = "include extensions_dialer.conf in extensions.conf, and reload the dialplan"
_RECORD = {"nothing": "open", "notice": "held", "consent": "held"}
ABANDONED_FAMILY, OPT_OUT_FAMILY = "dialer_abandoned", "dialer_opt_out"
INBOUND_FAMILY, ENDED_FAMILY, CALL_BACK_FAMILY = "dialer_inbound", "dialer_inbound_ended", "dialer_call_back"
# a desk phone that understands one of these picks up by itself
AUTO_ANSWER = ("PJSIP_HEADER(add,Call-Info)=<sip:dialer>\\;answer-after=0", "PJSIP_HEADER(add,Alert-Info)=Auto Answer")

USUAL_ACTIONS = (
    "CoreSettings", "CoreShowChannels", "DBGetTree", "Hangup", "Login", "MixMonitorMute", "Originate", "Ping", "Redirect",
    "Setvar",
)  # fmt: skip

_WHERE = {
    "dialer-answered": LegState.WAITING,
    "dialer-inbound": LegState.WAITING,
    "dialer-inbound-record": LegState.WAITING,
    "dialer-inbound-wait": LegState.WAITING,
    "dialer-hold": LegState.HELD,
    "dialer-hold-outside": LegState.HELD,
    "dialer-transfer": LegState.MOVING,
    "dialer-to-outside": LegState.MOVING,
    "dialer-join": LegState.MOVING,
}

log = structlog.get_logger(__name__)


class Asterisk:
    """What the engine asks of one Asterisk, over one AMI link."""

    def __init__(
        self,
        settings: LinkSettings,
        trunks: Iterable[Trunk],
        clock: Clock,
        chance: Random,
        on_event: Callable[[PbxEvent], None],
    ) -> None:
        self.link = AmiLink(settings, self._read, chance, self._compare_clocks)
        for action in USUAL_ACTIONS:
            self.link.requests[action]  # counted from the start
        self.skew = timedelta()
        """How far the PBX's clock is ahead of ours, as the last ping told."""
        self.acknowledgement, self.event_lag = Smoothed(), Smoothed()
        """From a request to place a call, or a ping, to its answer; from an event at the PBX to its coming here."""
        self._trunks = {trunk.name: trunk for trunk in trunks}
        self._channels: dict[str, str] = {}
        """The Uniqueid of each call that came in, which isn't its id."""
        self._begun: dict[str, asyncio.Event] = {}
        """Callers of whom the dialplan is about to say that it records them."""
        self._clock = clock
        self._on_event = on_event

    def _compare_clocks(self, ping: Headers, took_seconds: float) -> None:
        # pings also come while no call is placed and no event happens: a PBX that was slow is asked again
        self.acknowledgement.add(took_seconds)
        self.event_lag.add(took_seconds / 2)
        stamp = ping.get("timestamp")
        if stamp and took_seconds < CLEAR_PING_SECONDS:
            self.skew = self._clock.at(float(stamp)) + timedelta(seconds=took_seconds / 2) - self._clock.now()

    async def originate(
        self, clearance: Clearance, timeout_seconds: float, *, record: bool = False, stereo: bool = False
    ) -> None:
        """Ring the public number that was cleared, with the caller id and over the trunk that were. The only way to one.

        Raises ClearanceError besides the errors of the port.
        """
        reservation = clearance.use(self._clock.now())
        number, caller_id, treatment = reservation.intent.number, reservation.intent.caller_id, clearance.treatment
        public = self._public(number, caller_id, reservation.intent.trunk)
        asked_at = self._clock.monotonic()
        await self._ask(
            {
                "Action": "Originate",
                "ActionID": reservation.attempt,
                "ChannelId": reservation.attempt,
                **public,
                "Context": "dialer-answered",
                "Exten": "s",
                "Priority": "1",
                "Timeout": str(round(timeout_seconds * 1000)),
                "Async": "true",
                "Variable": [
                    variable("DIALER_ATTEMPT", reservation.attempt),
                    variable("DIALER_CLAIM_SECONDS", f"{treatment.claim_seconds:.3f}"),
                    variable("DIALER_COMFORT", "1" if treatment.comfort_noise else "0"),
                    variable("DIALER_TREATMENT", "message" if treatment.message else "drop"),
                    variable("DIALER_LANGUAGE", treatment.language),
                    variable("DIALER_RECORD", _RECORD[treatment.recording] if record else ""),
                    variable("DIALER_STEREO", "1" if stereo else "0"),
                ],
            }
        )
        self.acknowledgement.add(self._clock.monotonic() - asked_at)

    async def call_seat(self, leg: SeatLegId, seat_number: int, phone: str) -> None:
        """Call an agent's configured phone and seat it."""
        await self._ask(
            {
                "Action": "Originate",
                "ActionID": leg,
                "ChannelId": leg,
                "Channel": phone,
                "Context": "dialer-seat",
                "Exten": str(seat_number),
                "Priority": "1",
                "Timeout": str(SEAT_RING_SECONDS * 1000),
                "Async": "true",
                "Variable": AUTO_ANSWER,
            }
        )

    async def transfer(self, attempt: AttemptId, seat_number: int) -> None:
        """Send the debtor to another seat, or back to the first; where that fails, back to the one before."""
        await self._redirect(attempt, "dialer-transfer", str(seat_number))

    async def consult(self, attempt: AttemptId, leg: SeatLegId, own_seat: int, seat_number: int) -> None:
        """Put the debtor of this seat on hold, and the seat together with another one; in the end it is back in its room."""
        await self._ask(
            {
                "Action": "Redirect",
                "Channel": self._channels.get(attempt, attempt),
                "Context": "dialer-hold",
                "Exten": str(own_seat),
                "Priority": "1",
                "ExtraChannel": leg,
                "ExtraContext": "dialer-consult",
                "ExtraExten": str(seat_number),
                "ExtraPriority": "1",
            }
        )

    async def hold_for_outside(self, attempt: AttemptId, own_seat: int) -> None:
        """Put the debtor of this seat on hold; the seat is back in its room."""
        await self._redirect(attempt, "dialer-hold-outside", str(own_seat))

    async def call_outside(self, clearance: OutsideClearance, own_seat: int, timeout_seconds: float) -> None:
        """Ring who was cleared; picked up they hear the seat, as long as its debtor is on hold, and otherwise nobody.

        Raises ClearanceError besides the errors of the port.
        """
        call = clearance.use(self._clock.now())
        intent = call.intent
        where: dict[str, Any] = {"Channel": intent.phone}
        if intent.number is not None:
            where = self._public(intent.number, intent.caller_id, intent.trunk)
        await self._ask(
            {
                "Action": "Originate",
                "ActionID": call.leg,
                "ChannelId": call.leg,
                **where,
                "Context": "dialer-outside",
                "Exten": str(own_seat),
                "Priority": "1",
                "Timeout": str(round(timeout_seconds * 1000)),
                "Async": "true",
            }
        )

    async def to_outside(self, attempt: AttemptId, own_seat: int) -> None:
        """Send the debtor of this seat, on hold, to who was called in; where that fails, back to the seat."""
        await self._redirect(attempt, "dialer-to-outside", str(own_seat))

    async def join(self, attempt: AttemptId, own_seat: int) -> None:
        """Bring the debtor of this seat, on hold, into the talk that the seat is in: three hear each other."""
        await self._redirect(attempt, "dialer-join", str(own_seat))

    async def reseat(self, leg: SeatLegId, seat_number: int) -> None:
        """Send a seat back to its room."""
        await self._redirect(leg, "dialer-seat", str(seat_number))

    async def spy(self, leg: SpyLegId, phone: str, seat: SeatLegId, mode: SpyMode) -> None:
        """Call a supervisor's configured phone; picked up, it hears the seat, and so it stays from call to call."""
        await self._ask(
            {
                "Action": "Originate",
                "ActionID": leg,
                "ChannelId": leg,
                "Channel": phone,
                "Context": "dialer-spy",
                "Exten": mode.value,
                "Priority": "1",
                "Timeout": str(SEAT_RING_SECONDS * 1000),
                "Async": "true",
                "Variable": [variable("DIALER_SPIED", seat), *AUTO_ANSWER],
            }
        )

    async def switch_spy(self, leg: SpyLegId, mode: SpyMode) -> None:
        """Change who hears the supervisor."""
        await self._redirect(leg, "dialer-spy", mode.value)

    async def purge(self, attempt: AttemptId) -> None:
        """Forget the dialplan's marks of a call: they have been counted."""
        await self._ask(
            {
                "Action": "Originate",
                "Channel": "Local/s@dialer-purge/n",
                "Application": "Wait",
                "Data": "0",
                "Timeout": str(PURGE_SECONDS * 1000),
                "Async": "true",
                "Variable": [variable("DIALER_ATTEMPT", attempt)],
            }
        )

    async def connect(self, attempt: AttemptId, seat_number: int) -> None:
        """Send the waiting debtor to the seat."""
        await self._redirect(attempt, "dialer-connect", str(seat_number))

    async def hold_recording(self, attempt: AttemptId) -> None:
        """Begin the recording muted, and tell the dialplan so."""
        await self.mute_recording(attempt, muted=True)
        await self._set(attempt, "DIALER_HELD", "1")

    async def record_caller(self, attempt: AttemptId, *, muted: bool, stereo: bool = False) -> None:
        """Begin to record a call that came in. A redirect is acknowledged before the dialplan acts: it tells when it did."""
        begun = self._begun.setdefault(attempt, asyncio.Event())
        try:
            await self._set(attempt, "DIALER_STEREO", "1" if stereo else "0")
            await self._redirect(attempt, "dialer-inbound-record", "held" if muted else "open")
            async with asyncio.timeout(BEGIN_SECONDS):
                await begun.wait()
        except TimeoutError:
            raise PbxUnsureError("the dialplan didn't say that it records the caller") from None
        finally:
            self._begun.pop(attempt, None)
        if muted:
            await self.hold_recording(attempt)

    async def mute_recording(self, attempt: AttemptId, *, muted: bool) -> None:
        """Let the recording be silent, or hear again. MixMonitorMute is of the class call, MixMonitor of system."""
        channel, state = self._channels.get(attempt, attempt), "1" if muted else "0"
        await self._ask({"Action": "MixMonitorMute", "Channel": channel, "Direction": "both", "State": state})

    async def refuse(self, attempt: AttemptId) -> None:
        """Let the answered debtor go: the gate forbids the bridge."""
        await self._redirect(attempt, "dialer-refused", "s")

    async def hold(self, attempt: AttemptId, seconds: float) -> None:
        """Let the caller wait, so long at most."""
        await self._redirect(attempt, "dialer-inbound-wait", str(max(0, round(seconds))))

    async def turn_away(self, attempt: AttemptId, how: TurnAway) -> None:
        """Tell the caller that nobody takes the call."""
        await self._redirect(attempt, _ANNOUNCING[how], "s")

    async def hang_up(self, leg: AttemptId | SeatLegId | SpyLegId | OutsideLegId) -> None:
        """End a leg."""
        await self._ask({"Action": "Hangup", "Channel": self._channels.get(leg, leg), "Cause": NORMAL_CLEARING})

    async def survey(self) -> Survey:
        """List our channels and the dialplan's marks."""
        known = set(self._channels)
        channels = (await self._ask({"Action": "CoreShowChannels"}, as_list=True))[1:-1]
        at = self._clock.now()
        debtors = {AttemptId(leg): row for row in channels if (leg := leg_of(row)) and ids.is_call(leg)}
        talks = {row.get("bridgeid", "") for row in debtors.values()} - {""}
        for gone in known - set(debtors):  # what came since isn't listed, and is there
            self._channels.pop(gone, None)
        self._channels |= {leg: row["uniqueid"] for leg, row in debtors.items() if ids.is_inbound(leg)}
        return Survey(
            at=at,
            attempts={attempt: _debtor_leg(row) for attempt, row in debtors.items()},
            seats={
                SeatLegId(row["uniqueid"]): _seat_leg(row, talks) for row in channels if _is_ours(row, ids.SEAT_PREFIX)
            },
            spies={SpyLegId(row["uniqueid"]): _spy_leg(row) for row in channels if _is_ours(row, ids.SPY_PREFIX)},
            outside={
                OutsideLegId(row["uniqueid"]): _outside_leg(row)
                for row in channels
                if _is_ours(row, ids.OUTSIDE_PREFIX)
            },
            abandoned=await self._marks(ABANDONED_FAMILY),
            opted_out=await self._marks(OPT_OUT_FAMILY),
            inbound=await self._inbound(),
        )

    async def version(self) -> str:
        """The Asterisk's version, as it says it."""
        answer = await self._ask({"Action": "CoreSettings"})
        return str(answer.asteriskversion)

    def _read(self, message: Message) -> None:
        if message.get("userevent") == "DialerRecording":
            if begun := self._begun.get(message.get("attempt", "")):
                begun.set()
            return
        event = decode(message, self._clock)
        if event is None:
            return
        if isinstance(event, InboundArrived):
            self._channels[event.attempt] = message.get("leg", "")
        elif isinstance(event, LegEnded):
            self._channels.pop(event.attempt, None)
        if message.get("timestamp"):
            self.event_lag.add((self._clock.now() - event.at + self.skew).total_seconds())
        if isinstance(event, OriginateFailed):
            # Asterisk says so on a shorter way than all that its channels do: the whole life of a call that the network
            # refused at once may still be queued behind it
            asyncio.get_running_loop().call_later(
                MAY_STILL_COME.total_seconds(), self._tell_failed, event, self.link.connects
            )
        else:
            self._on_event(event)

    def _tell_failed(self, event: OriginateFailed, connects: int) -> None:
        """Nothing is concluded from what wasn't heard while the link was away: reconciliation settles it."""
        if self.link.up and self.link.connects == connects:
            self._on_event(event)

    async def _set(self, attempt: AttemptId, name: str, value: str) -> None:
        channel = self._channels.get(attempt, attempt)
        await self._ask({"Action": "Setvar", "Channel": channel, "Variable": name, "Value": value})

    def _public(self, number: PhoneNumber, caller_id: PhoneNumber | None, trunk_name: str) -> dict[str, str]:
        """Which way to a public number, and what is presented. Raises PbxRefusedError."""
        trunk = self._trunks.get(trunk_name)
        if trunk is None:
            raise PbxRefusedError("a trunk that isn't configured reached the PBX's border")
        if not phone.is_dialable(number) or caller_id is None or not phone.is_dialable(caller_id):
            raise PbxRefusedError("a number that isn't E.164 reached the PBX's border")
        dialled = _as_dialled(number, trunk.number_format)
        return {"Channel": f"PJSIP/{dialled}@{trunk.endpoint}", "CallerID": f"<{caller_id}>"}

    async def _redirect(self, leg: AttemptId | SeatLegId | SpyLegId, context: str, exten: str) -> None:
        channel = self._channels.get(leg, leg)
        await self._ask({"Action": "Redirect", "Channel": channel, "Context": context, "Exten": exten, "Priority": "1"})

    async def _inbound(self) -> dict[AttemptId, InboundMark]:
        # the end first: a call that ends meanwhile is still up in what was read before
        ended, asked = await self._marks(ENDED_FAMILY), await self._marks(CALL_BACK_FAMILY)
        marks = {}
        for attempt, value in (await self._values(INBOUND_FAMILY)).items():
            arrived_at, called, caller = [*value.split(":"), "", ""][:3]
            marks[attempt] = InboundMark(
                self._clock.at(float(arrived_at)), called, caller, ended.get(attempt), asked.get(attempt)
            )
        return marks

    async def _marks(self, family: str) -> dict[AttemptId, datetime]:
        return {attempt: self._clock.at(float(value)) for attempt, value in (await self._values(family)).items()}

    async def _values(self, family: str) -> dict[AttemptId, str]:
        try:
            rows = (await self._ask({"Action": "DBGetTree", "Family": family}, as_list=True))[1:-1]
        except PbxRefusedError as error:
            if "not found" not in str(error):  # an older Asterisk's word for an empty family
                raise
            return {}
        marks = {}
        for row in rows:
            attempt = row.get("key", "").rpartition("/")[2]
            if ids.is_well_formed(attempt):
                marks[AttemptId(attempt)] = row.get("val", "0")
        return marks

    async def _ask(self, action: Mapping[str, Any], *, as_list: bool = False) -> Any:
        answer = await self.link.request(action, as_list=as_list)
        first = answer[0] if isinstance(answer, list) else answer
        if not first.success:
            remedy = RIGHTS if DENIED in str(first.message) else DIALPLAN if "Context" in action else ""
            raise PbxRefusedError(f"Asterisk refuses {action['Action']}: {first.message}", remedy)
        return answer


_ANNOUNCING = {
    TurnAway.CALL_BACK: "dialer-inbound-unserved",
    TurnAway.SORRY: "dialer-inbound-sorry",
    TurnAway.NOT_OURS: "dialer-inbound-not-ours",
}


def _as_dialled(number: PhoneNumber, number_format: str) -> str:
    return number if number_format == "e164" else number.removeprefix("+")


def _is_ours(row: Mapping[str, str], prefix: str) -> bool:
    leg = row.get("uniqueid", "")
    return leg.startswith(prefix) and ids.is_well_formed(leg)


def _debtor_leg(row: Mapping[str, str]) -> Leg:
    bridge = row.get("bridgeid", "")
    if row.get("channelstatedesc") == "Ringing":
        return Leg(LegState.RINGING)
    if row.get("channelstatedesc") != "Up":
        return Leg(LegState.CALLING)
    if bridge:
        return Leg(LegState.BRIDGED, bridge)
    return Leg(_WHERE.get(row.get("context", ""), LegState.OTHER))


def _spy_leg(row: Mapping[str, str]) -> Leg:
    """A supervisor's leg: it is in no bridge."""
    return Leg(LegState.OTHER if row.get("channelstatedesc") == "Up" else LegState.CALLING)


def _outside_leg(row: Mapping[str, str]) -> Leg:
    """The leg of who was called in."""
    if row.get("channelstatedesc") != "Up":
        return Leg(LegState.CALLING)
    bridge = row.get("bridgeid", "")
    return Leg(LegState.BRIDGED, bridge) if bridge else Leg(LegState.OTHER)


def _seat_leg(row: Mapping[str, str], talks: set[str]) -> Leg:
    """A seat; its application is the waiting room's even while it is bridged with a debtor."""
    bridge = row.get("bridgeid", "")
    if row.get("channelstatedesc") != "Up":
        return Leg(LegState.CALLING)
    return Leg(LegState.BRIDGED, bridge) if bridge in talks else Leg(LegState.WAITING)
