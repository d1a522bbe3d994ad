"""What the engine relies on, held against the fake PBX and against a real Asterisk with the simulated network."""

import asyncio
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
import pytest_asyncio

from dialer.adapters.ami.asterisk import Asterisk
from dialer.adapters.ami.link import LinkSettings
from dialer.calls.pbx import LegState, TurnAway
from dialer.campaigns.trunk import Trunk
from dialer.compliance.clearance import SEAL, Clearance, ClearanceError, OutsideClearance, Reservation, Treatment
from dialer.compliance.outside import OutsideCall, OutsideIntent
from dialer.compliance.verdict import Intent
from dialer.kernel import events
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import PbxRefusedError
from dialer.kernel.events import SpyMode
from dialer.kernel.ids import Ids
from dialer.testing import asterisk
from dialer.testing.fake_pbx import FakePbx
from dialer.testing.public import Behaviour
from dialer.testing.sip import SipEndpoint, pick_up

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.asterisk]
CALLER_ID = "+390612345678"
DROP = Treatment(claim_seconds=0.8, comfort_noise=True, message=False, language="it")
MESSAGE = Treatment(claim_seconds=0.5, comfort_noise=False, message=True, language="en")
AGENT_VOICE, CALLER_VOICE = 0x33, 0x2A
CALLER = "+393471234567"
WAIT_SECONDS = 40.0


class Lab:
    """A PBX, whichever, with one agent's phone."""

    def __init__(self, clock):
        self.clock = clock
        self.ids = Ids(Random())
        self.seen = []
        self.pbx = None
        self.news = asyncio.Event()
        self.numbers = 0

    def on_event(self, event):
        self.seen.append(event)
        self.news.set()

    def clearance(self, behaviour, treatment=DROP, pace=3):
        self.numbers += 1
        number = f"+39347{self.numbers:03d}{pace:02d}{behaviour.value.code}"
        intent = Intent("k", 1, 1, number, ("Europe/Rome",), ("it-unirec",), 30.0, caller_id=CALLER_ID, trunk="trunk")
        now = self.clock.now()
        return Clearance(SEAL, Reservation(self.ids.attempt(now), intent, now), treatment)

    async def ring(self, behaviour, treatment=DROP, timeout=20.0, pace=3, *, record=False):
        clearance = self.clearance(behaviour, treatment, pace)
        await self.pbx.originate(clearance, timeout, record=record)
        return clearance.reservation.attempt

    def of(self, leg):
        return [event for event in self.seen if leg in (getattr(event, "attempt", None), getattr(event, "leg", None))]

    async def call_in(self, called=CALLER_ID, caller=CALLER):
        """Somebody rings the PBX; the call's id, once it has arrived."""
        known = {event.attempt for event in self.seen if isinstance(event, events.InboundArrived)}
        await self.caller_calls(called, caller)
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                new = [e.attempt for e in self.seen if isinstance(e, events.InboundArrived) and e.attempt not in known]
                if new:
                    return new[0]
                self.news.clear()
                await self.news.wait()

    async def event(self, kind, leg):
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                found = next((event for event in self.of(leg) if isinstance(event, kind)), None)
                if found:
                    return found
                self.news.clear()
                await self.news.wait()

    async def seat(self, number=1001, phone="PJSIP/agent01"):
        leg = self.ids.seat_leg(self.clock.now())
        await self.pbx.call_seat(leg, number, phone)
        await self.event(events.SeatIdle, leg)
        return leg


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["fake", "asterisk"])
async def lab(request, asterisk_tree, tmp_path_factory):
    if request.param == "fake":
        lab = Lab(SystemClock())
        lab.pbx = FakePbx(lab.clock, lab.on_event)

        async def calls(called, caller):
            lab.caller = lab.ids.inbound(lab.clock.now())
            lab.pbx.call_in(lab.caller, called, caller)

        async def presses():
            lab.pbx.press_one(lab.caller)

        async def hangs_up():
            lab.pbx.caller_hangs_up(lab.caller)

        lab.caller_calls, lab.caller_presses_one, lab.caller_hangs_up = calls, presses, hangs_up
        yield lab
        return
    folder = tmp_path_factory.mktemp("contract")
    network_port, sip_port = asterisk.free_port(), asterisk.free_port()
    ami_port = asterisk.free_port(socket.SOCK_STREAM)
    network = asterisk.phone_network(folder / "network", asterisk_tree, network_port)
    pbx = asterisk.pbx(
        folder / "pbx", asterisk_tree, sip_port=sip_port, ami_port=ami_port, secret="s3cret",
        trunk_host="127.0.0.1", trunk_port=network_port, phones=[asterisk.Phone("agent01", "pw"), asterisk.Phone("boss", "pw")],
    )  # fmt: skip
    for process in (network, pbx):
        process.write()
    await asyncio.gather(network.start(), pbx.start())
    phone = await SipEndpoint("agent01", pick_up, voice=AGENT_VOICE).start_listening()
    await phone.register(("127.0.0.1", sip_port), "pw")
    boss = await SipEndpoint("boss", pick_up, voice=AGENT_VOICE).start_listening()
    await boss.register(("127.0.0.1", sip_port), "pw")
    public = await SipEndpoint("public", pick_up, voice=CALLER_VOICE).start_listening()
    lab = Lab(SystemClock())

    async def calls(called, caller):
        lab.caller = await public.call(called, ("127.0.0.1", sip_port), caller or "anonymous")

    async def presses():
        await lab.caller.press("1")

    async def hangs_up():
        lab.caller.hang_up()

    lab.caller_calls, lab.caller_presses_one, lab.caller_hangs_up = calls, presses, hangs_up
    lab.pbx = Asterisk(
        LinkSettings("127.0.0.1", ami_port, "dialer", "s3cret"),
        [Trunk("trunk", "trunk")],
        lab.clock,
        Random(),
        lab.on_event,
    )
    up = asyncio.Event()

    async def on_up():
        up.set()

    link = asyncio.create_task(lab.pbx.link.run(on_up, lambda: None))
    await asyncio.wait_for(up.wait(), 10)
    yield lab
    link.cancel()
    await asyncio.gather(link, return_exceptions=True)
    await phone.close()
    await boss.close()
    await public.close()
    await pbx.stop()
    await network.stop()


