"""A PBX in virtual time: the port, the dialplan's promises and the simulated network, without Asterisk.

It passes the same contract tests as the real one (tests/contract/test_pbx.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from dialer.calls.pbx import InboundMark, Leg, LegState, Survey, TurnAway
from dialer.calls.reconcile import MAY_STILL_COME
from dialer.calls.settling import TIMER_B
from dialer.compliance.clearance import Clearance, OutsideClearance, Treatment
from dialer.kernel import events
from dialer.kernel.clock import Clock
from dialer.kernel.errors import PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.events import PbxEvent, SpyMode
from dialer.kernel.ids import AttemptId, OutsideLegId, SeatLegId, SpyLegId
from dialer.kernel.phone import PhoneNumber
from dialer.testing.public import Behaviour, behaviour_of

CHANNEL_SECONDS = 0.005
"""From the acknowledgement of an originate to its channel: until then the PBX knows no such leg."""
SURVEY_SECONDS = 0.02
"""From the first list of a survey to the last: what it says is that old when it arrives."""
BRIDGE_SECONDS = 0.01
REJOIN_SECONDS = 0.2
MESSAGE_SECONDS = 8.0
AGENT_LEFT_SECONDS = 2.0
HOLD_SECONDS = 45.0
HOLD_OUTSIDE_SECONDS = 120.0
PHONE_SECONDS = 0.1
WORD_SECONDS = 2.0
"""How long a call that came in waits for the engine's word."""
OFFER_SECONDS = 12.0
"""The announcement that a key asks for a call back."""
UNTREATED = Treatment(claim_seconds=0.0, comfort_noise=False, message=False, language="")
# behaviour: seconds before it ends unanswered, Q.850 cause, SIP answer
_UNANSWERED = {
    Behaviour.BUSY: (0.1, 17, 486),
    Behaviour.CONGESTION: (0.1, 34, 503),
    Behaviour.NETWORK_TONE: (2.0, 1, 404),
    Behaviour.UNALLOCATED: (0.1, 1, 404),
    Behaviour.REJECTED_BY_NETWORK: (0.1, 21, 403),
    Behaviour.UNREACHABLE: (1.0, 19, 480),
    Behaviour.INCOMPLETE: (0.1, 28, 484),
    Behaviour.NETWORK_ERROR: (0.1, 38, 500),
    Behaviour.CHANGED: (0.1, 22, 410),
}


@dataclass(slots=True)
class _Trunk:
    number: PhoneNumber
    treatment: Treatment
    state: LegState = LegState.CALLING
    seat: int | None = None
    abandoned: bool = False
    inbound: bool = False
    joined: bool = False
    record: bool = False
    muted: bool = False
    stereo: bool = False
    timers: list[asyncio.TimerHandle] = field(default_factory=list)


@dataclass(slots=True)
class _Seat:
    number: int
    up: bool = False
    locked_by: AttemptId | None = None
    speaks_to: SeatLegId | None = None
    left_with: AttemptId | None = None
    """The debtor of another seat, which was lost while three spoke."""


@dataclass(slots=True)
class _Spy:
    """ended: the end of the leg that a barge holds on to, told once it lets go."""

    seat: SeatLegId
    mode: SpyMode
    up: bool = False
    ended: events.LegEnded | None = None


@dataclass(slots=True)
class _Outside:
    """hears: the seat or the debtor in one bridge with them."""

    seat_number: int
    number: PhoneNumber | None
    up: bool = False
    hears: SeatLegId | AttemptId | None = None