@pytest.mark.parametrize(
    ("behaviour", "cause", "sip"),
    [
        (Behaviour.BUSY, 17, 486),
        (Behaviour.CONGESTION, 34, 503),
        (Behaviour.UNALLOCATED, 1, 404),
        (Behaviour.REJECTED_BY_NETWORK, 21, 403),
        (Behaviour.REJECTED, 21, 403),
        (Behaviour.UNREACHABLE, 19, 480),
        (Behaviour.INCOMPLETE, 28, 484),
        (Behaviour.NETWORK_ERROR, 38, 500),
        (Behaviour.CHANGED, 22, 410),
        (Behaviour.NETWORK_TONE, 1, 404),
    ],
)
async def test_a_call_that_is_not_answered_ends_with_its_cause(lab, behaviour, cause, sip):
    attempt = await lab.ring(behaviour)
    end = await lab.event(events.LegEnded, attempt)
    assert (end.cause, end.sip) == (cause, sip)
    kinds = [type(event) for event in lab.of(attempt)]
    assert kinds[0] is events.LegCreated
    assert events.LegUp not in kinds
    assert (events.LegRinging in kinds) is (behaviour is Behaviour.REJECTED)


async def test_our_time_out_ends_the_ringing(lab):
    attempt = await lab.ring(Behaviour.NEVER_ANSWERS, timeout=2.0)
    end = await lab.event(events.LegEnded, attempt)
    assert (end.cause, end.sip) == (19, 480)
    ringing = await lab.event(events.LegRinging, attempt)
    assert timedelta(seconds=1) < end.at - ringing.at < timedelta(seconds=4)