class FakePbx:
    """Implements `dialer.calls.pbx.Pbx`; `deliver` gets the events, in order.

    up: whether requests reach it. trunk: whether it can make a channel to the network. lose_replies: requests are carried out and never answered.
    silent, congested, unreachable: names of trunks whose carrier says nothing, or 503, or that the PBX refuses to take.
    listening: whether its events reach anybody. phones_answer: whether agents pick up.
    """

    def __init__(self, clock: Clock, deliver: Callable[[PbxEvent], None]) -> None:
        self.clock = clock
        self.deliver = deliver
        self.up = True
        self.trunk = True
        self.silent: set[str] = set()
        self.congested: set[str] = set()
        self.unreachable: set[str] = set()
        self.lose_replies = False
        self.phones_answer = True
        self.listening = True
        self.originated: list[tuple[AttemptId, PhoneNumber]] = []
        self.ways: dict[AttemptId, tuple[PhoneNumber | None, str]] = {}
        self.seat_calls: list[SeatLegId] = []
        self.purged: list[AttemptId] = []
        self.abandoned: dict[AttemptId, datetime] = {}
        self.opted_out: dict[AttemptId, datetime] = {}
        self.inbound: dict[AttemptId, InboundMark] = {}
        self.turned_away: dict[AttemptId, TurnAway] = {}
        self._trunks: dict[AttemptId, _Trunk] = {}
        self._seats: dict[SeatLegId, _Seat] = {}
        self.spies: dict[SpyLegId, _Spy] = {}
        self.outside: dict[OutsideLegId, _Outside] = {}
        self.outside_calls: list[tuple[OutsideLegId, PhoneNumber | None, str]] = []

    # -- the port -----------------------------------------------------------------------------------

    async def originate(
        self, clearance: Clearance, timeout_seconds: float, *, record: bool = False, stereo: bool = False
    ) -> None:
        self._reach()
        reservation = clearance.use(self.clock.now())
        attempt, number = reservation.attempt, reservation.intent.number
        if attempt in self._trunks:
            raise PbxRefusedError("the channel id is in use")
        self.originated.append((attempt, number))
        self.ways[attempt] = reservation.intent.caller_id, reservation.intent.trunk
        trunk = _Trunk(number, clearance.treatment, record=record, stereo=stereo)
        self._later(None, CHANNEL_SECONDS, lambda: self._make_channel(attempt, trunk, timeout_seconds))
        self._reply()

    async def call_seat(self, leg: SeatLegId, seat_number: int, phone: str) -> None:  # noqa: ARG002
        self._reach()
        self.seat_calls.append(leg)
        self._later(None, CHANNEL_SECONDS, lambda: self._call_phone(leg, seat_number))
        self._reply()

    async def connect(self, attempt: AttemptId, seat_number: int) -> None:
        self._reach()
        trunk = self._up_trunk(attempt)
        if trunk is None:
            raise PbxRefusedError("no such channel")
        if trunk.inbound and not trunk.abandoned:
            self._take(attempt)
        self._later(attempt, 0.0, lambda: self._claim(attempt, seat_number))
        self._reply()

    async def hold_recording(self, attempt: AttemptId) -> None:
        await self.mute_recording(attempt, muted=True)

    async def record_caller(self, attempt: AttemptId, *, muted: bool, stereo: bool = False) -> None:
        self._take(attempt)
        trunk = self._trunks[attempt]
        trunk.state = LegState.WAITING
        self._await_word(attempt)
        trunk.muted = muted or (trunk.record and trunk.muted)
        trunk.record, trunk.stereo = True, stereo
        self._reply()

    async def mute_recording(self, attempt: AttemptId, *, muted: bool) -> None:
        self._reach()
        trunk = self._up_trunk(attempt)
        if trunk is None or not trunk.record:
            raise PbxRefusedError("nothing records this channel")
        trunk.muted = muted
        self._reply()

    async def refuse(self, attempt: AttemptId) -> None:
        self._reach()
        if self._up_trunk(attempt) is None:
            raise PbxRefusedError("no such channel")
        self._later(attempt, 0.0, lambda: self._end(attempt, 16))
        self._reply()

    async def transfer(self, attempt: AttemptId, seat_number: int) -> None:
        self._reach()
        if self._up_trunk(attempt) is None:
            raise PbxRefusedError("no such channel")
        self._later(attempt, 0.0, lambda: self._transfer(attempt, seat_number))
        self._reply()

    async def consult(self, attempt: AttemptId, leg: SeatLegId, own_seat: int, seat_number: int) -> None:
        self._reach()
        if self._up_trunk(attempt) is None or leg not in self._seats:
            raise PbxRefusedError("no such channel")
        self._later(attempt, 0.0, lambda: self._hold(attempt, own_seat))
        self._later(None, 0.0, lambda: self._consult(leg, seat_number))
        self._reply()

    async def hold_for_outside(self, attempt: AttemptId, own_seat: int) -> None:
        self._reach()
        if self._up_trunk(attempt) is None:
            raise PbxRefusedError("no such channel")
        self._later(attempt, 0.0, lambda: self._hold_for_outside(attempt, own_seat))
        self._reply()

    async def call_outside(self, clearance: OutsideClearance, own_seat: int, timeout_seconds: float) -> None:
        self._reach()
        call = clearance.use(self.clock.now())
        self.outside_calls.append((call.leg, call.intent.number, call.intent.trunk))
        outside = _Outside(own_seat, call.intent.number)
        self._later(None, CHANNEL_SECONDS, lambda: self._ring_outside(call.leg, outside, timeout_seconds))
        self._reply()

    async def to_outside(self, attempt: AttemptId, own_seat: int) -> None:
        self._reach()
        if self._up_trunk(attempt) is None:
            raise PbxRefusedError("no such channel")
        self._later(attempt, 0.0, lambda: self._to_outside(attempt, own_seat))
        self._reply()

    async def join(self, attempt: AttemptId, own_seat: int) -> None:
        self._reach()
        if self._up_trunk(attempt) is None:
            raise PbxRefusedError("no such channel")
        self._later(attempt, 0.0, lambda: self._join(attempt, own_seat))
        self._reply()

    async def reseat(self, leg: SeatLegId, seat_number: int) -> None:  # noqa: ARG002
        self._reach()
        if leg not in self._seats:
            raise PbxRefusedError("no such channel")
        self._later(None, 0.0, lambda: self._end_consultation(leg))
        self._reply()

    async def hold(self, attempt: AttemptId, seconds: float) -> None:
        self._take(attempt)
        self._trunks[attempt].state = LegState.WAITING
        self._later(attempt, seconds, lambda: self._unserved(attempt))
        self._reply()

    async def turn_away(self, attempt: AttemptId, how: TurnAway) -> None:
        self._take(attempt)
        self.turned_away[attempt] = how
        if how is TurnAway.CALL_BACK:
            self._unserved(attempt)
        else:
            self._later(attempt, MESSAGE_SECONDS, lambda: self._end(attempt, 16))
        self._reply()

    async def spy(self, leg: SpyLegId, phone: str, seat: SeatLegId, mode: SpyMode) -> None:  # noqa: ARG002
        self._reach()
        self._later(None, CHANNEL_SECONDS, lambda: self._call_supervisor(leg, _Spy(seat, mode)))
        self._reply()

    async def switch_spy(self, leg: SpyLegId, mode: SpyMode) -> None:
        self._reach()
        if leg not in self.spies:
            raise PbxRefusedError("no such channel")
        self._later(None, 0.0, lambda: self._hear(leg, mode))
        self._reply()

    async def hang_up(self, leg: AttemptId | SeatLegId | SpyLegId | OutsideLegId) -> None:
        self._reach()
        if leg in self._trunks:
            self._later(None, 0.0, lambda: self._end(AttemptId(leg), 16))
        elif leg in self._seats:
            self._later(None, 0.0, lambda: self.lose_seat(SeatLegId(leg)))
        elif leg in self.spies:
            self._later(None, 0.0, lambda: self.lose_spy(SpyLegId(leg)))
        elif leg in self.outside:
            self._later(None, 0.0, lambda: self.lose_outside(OutsideLegId(leg)))
        else:
            raise PbxRefusedError("no such channel")
        self._reply()

    async def purge(self, attempt: AttemptId) -> None:
        self._reach()
        self.purged.append(attempt)
        self.abandoned.pop(attempt, None)
        self.opted_out.pop(attempt, None)
        self.inbound.pop(attempt, None)
        self._reply()

    async def survey(self) -> Survey:
        self._reach()
        bridged = {attempt for attempt, trunk in self._trunks.items() if trunk.state is LegState.BRIDGED}
        at = self.clock.now()
        attempts = {
            attempt: Leg(trunk.state, attempt if attempt in bridged else "") for attempt, trunk in self._trunks.items()
        }
        three = {
            third: seat.locked_by
            for leg, seat in self._seats.items()
            if seat.locked_by and (trunk := self._trunks.get(seat.locked_by)) and trunk.joined
            for third in (seat.speaks_to, *(one for one, found in self.outside.items() if found.hears == leg))
        }
        with_debtor = {leg: seat.locked_by for leg, seat in self._seats.items() if seat.locked_by in bridged} | three
        with_debtor |= {leg: seat.left_with for leg, seat in self._seats.items() if seat.left_with}
        seats = {
            leg: Leg(LegState.BRIDGED, with_debtor[leg] or "")
            if leg in with_debtor
            else Leg(LegState.WAITING if seat.up else LegState.CALLING)
            for leg, seat in self._seats.items()
        }
        outside = {
            leg: Leg(LegState.BRIDGED, three.get(leg) or str(one.hears)) if one.hears else Leg(LegState.CALLING)
            for leg, one in self.outside.items()
        }
        spies = {leg: Leg(LegState.OTHER if spy.up else LegState.CALLING) for leg, spy in self.spies.items()}
        await asyncio.sleep(SURVEY_SECONDS)
        return Survey(
            at=at,
            attempts=attempts,
            seats=seats,
            spies=spies,
            outside=outside,
            abandoned=dict(self.abandoned),
            opted_out=dict(self.opted_out),
            inbound=dict(self.inbound),
        )

    # -- what tests do to it --------------------------------------------------------------------------

    def call_in(self, attempt: AttemptId, called: str, caller: str = "") -> None:
        """Somebody rings one of our numbers; the test makes the id in the dialplan's place."""
        now = self.clock.now()
        self._trunks[attempt] = _Trunk(PhoneNumber(caller), UNTREATED, LegState.WAITING, inbound=True)
        self.inbound[attempt] = InboundMark(now, called, caller)
        self._tell(events.InboundArrived(attempt, now, called, caller))
        self._await_word(attempt)

    def caller_hangs_up(self, attempt: AttemptId) -> None:
        """Who rang us ends the call."""
        self._end(attempt, 16)

    def press_one(self, attempt: AttemptId) -> None:
        """Who rang us, and nobody took the call, asks to be called back."""
        now = self.clock.now()
        self.inbound[attempt] = replace(self.inbound[attempt], call_back_at=now)
        self._tell(events.CallBackAsked(attempt, now))
        self._later(attempt, 2.0, lambda: self._end(attempt, 16))

    def lose_seat(self, leg: SeatLegId) -> None:
        """The agent's leg ends."""
        seat = self._seats.pop(leg, None)
        if seat is None:
            return
        self._tell(events.SeatEnded(leg, self.clock.now()))
        debtor = self._trunks.get(seat.locked_by) if seat.locked_by else None
        if debtor is not None and debtor.joined:  # the other two go on
            if seat.speaks_to is not None:
                self._seats[seat.speaks_to].speaks_to, debtor.joined = None, False
                self._seats[seat.speaks_to].left_with = seat.locked_by
            for one in self.outside.values():
                one.hears = seat.locked_by if one.hears == leg else one.hears
            return
        if seat.speaks_to is not None:
            self._end_consultation(seat.speaks_to)
        self._part_outside(leg)
        for spy_leg in [spy_leg for spy_leg, spy in self.spies.items() if spy.seat == leg and spy.up]:
            self.lose_spy(spy_leg)
        if seat.locked_by and (trunk := self._trunks.get(seat.locked_by)) and trunk.state is not LegState.HELD:
            attempt = seat.locked_by
            trunk.state, trunk.seat = LegState.OTHER, None
            self._tell(events.AgentLeft(attempt, self.clock.now()))
            self._later(attempt, AGENT_LEFT_SECONDS, lambda: self._end(attempt, 16))

    def lose_spy(self, leg: SpyLegId) -> None:
        """The supervisor's leg ends."""
        if (spy := self.spies.pop(leg, None)) is not None:
            self._let_go(spy)
            self._tell(events.SpyEnded(leg, self.clock.now()))

    def lose_outside(self, leg: OutsideLegId) -> None:
        """Who was called in hangs up, or was never there."""
        one = self.outside.pop(leg, None)
        if one is None:
            return
        self._tell(events.OutsideEnded(leg, self.clock.now()))
        if one.hears in self._seats:
            if not self._two_go_on(SeatLegId(one.hears)):
                self._tell(events.SeatIdle(SeatLegId(one.hears), self.clock.now()))
        elif one.hears in self._trunks:
            attempt, trunk = AttemptId(one.hears), self._trunks[AttemptId(one.hears)]
            if trunk.joined:  # and its seat is gone
                self._later(attempt, REJOIN_SECONDS, lambda: self._transfer(attempt, one.seat_number))
            else:
                self._end(attempt, 16)

    def reach(self, trunk: str, *, reached: bool) -> None:
        """The carrier answers the PBX's own question again, or no more."""
        (self.unreachable.discard if reached else self.unreachable.add)(trunk)
        self._tell(events.TrunkReached(trunk, self.clock.now(), reached))

    def opt_out(self, attempt: AttemptId) -> None:
        """The debtor presses the key during the message."""
        self.opted_out[attempt] = self.clock.now()
        self._tell(events.OptedOut(attempt, self.clock.now()))

    # -- the network and the dialplan -----------------------------------------------------------------

    def _make_channel(self, attempt: AttemptId, trunk: _Trunk, timeout_seconds: float) -> None:
        if not self.trunk or self.ways[attempt][1] in self.unreachable:
            self._tell_failed(attempt)
            return
        self._trunks[attempt] = trunk
        self._tell(events.LegCreated(attempt, self.clock.now()))
        self._play(attempt, trunk, timeout_seconds)

    def _call_phone(self, leg: SeatLegId, seat_number: int) -> None:
        self._seats[leg] = _Seat(seat_number)
        if self.phones_answer:
            self._later(None, PHONE_SECONDS, lambda: self._seat_up(leg))
        else:
            self._later(None, 20.0, lambda: self.lose_seat(leg))

    def _call_supervisor(self, leg: SpyLegId, spy: _Spy) -> None:
        self.spies[leg] = spy
        if self.phones_answer:
            self._later(None, PHONE_SECONDS, lambda: self._hear(leg, spy.mode))
        else:
            self._later(None, 20.0, lambda: self.lose_spy(leg))

    def _hear(self, leg: SpyLegId, mode: SpyMode) -> None:
        if (spy := self.spies.get(leg)) is None:
            return
        self._let_go(spy)
        spy.up, spy.mode = True, mode
        self._tell(events.SpyOn(leg, self.clock.now(), mode))
        if spy.seat not in self._seats:
            self.lose_spy(leg)

    def _let_go(self, spy: _Spy) -> None:
        if spy.ended is not None:
            self._tell(spy.ended)
            spy.ended = None

    def _play(self, attempt: AttemptId, trunk: _Trunk, timeout_seconds: float) -> None:
        behaviour = behaviour_of(trunk.number) or Behaviour.NEVER_ANSWERS
        ring = 0.5 + int(trunk.number[-4:-2]) * 0.08
        self._later(attempt, timeout_seconds, lambda: self._give_up(attempt))
        if self.ways[attempt][1] in self.silent:
            self._later(attempt, TIMER_B.total_seconds(), lambda: self._fail(attempt, 18, 408))
            return
        if self.ways[attempt][1] in self.congested:
            behaviour = Behaviour.CONGESTION
        if behaviour in _UNANSWERED:
            after, cause, sip = _UNANSWERED[behaviour]
            self._later(attempt, after, lambda: self._fail(attempt, cause, sip))
            return
        if behaviour is not Behaviour.EARLY_MEDIA:
            self._later(attempt, 0.05, lambda: self._ring(attempt))
        if behaviour is Behaviour.REJECTED:
            self._later(attempt, ring, lambda: self._fail(attempt, 21, 403))
        elif behaviour is not Behaviour.NEVER_ANSWERS:
            self._later(attempt, ring, lambda: self._answer(attempt, behaviour))

    def _ring(self, attempt: AttemptId) -> None:
        if trunk := self._trunks.get(attempt):
            trunk.state = LegState.RINGING
            self._tell(events.LegRinging(attempt, self.clock.now()))

    def _answer(self, attempt: AttemptId, behaviour: Behaviour) -> None:
        trunk = self._trunks[attempt]
        for timer in trunk.timers:
            timer.cancel()
        trunk.timers.clear()
        trunk.state = LegState.WAITING
        now = self.clock.now()
        self._tell(events.LegUp(attempt, now))
        self._tell(events.DebtorWaits(attempt, now))
        self._later(attempt, trunk.treatment.claim_seconds, lambda: self._deadline(attempt))
        if behaviour is Behaviour.ANSWERS_AND_HANGS_UP:
            self._later(attempt, 0.02, lambda: self._end(attempt, 16))

    def _deadline(self, attempt: AttemptId) -> None:
        trunk = self._trunks.get(attempt)
        if trunk is None or trunk.state is not LegState.WAITING:
            return  # gone, or sent to a seat: there no deadline runs
        trunk.abandoned, trunk.state = True, LegState.OTHER
        self.abandoned[attempt] = self.clock.now()
        self._tell(events.CallAbandoned(attempt, self.clock.now()))
        self._later(attempt, MESSAGE_SECONDS if trunk.treatment.message else 0.0, lambda: self._end(attempt, 16))

    def _claim(self, attempt: AttemptId, seat_number: int) -> None:
        trunk = self._trunks.get(attempt)
        if trunk is None or trunk.abandoned:
            return
        seat = next((seat for seat in self._seats.values() if seat.number == seat_number and seat.up), None)
        if seat is None or seat.locked_by is not None:
            why = "NONEXISTENT" if seat is None else "LOCKED"
            self._tell(events.ClaimFailed(attempt, self.clock.now(), why))
            if trunk.inbound:
                self._await_word(attempt)
            return
        seat.locked_by = attempt
        trunk.state = LegState.OTHER
        self._later(attempt, BRIDGE_SECONDS, lambda: self._bridged(attempt, seat_number))

    def _transfer(self, attempt: AttemptId, seat_number: int) -> None:
        trunk = self._trunks[attempt]
        before = next((seat for seat in self._seats.values() if seat.locked_by == attempt), None)
        to = next((seat for seat in self._seats.values() if seat.number == seat_number and seat.up), None)
        trunk.state = LegState.MOVING
        if to is None or to.locked_by not in (None, attempt):
            self._tell(events.TransferFailed(attempt, self.clock.now()))
            to = before
        if to is None:
            trunk.state = LegState.OTHER
            self._tell(events.AgentLeft(attempt, self.clock.now()))
            self._later(attempt, AGENT_LEFT_SECONDS, lambda: self._end(attempt, 16))
            return
        if before is not None and before is not to:
            before.locked_by = None
        self._leave_consultation(to)
        to.left_with = None
        for leg, seat in self._seats.items():
            if seat is before and seat is not to:
                self._tell(events.SeatIdle(leg, self.clock.now()))
            if seat is to:
                self._part_outside(leg, idle=False)
        to.locked_by, number = attempt, to.number
        self._later(attempt, BRIDGE_SECONDS, lambda: self._bridged(attempt, number))

    def _hold(self, attempt: AttemptId, own_seat: int) -> None:
        self._trunks[attempt].state = LegState.HELD
        self._later(attempt, HOLD_SECONDS, lambda: self._hold_over(attempt, own_seat))

    def _hold_over(self, attempt: AttemptId, own_seat: int) -> None:
        if (trunk := self._trunks.get(attempt)) and trunk.state is LegState.HELD:
            self._transfer(attempt, own_seat)

    def _hold_for_outside(self, attempt: AttemptId, own_seat: int) -> None:
        self._trunks[attempt].state = LegState.HELD
        self._later(attempt, HOLD_OUTSIDE_SECONDS, lambda: self._hold_over(attempt, own_seat))
        for leg, seat in self._seats.items():
            if seat.locked_by == attempt:
                self._tell(events.SeatIdle(leg, self.clock.now()))

    def _ring_outside(self, leg: OutsideLegId, one: _Outside, timeout_seconds: float) -> None:
        self.outside[leg] = one
        behaviour = Behaviour.PERSON if one.number is None else behaviour_of(one.number)
        answers = (
            self.phones_answer if one.number is None else behaviour in (Behaviour.PERSON, Behaviour.PERSON_HANGS_UP)
        )
        if behaviour in _UNANSWERED:
            self._later(None, _UNANSWERED[behaviour][0], lambda: self.lose_outside(leg))
        elif answers:
            self._later(None, PHONE_SECONDS, lambda: self._join_seat(leg))
        else:
            self._later(None, timeout_seconds, lambda: self.lose_outside(leg))

    def _join_seat(self, leg: OutsideLegId) -> None:
        one = self.outside.get(leg)
        if one is None:
            return
        seat_leg = next((found for found, seat in self._seats.items() if seat.number == one.seat_number), None)
        debtor = self._trunks.get(self._seats[seat_leg].locked_by or AttemptId("")) if seat_leg else None
        if seat_leg is None or debtor is None or debtor.state is not LegState.HELD:
            self.lose_outside(leg)
            return
        one.up, one.hears = True, seat_leg
        self._tell(events.OutsideBridged(leg, self.clock.now()))

    def _to_outside(self, attempt: AttemptId, own_seat: int) -> None:
        leg = next((leg for leg, one in self.outside.items() if one.seat_number == own_seat and one.up), None)
        if leg is None:
            self._tell(events.TransferFailed(attempt, self.clock.now()))
            self._transfer(attempt, own_seat)
            return
        self._trunks[attempt].state = LegState.MOVING
        for seat_leg, seat in self._seats.items():
            if seat.locked_by == attempt:
                seat.locked_by = None
                self._tell(events.SeatIdle(seat_leg, self.clock.now()))
        self.outside[leg].hears = attempt
        self._later(attempt, BRIDGE_SECONDS, lambda: self._bridged(attempt, 0))

    def _join(self, attempt: AttemptId, own_seat: int) -> None:
        trunk = self._trunks[attempt]
        leg, seat = next((leg, seat) for leg, seat in self._seats.items() if seat.number == own_seat)
        if seat.speaks_to is None and leg not in {one.hears for one in self.outside.values()}:
            self._transfer(attempt, own_seat)
            return
        trunk.joined, trunk.state = True, LegState.MOVING
        self._later(attempt, BRIDGE_SECONDS, lambda: self._bridged(attempt, own_seat))

    def _two_go_on(self, leg: SeatLegId) -> bool:
        """Whether this seat was one of three, and goes on with the debtor."""
        seat = self._seats.get(leg)
        trunk = self._trunks.get(seat.locked_by) if seat and seat.locked_by else None
        if trunk is None or not trunk.joined:
            return False
        trunk.joined = False
        return True

    def _part_outside(self, hears: SeatLegId | AttemptId, *, idle: bool = True) -> None:
        """Whoever was called in hears nobody any more: the dialplan hangs up."""
        for leg in [leg for leg, one in self.outside.items() if one.hears == hears]:
            if not idle:
                self.outside[leg].hears = None
            self.lose_outside(leg)

    def _consult(self, leg: SeatLegId, seat_number: int) -> None:
        other = next((one for one, seat in self._seats.items() if seat.number == seat_number and seat.up), None)
        if leg in self._seats and other is not None and self._seats[other].locked_by is None:
            self._seats[leg].speaks_to, self._seats[other].speaks_to = other, leg
        else:
            self._tell(events.SeatIdle(leg, self.clock.now()))

    def _leave_consultation(self, seat: _Seat) -> None:
        """Who is taken out of it leaves the other one in the room."""
        if seat.speaks_to is not None:
            other, seat.speaks_to = self._seats.get(seat.speaks_to), None
            if other is not None:
                other.speaks_to = None
                leg = next(one for one, found in self._seats.items() if found is other)
                if not self._two_go_on(leg):
                    self._tell(events.SeatIdle(leg, self.clock.now()))

    def _end_consultation(self, leg: SeatLegId) -> None:
        if (seat := self._seats.get(leg)) is not None:
            self._leave_consultation(seat)
            if not self._two_go_on(leg):
                self._tell(events.SeatIdle(leg, self.clock.now()))

    def _bridged(self, attempt: AttemptId, seat_number: int) -> None:
        trunk = self._trunks.get(attempt)
        if trunk is None:
            return
        trunk.state, trunk.seat = LegState.BRIDGED, seat_number
        self._tell(events.LegBridged(attempt, self.clock.now()))
        if not trunk.inbound and behaviour_of(trunk.number) is Behaviour.PERSON_HANGS_UP:
            talk = 1 + int(trunk.number[-4:-2]) * 0.03
            self._later(attempt, talk, lambda: self._end(attempt, 16))

    def _take(self, attempt: AttemptId) -> None:
        """The engine's word has come: what would happen without it doesn't."""
        self._reach()
        trunk = self._up_trunk(attempt)
        if trunk is None:
            raise PbxRefusedError("no such channel")
        for timer in trunk.timers:
            timer.cancel()
        trunk.timers.clear()

    def _await_word(self, attempt: AttemptId) -> None:
        self._later(attempt, WORD_SECONDS, lambda: self._unserved(attempt))

    def _unserved(self, attempt: AttemptId) -> None:
        trunk = self._trunks.get(attempt)
        if trunk is None or trunk.state is not LegState.WAITING:
            return
        trunk.abandoned, trunk.state = True, LegState.OTHER
        self._tell(events.InboundUnserved(attempt, self.clock.now()))
        self._later(attempt, OFFER_SECONDS, lambda: self._end(attempt, 16))

    def _give_up(self, attempt: AttemptId) -> None:
        if attempt in self._trunks:
            self._fail(attempt, 19, 480)

    def _fail(self, attempt: AttemptId, cause: int, sip: int) -> None:
        self._tell_failed(attempt)
        self._end(attempt, cause, sip)

    def _tell_failed(self, attempt: AttemptId) -> None:
        """Told last, however late the other events."""
        failed = events.OriginateFailed(attempt, self.clock.now())
        self._later(None, MAY_STILL_COME.total_seconds(), lambda: self._tell(failed))

    def _end(self, attempt: AttemptId, cause: int, sip: int | None = None) -> None:
        trunk = self._trunks.pop(attempt, None)
        if trunk is None:
            return
        for timer in trunk.timers:
            timer.cancel()
        if attempt in self.inbound:
            self.inbound[attempt] = replace(self.inbound[attempt], ended_at=self.clock.now())
        ended = events.LegEnded(attempt, self.clock.now(), cause, sip)
        seats = {leg for leg, seat in self._seats.items() if seat.locked_by == attempt}
        barge = next((spy for spy in self.spies.values() if spy.seat in seats and spy.mode is SpyMode.BARGE), None)
        if barge is not None and barge.up and trunk.state is LegState.BRIDGED:
            barge.ended = ended
        else:
            self._tell(ended)
        self._part_outside(attempt)
        speaking = {one.hears for one in self.outside.values()}
        for leg, seat in self._seats.items():
            if attempt in (seat.locked_by, seat.left_with):
                seat.locked_by = seat.left_with = None
                if seat.speaks_to is None and leg not in speaking:
                    self._tell(events.SeatIdle(leg, self.clock.now()))

    def _seat_up(self, leg: SeatLegId) -> None:
        if seat := self._seats.get(leg):
            seat.up = True
            self._tell(events.SeatIdle(leg, self.clock.now()))

    def _up_trunk(self, attempt: AttemptId) -> _Trunk | None:
        trunk = self._trunks.get(attempt)
        return trunk if trunk and trunk.state not in (LegState.CALLING, LegState.RINGING) else None

    def _later(self, attempt: AttemptId | None, seconds: float, act: Callable[[], None]) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, act)
        if attempt is not None and (trunk := self._trunks.get(attempt)):
            trunk.timers.append(timer)

    def _tell(self, event: PbxEvent) -> None:
        """Events go out in order, each on a later turn of the loop, while somebody listens."""
        if self.listening:
            asyncio.get_running_loop().call_soon(self.deliver, event)

    def _reach(self) -> None:
        if not self.up:
            raise PbxAwayError("not connected to the PBX")

    def _reply(self) -> None:
        if self.lose_replies:
            raise PbxUnsureError("the PBX didn't answer")