async def test_an_answered_debtor_waits_and_is_bridged_to_the_seat(lab):
    leg = await lab.seat()
    attempt = await lab.ring(Behaviour.PERSON)
    answered = await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1001)
    bridged = await lab.event(events.LegBridged, attempt)
    assert bridged.at >= answered.at
    survey = await lab.pbx.survey()
    assert survey.attempts[attempt].state is LegState.BRIDGED
    assert survey.seats[leg].state is LegState.BRIDGED
    assert survey.attempts[attempt].bridge == survey.seats[leg].bridge != ""
    lab.seen.clear()
    await lab.pbx.hang_up(attempt)
    assert (await lab.event(events.LegEnded, attempt)).cause == 16
    await lab.event(events.SeatIdle, leg)  # the seat is back for the next one
    assert (await lab.pbx.survey()).seats[leg].state is LegState.WAITING
    await lab.pbx.hang_up(leg)
    await lab.event(events.SeatEnded, leg)


@pytest.mark.parametrize("treatment", [DROP, MESSAGE], ids=["drop", "message"])
async def test_a_call_that_nobody_claims_is_treated_and_marked(lab, treatment):
    attempt = await lab.ring(Behaviour.PERSON, treatment)
    answered = await lab.event(events.DebtorWaits, attempt)
    abandoned = await lab.event(events.CallAbandoned, attempt)
    waited = (abandoned.at - answered.at).total_seconds()
    # the events' own ways take some milliseconds each; a machine under load delays either of them
    assert treatment.claim_seconds - 0.2 < waited < treatment.claim_seconds + 2
    assert attempt in (await lab.pbx.survey()).abandoned
    end = await lab.event(events.LegEnded, attempt)
    treated = (end.at - abandoned.at).total_seconds()
    assert treated > 3 if treatment.message else treated < 2
    assert attempt in (await lab.pbx.survey()).abandoned  # the mark outlives the leg
    await lab.pbx.purge(attempt)
    async with asyncio.timeout(WAIT_SECONDS):
        while attempt in (await lab.pbx.survey()).abandoned:
            await asyncio.sleep(0.05)


async def test_a_claim_after_the_deadline_never_bridges(lab):
    leg = await lab.seat()
    attempt = await lab.ring(Behaviour.PERSON, MESSAGE)
    await lab.event(events.CallAbandoned, attempt)
    await lab.pbx.connect(attempt, 1001)
    await asyncio.sleep(0.5)
    assert not any(isinstance(event, events.LegBridged) for event in lab.of(attempt))
    await lab.pbx.hang_up(attempt)
    await lab.event(events.LegEnded, attempt)
    await lab.pbx.hang_up(leg)
    await lab.event(events.SeatEnded, leg)


async def test_two_debtors_never_reach_one_seat(lab):
    leg = await lab.seat()
    first, second = await lab.ring(Behaviour.PERSON, pace=1), await lab.ring(Behaviour.PERSON, pace=1)
    for attempt in (first, second):
        await lab.event(events.DebtorWaits, attempt)
    await asyncio.gather(lab.pbx.connect(first, 1001), lab.pbx.connect(second, 1001))

    def fate(attempt):
        return {type(event) for event in lab.of(attempt)} & {events.LegBridged, events.CallAbandoned}

    async with asyncio.timeout(WAIT_SECONDS):
        while not (fate(first) and fate(second)):  # who lost waits for what is left of its time
            await asyncio.sleep(0.02)
    failed = [a for a in (first, second) if any(isinstance(e, events.ClaimFailed) for e in lab.of(a))]
    bridged = [a for a in (first, second) if events.LegBridged in fate(a)]
    assert len(bridged) <= 1
    assert len(failed) >= 1
    assert not set(bridged) & set(failed)
    for gone in (*bridged, leg):
        await lab.pbx.hang_up(gone)
    await lab.event(events.SeatEnded, leg)
    for attempt in failed:
        await lab.pbx.purge(attempt)


async def test_a_claim_of_a_seat_that_is_not_there_fails_and_leaves_the_rest_of_the_time(lab):
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1999)
    await lab.event(events.ClaimFailed, attempt)
    await lab.event(events.CallAbandoned, attempt)
    await lab.pbx.purge(attempt)


async def test_the_debtor_of_an_agent_who_left_is_alone_and_let_go(lab):
    leg = await lab.seat()
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1001)
    await lab.event(events.LegBridged, attempt)
    await lab.pbx.hang_up(leg)
    await lab.event(events.AgentLeft, attempt)
    await lab.event(events.SeatEnded, leg)
    await lab.event(events.LegEnded, attempt)


async def test_a_refused_debtor_is_let_go_without_a_mark(lab):
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.refuse(attempt)
    await lab.event(events.LegEnded, attempt)
    assert attempt not in (await lab.pbx.survey()).abandoned


async def test_a_debtor_who_hangs_up_at_once_ends_the_leg(lab):
    attempt = await lab.ring(Behaviour.ANSWERS_AND_HANGS_UP)
    await lab.event(events.LegEnded, attempt)
    kinds = [type(event) for event in lab.of(attempt)]
    assert events.LegUp in kinds
    assert events.CallAbandoned not in kinds
    with pytest.raises(PbxRefusedError):
        await lab.pbx.connect(attempt, 1001)
    with pytest.raises(PbxRefusedError):
        await lab.pbx.hang_up(attempt)


async def test_a_ringing_call_is_listed_and_can_be_hung_up(lab):
    attempt = await lab.ring(Behaviour.NEVER_ANSWERS)
    await lab.event(events.LegRinging, attempt)
    assert (await lab.pbx.survey()).attempts[attempt].state is LegState.RINGING
    await lab.pbx.hang_up(attempt)
    end = await lab.event(events.LegEnded, attempt)
    assert end.cause == 16
    assert attempt not in (await lab.pbx.survey()).attempts


async def test_a_hang_up_may_come_before_the_channel_and_works_once_that_exists(lab):
    attempt = await lab.ring(Behaviour.NEVER_ANSWERS)
    with suppress(PbxRefusedError):  # the acknowledgement is not a channel
        await lab.pbx.hang_up(attempt)
    await lab.event(events.LegCreated, attempt)
    with suppress(PbxRefusedError):  # the first one got through
        await lab.pbx.hang_up(attempt)
    assert (await lab.event(events.LegEnded, attempt)).cause == 16


async def test_two_agents_speak_and_the_debtor_goes_to_the_second_or_back(lab):
    first, second = await lab.seat(), await lab.seat(1002, "PJSIP/boss")
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1001)
    await lab.event(events.LegBridged, attempt)

    async def together(*legs):
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                survey = await lab.pbx.survey()
                found = [survey.attempts[leg] if leg == attempt else survey.seats[leg] for leg in legs]
                if all(leg.state is LegState.BRIDGED for leg in found) and len({leg.bridge for leg in found}) == 1:
                    return
                await asyncio.sleep(0.05)

    async def held():
        async with asyncio.timeout(WAIT_SECONDS):
            while (await lab.pbx.survey()).attempts[attempt].state is not LegState.HELD:
                await asyncio.sleep(0.05)

    lab.seen.clear()
    await lab.pbx.consult(attempt, first, 1001, 1002)
    await held()
    await lab.pbx.transfer(attempt, 1001)  # back to the first
    await lab.event(events.LegBridged, attempt)
    await together(attempt, first)
    await lab.event(events.SeatIdle, second)

    await lab.pbx.consult(attempt, first, 1001, 1002)
    await held()
    lab.seen.clear()
    await lab.pbx.transfer(attempt, 1002)  # to the second
    await lab.event(events.LegBridged, attempt)
    await together(attempt, second)
    await lab.event(events.SeatIdle, first)

    lab.seen.clear()
    await lab.pbx.transfer(attempt, 1999)  # nobody is there: it stays with whom it was
    await lab.event(events.TransferFailed, attempt)
    await lab.event(events.LegBridged, attempt)
    await together(attempt, second)

    await lab.pbx.consult(attempt, second, 1002, 1001)
    await lab.pbx.hang_up(attempt)
    await lab.event(events.LegEnded, attempt)
    lab.seen.clear()
    await lab.pbx.reseat(second, 1002)  # the debtor hung up: each is back in the room
    await lab.event(events.SeatIdle, first)
    await lab.event(events.SeatIdle, second)
    for leg in (first, second):
        await lab.pbx.hang_up(leg)
        await lab.event(events.SeatEnded, leg)


@pytest.mark.parametrize("who", ["second", "first", "debtor"])
async def test_three_are_in_one_bridge_until_one_leaves(lab, who):
    first, second = await lab.seat(), await lab.seat(1002, "PJSIP/boss")
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1001)
    await lab.event(events.LegBridged, attempt)
    await lab.pbx.consult(attempt, first, 1001, 1002)

    async def bridges(*legs, alike):
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                survey = await lab.pbx.survey()
                found = {(survey.attempts.get(leg) or survey.seats.get(leg)).bridge for leg in legs}
                if (len(found) == 1 and "" not in found) is alike:
                    return
                await asyncio.sleep(0.05)

    await bridges(first, attempt, alike=False)
    lab.seen.clear()
    await lab.pbx.join(attempt, 1001)
    await lab.event(events.LegBridged, attempt)
    await bridges(first, second, attempt, alike=True)
    lab.seen.clear()
    match who:
        case "second":
            await lab.pbx.reseat(second, 1002)
            await lab.event(events.SeatIdle, second)
            await asyncio.sleep(1.0)
            await bridges(first, attempt, alike=True)
            await lab.pbx.hang_up(attempt)
        case "first":
            await lab.pbx.hang_up(first)
            await lab.event(events.SeatEnded, first)
            await bridges(second, attempt, alike=True)
            await lab.pbx.transfer(attempt, 1002)  # so that the debtor's claim is of this seat
            await lab.event(events.LegBridged, attempt)
            await bridges(second, attempt, alike=True)
            await lab.pbx.hang_up(attempt)
        case "debtor":
            await lab.pbx.hang_up(attempt)
            await lab.event(events.LegEnded, attempt)
            await lab.pbx.reseat(first, 1001)
            await lab.event(events.SeatIdle, first)
            await lab.event(events.SeatIdle, second)
    await lab.event(events.LegEnded, attempt)
    for leg in (first, second):
        with suppress(PbxRefusedError):
            await lab.pbx.hang_up(leg)
        await lab.event(events.SeatEnded, leg)


@pytest.mark.parametrize("by", ["trunk", "phone"])
async def test_somebody_outside_speaks_with_the_seat_while_its_debtor_waits_and_may_have_the_debtor(lab, by):
    seat = await lab.seat()
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1001)
    await lab.event(events.LegBridged, attempt)

    def somebody(code="10"):
        lab.numbers += 1
        where = {"number": f"+39061{lab.numbers:03d}00{code}", "caller_id": CALLER_ID, "trunk": "trunk"}
        intent = OutsideIntent(
            attempt, 1, "k", "anna", "office", **(where if by == "trunk" else {"phone": "PJSIP/boss"})
        )
        now = lab.clock.now()
        return OutsideClearance(SEAL, OutsideCall(lab.ids.outside_leg(now), intent, now))

    async def state(leg, wanted):
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                survey = await lab.pbx.survey()
                found = survey.attempts.get(leg) or survey.outside.get(leg)
                if found and found.state is wanted:
                    return survey
                await asyncio.sleep(0.05)

    # nobody is on hold: whoever picks up hears nobody
    clearance = somebody()
    await lab.pbx.call_outside(clearance, 1001, 20.0)
    with pytest.raises(ClearanceError):
        await lab.pbx.call_outside(clearance, 1001, 20.0)
    await lab.event(events.OutsideEnded, clearance.call.leg)
    assert not any(isinstance(event, events.OutsideBridged) for event in lab.of(clearance.call.leg))

    lab.seen.clear()
    await lab.pbx.hold_for_outside(attempt, 1001)
    await lab.event(events.SeatIdle, seat)
    survey = await state(attempt, LegState.HELD)
    assert survey.seats[seat].state is LegState.WAITING
    clearance = somebody()
    leg = clearance.call.leg
    await lab.pbx.call_outside(clearance, 1001, 20.0)
    await lab.event(events.OutsideBridged, leg)
    await state(leg, LegState.BRIDGED)
    await lab.pbx.transfer(attempt, 1001)  # back: the party is let go
    await lab.event(events.LegBridged, attempt)
    await lab.event(events.OutsideEnded, leg)
    survey = await state(attempt, LegState.BRIDGED)
    assert survey.attempts[attempt].bridge == survey.seats[seat].bridge

    await lab.pbx.hold_for_outside(attempt, 1001)
    await state(attempt, LegState.HELD)
    lab.seen.clear()
    await lab.pbx.to_outside(attempt, 1001)  # nobody is there: it stays with the seat
    await lab.event(events.TransferFailed, attempt)
    await lab.event(events.LegBridged, attempt)

    await lab.pbx.hold_for_outside(attempt, 1001)
    await state(attempt, LegState.HELD)
    clearance = somebody()
    leg = clearance.call.leg
    await lab.pbx.call_outside(clearance, 1001, 20.0)
    await lab.event(events.OutsideBridged, leg)
    lab.seen.clear()
    await lab.pbx.to_outside(attempt, 1001)
    await lab.event(events.LegBridged, attempt)
    await lab.event(events.SeatIdle, seat)
    survey = await state(attempt, LegState.BRIDGED)
    assert survey.attempts[attempt].bridge == survey.outside[leg].bridge != ""
    assert survey.seats[seat].state is LegState.WAITING
    other = await lab.ring(Behaviour.PERSON)  # and the seat may take the next debtor
    await lab.event(events.DebtorWaits, other)
    await lab.pbx.connect(other, 1001)
    await lab.event(events.LegBridged, other)
    assert (await lab.pbx.survey()).attempts[attempt].state is LegState.BRIDGED
    await lab.pbx.hang_up(leg)  # who is left alone is let go
    await lab.event(events.OutsideEnded, leg)
    await lab.event(events.LegEnded, attempt)
    for gone in (other, seat):
        await lab.pbx.hang_up(gone)
    await lab.event(events.SeatEnded, seat)


async def test_a_supervisor_hears_a_seat_until_the_seat_is_gone(lab):
    seat, spy = await lab.seat(), lab.ids.spy_leg(lab.clock.now())
    await lab.pbx.spy(spy, "PJSIP/boss", seat, SpyMode.LISTEN)
    assert (await lab.event(events.SpyOn, spy)).mode is SpyMode.LISTEN
    attempt = await lab.ring(Behaviour.PERSON)
    await lab.event(events.DebtorWaits, attempt)
    await lab.pbx.connect(attempt, 1001)
    await lab.event(events.LegBridged, attempt)
    for mode in (SpyMode.WHISPER, SpyMode.BARGE):
        await lab.pbx.switch_spy(spy, mode)
        async with asyncio.timeout(WAIT_SECONDS):
            while not any(isinstance(event, events.SpyOn) and event.mode is mode for event in lab.of(spy)):
                await asyncio.sleep(0.02)
    survey = await lab.pbx.survey()
    assert survey.spies[spy].state is LegState.OTHER
    assert survey.seats[seat].state is LegState.BRIDGED
    lab.seen.clear()
    await lab.pbx.hang_up(attempt)
    await lab.event(events.SeatIdle, seat)
    await lab.pbx.switch_spy(spy, SpyMode.LISTEN)  # a barge may hold on to the debtor's leg
    await lab.event(events.LegEnded, attempt)
    assert not any(isinstance(event, events.SpyEnded) for event in lab.of(spy))
    await lab.pbx.hang_up(seat)
    await lab.event(events.SpyEnded, spy)
    assert spy not in (await lab.pbx.survey()).spies


async def test_a_seat_lives_on_without_its_supervisor_and_nobody_hears_one_that_is_gone(lab):
    seat, spy = await lab.seat(), lab.ids.spy_leg(lab.clock.now())
    await lab.pbx.spy(spy, "PJSIP/boss", seat, SpyMode.WHISPER)
    await lab.event(events.SpyOn, spy)
    await lab.pbx.hang_up(spy)
    await lab.event(events.SpyEnded, spy)
    assert (await lab.pbx.survey()).seats[seat].state is LegState.WAITING
    await lab.pbx.hang_up(seat)
    await lab.event(events.SeatEnded, seat)
    late = lab.ids.spy_leg(lab.clock.now())
    await lab.pbx.spy(late, "PJSIP/boss", seat, SpyMode.LISTEN)
    await lab.event(events.SpyEnded, late)
    with pytest.raises(PbxRefusedError):
        await lab.pbx.switch_spy(late, SpyMode.WHISPER)


async def test_a_clearance_places_one_call(lab):
    clearance = lab.clearance(Behaviour.BUSY)
    await lab.pbx.originate(clearance, 5.0)
    with pytest.raises(ClearanceError):
        await lab.pbx.originate(clearance, 5.0)
    await lab.event(events.LegEnded, clearance.reservation.attempt)


async def test_instants_are_the_pbxs_own_and_in_order(lab):
    attempt = await lab.ring(Behaviour.ANSWERS_AND_HANGS_UP)
    await lab.event(events.LegEnded, attempt)
    instants = [event.at for event in lab.of(attempt)]
    assert instants == sorted(instants)
    assert abs(instants[0] - datetime.now(UTC)) < timedelta(seconds=30)


async def test_who_rings_us_is_told_of_and_bridged_to_the_seat(lab):
    leg = await lab.seat()
    attempt = await lab.call_in()
    arrived = await lab.event(events.InboundArrived, attempt)
    assert (arrived.called, arrived.caller) == (CALLER_ID, CALLER)
    survey = await lab.pbx.survey()
    assert survey.attempts[attempt].state is LegState.WAITING
    mark = survey.inbound[attempt]
    assert (mark.called, mark.caller, mark.ended_at) == (CALLER_ID, CALLER, None)
    await lab.pbx.connect(attempt, 1001)
    await lab.event(events.LegBridged, attempt)
    survey = await lab.pbx.survey()
    assert survey.attempts[attempt].bridge == survey.seats[leg].bridge != ""
    lab.seen.clear()
    await lab.caller_hangs_up()
    await lab.event(events.LegEnded, attempt)
    await lab.event(events.SeatIdle, leg)
    assert (await lab.pbx.survey()).inbound[attempt].ended_at is not None  # the mark outlives the leg
    await forgotten(lab, attempt)
    await lab.pbx.hang_up(leg)
    await lab.event(events.SeatEnded, leg)


async def test_a_caller_waits_as_long_as_we_say_and_may_ask_for_a_call_back(lab):
    attempt = await lab.call_in()
    await lab.pbx.hold(attempt, 3.0)
    held_at = lab.clock.now()
    unserved = await lab.event(events.InboundUnserved, attempt)
    assert timedelta(seconds=2.5) < unserved.at - held_at < timedelta(seconds=20)  # the engine's word alone holds 2 s
    await asyncio.sleep(1.0)
    await lab.caller_presses_one()
    await lab.event(events.CallBackAsked, attempt)
    await lab.event(events.LegEnded, attempt)
    mark = (await lab.pbx.survey()).inbound[attempt]
    assert mark.call_back_at is not None
    assert mark.ended_at >= mark.call_back_at
    await forgotten(lab, attempt)


async def test_a_caller_of_whom_the_engine_says_nothing_is_offered_a_call_back(lab):
    attempt = await lab.call_in(caller="")
    assert (await lab.event(events.InboundArrived, attempt)).caller == ""
    await lab.event(events.InboundUnserved, attempt)
    await lab.caller_hangs_up()
    await lab.event(events.LegEnded, attempt)
    await forgotten(lab, attempt)


@pytest.mark.parametrize("how", list(TurnAway))
async def test_a_caller_is_turned_away_or_hung_up(lab, how):
    attempt = await lab.call_in()
    await lab.pbx.turn_away(attempt, how)
    if how is TurnAway.CALL_BACK:
        await lab.event(events.InboundUnserved, attempt)
        await lab.pbx.hang_up(attempt)
    await lab.event(events.LegEnded, attempt)
    await forgotten(lab, attempt)


async def test_a_caller_is_recorded_once_the_engine_says_so_and_waits_on(lab):
    attempt = await lab.call_in()
    with pytest.raises(PbxRefusedError):
        await lab.pbx.mute_recording(attempt, muted=True)
    for muted in (True, False):  # said again it begins nothing new
        await lab.pbx.record_caller(attempt, muted=muted)
    assert (await lab.pbx.survey()).attempts[attempt].state is LegState.WAITING
    await lab.pbx.mute_recording(attempt, muted=False)
    await lab.event(events.InboundUnserved, attempt)
    await lab.pbx.hang_up(attempt)
    await lab.event(events.LegEnded, attempt)
    await forgotten(lab, attempt)


async def test_a_claim_for_a_caller_that_fails_leaves_time_for_another_word(lab):
    attempt = await lab.call_in()
    await lab.pbx.connect(attempt, 1999)
    await lab.event(events.ClaimFailed, attempt)
    assert (await lab.pbx.survey()).attempts[attempt].state is LegState.WAITING
    await lab.pbx.hang_up(attempt)
    await lab.event(events.LegEnded, attempt)
    await forgotten(lab, attempt)


async def test_a_claim_after_a_callers_wait_never_bridges(lab):
    leg = await lab.seat()
    attempt = await lab.call_in()
    await lab.pbx.hold(attempt, 0.0)
    await lab.event(events.InboundUnserved, attempt)
    await lab.pbx.connect(attempt, 1001)
    await asyncio.sleep(1.0)
    survey = await lab.pbx.survey()
    assert survey.attempts[attempt].state is LegState.OTHER
    assert survey.seats[leg].state is LegState.WAITING
    assert not any(isinstance(event, events.LegBridged) for event in lab.of(attempt))
    for up in (attempt, leg):
        await lab.pbx.hang_up(up)
    await lab.event(events.LegEnded, attempt)
    await lab.event(events.SeatEnded, leg)
    await forgotten(lab, attempt)


async def forgotten(lab, attempt):
    await lab.pbx.purge(attempt)
    async with asyncio.timeout(WAIT_SECONDS):
        while attempt in (await lab.pbx.survey()).inbound:
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("record", [True, False])
async def test_only_what_is_recorded_can_be_muted(lab, record):
    attempt = await lab.ring(Behaviour.PERSON, record=record)
    await lab.event(events.DebtorWaits, attempt)
    for ask in (
        lab.pbx.hold_recording(attempt),
        lab.pbx.mute_recording(attempt, muted=False),
        lab.pbx.mute_recording(attempt, muted=True),
    ):
        if record:
            await ask
        else:
            with pytest.raises(PbxRefusedError):
                await ask
