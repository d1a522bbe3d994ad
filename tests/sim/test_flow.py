"""The journey of a call under virtual time."""

import asyncio
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta

import pytest

from dialer.agents.roster import AgentError
from dialer.agents.session import Seat, Work
from dialer.calls.attempt import Signal, State
from dialer.calls.results import Result
from dialer.campaigns.campaign import CampaignError, CampaignSignal, CampaignState
from dialer.cases.mandate import Mandate
from dialer.cases.model import CaseState
from dialer.compliance.entry import EntryResult
from dialer.kernel.errors import AwayError, PbxRefusedError, PbxUnsureError
from dialer.outcomes.form import Form
from dialer.testing import fake_pbx
from dialer.testing.public import Behaviour
from tests.sim.house import ALL, PROMISE, TRUNK, House

pytestmark = pytest.mark.virtual_time
PERSON = Behaviour.PERSON


async def test_every_outcome_of_the_network_lands_as_the_right_result():
    async with House(agents=5) as house:
        await house.begin(*ALL)
        await house.run(300)
        by_code = {attempt.intent.number[-2:]: attempt.result for attempt in house.record.attempts.values()}
        for behaviour in ALL:
            assert by_code[behaviour.value.code] in behaviour.value.results, behaviour
        assert len(house.live) == 0
        assert house.tally.campaigns["k"].placed == len(ALL)


async def test_progressive_leaves_nobody_in_silence():
    async with House(agents=4) as house:
        await house.begin(*[PERSON, Behaviour.PERSON_HANGS_UP, Behaviour.BUSY, Behaviour.VOICEMAIL] * 30)
        await house.run(1_500)
        assert house.results() == {"connected": 90, "busy": 30}
        assert house.tally.campaigns["k"].abandoned == 0
        waits = house.tally.campaigns["k"].recent_waits
        assert max(waits) < 0.1


async def test_no_agent_is_left_idle_while_cases_are_due():
    async with House(agents=6) as house:
        await house.begin(*[Behaviour.NEVER_ANSWERS] * 6)
        await house.run(5)
        assert len(house.live) == 6


async def test_nothing_is_dialled_before_the_start_or_without_agents():
    async with House(agents=1) as house:
        await house.cases(PERSON)
        await house.start()
        await house.run(30)
        assert house.pbx.originated == []
    async with House(agents=1) as house:
        await house.cases(PERSON)
        await house.staff()
        await house.run(30)
        assert house.pbx.originated == []


async def test_the_attempt_is_on_record_before_the_pbx_hears_of_it():
    async with House(agents=1) as house:
        originate, on_record = house.pbx.originate, []

        async def watch(clearance, *rest, **how):
            on_record.append(clearance.reservation.attempt in house.record.attempts)
            await originate(clearance, *rest, **how)

        house.pbx.originate = watch
        await house.begin(PERSON)
        await house.run(5)
        assert on_record == [True]


async def test_a_number_is_not_called_again_within_its_gap():
    async with House(agents=1) as house:
        await house.begin(Behaviour.BUSY)
        await house.run(3 * 3_600, tick_seconds=5)
        first, second = (attempt for attempt in house.record.attempts.values())
        assert second.cleared_at - first.ended_at >= timedelta(hours=2)


async def test_a_refused_case_says_why_and_when_and_is_asked_about_once():
    async with House(agents=1) as house:
        await house.cases(PERSON)
        house.forbid("+39347000" + "05" + "10")
        await house.staff()
        await house.start()
        await house.run(60)
        (decision,) = house.record.decisions
        assert decision.verdict.reasons == ("do-not-call",)
        (case,) = house.record.cases.values()
        assert case.why == "not called: do-not-call"
        assert case.due_at - decision.at >= timedelta(days=1)  # it may be allowed again by then: nobody knows


@pytest.mark.parametrize("state", [CaseState.CLOSED, CaseState.LETTER, CaseState.ESCALATED])
async def test_a_case_closed_while_it_lies_in_the_stock_is_not_dialled_and_costs_no_attempt(state):
    async with House(agents=2) as house:
        await house.cases((PERSON, Behaviour.BUSY))
        await house.flow._stocks["k"].refill(1, house.clock.now(), house.clock.monotonic())  # it is at hand
        (case,) = house.record.cases.values()
        house.record.schedule(case.id, None, state, "meanwhile")
        await house.staff()
        await house.start()
        await house.run(5)
        assert house.pbx.originated == []
        assert house.record.attempts == {}
        assert (case.state, case.why) == (state, "meanwhile")
        assert [decision.verdict.reasons for decision in house.record.decisions] == [("case-not-open",)]


async def test_a_case_whose_mandate_is_over_is_not_called():
    async with House(agents=1) as house:
        await house.cases((PERSON, Behaviour.BUSY))
        (case,) = house.record.cases.values()
        case.new = replace(case.new, mandate="M1")
        yesterday = (house.clock.now() - timedelta(days=1)).date()
        terms = Mandate(case.new.creditor, "M1", "TULPS 115", date(2020, 1, 1), yesterday, (), 365)
        house.record.mandates[case.new.creditor, "M1"] = terms
        await house.staff()
        await house.start()
        await house.run(60)
        assert house.pbx.originated == []
        assert case.why == "not called: mandate"


async def test_of_two_numbers_the_one_that_may_be_called_is():
    async with House(agents=1) as house:
        await house.cases((PERSON, Behaviour.BUSY))
        house.forbid("+39347000" + "05" + "10")
        await house.staff()
        await house.start()
        await house.run(10)
        assert [number[-2:] for _, number in house.pbx.originated] == ["12"]


async def test_the_next_attempt_takes_the_least_tried_number():
    async with House(agents=1) as house:
        await house.begin((Behaviour.BUSY, Behaviour.CONGESTION))
        await house.run(2.5 * 3_600, tick_seconds=5)
        assert [number[-2:] for _, number in house.pbx.originated] == ["12", "13"]


async def test_outside_hours_nobody_is_called_until_the_morning():
    async with House(agents=1) as house:
        house.clock.jump = timedelta(hours=12)  # 22:00 in Rome
        await house.begin(PERSON)
        await house.run(9 * 3_600, tick_seconds=5)
        assert "outside the hours" in house.tally.campaigns["k"].burst.sentence
        assert "the first of them again in 1 h 3" in house.tally.campaigns["k"].burst.sentence
        await house.run(3_600, tick_seconds=5)
        assert house.pbx.originated == []
        await house.run(1_900, tick_seconds=5)
        assert len(house.pbx.originated) == 1
        assert house.record.attempts[house.pbx.originated[0][0]].cleared_at.astimezone().utctimetuple()[3:5] == (7, 30)


async def test_a_number_that_was_forbidden_while_it_rang_is_not_bridged():
    async with House(agents=1) as house:
        await house.begin(PERSON, pace=50)
        await house.run(2)
        house.forbid(house.pbx.originated[0][1])
        await house.run(30)
        (attempt,) = house.record.attempts.values()
        assert (attempt.result, attempt.refusals) == (Result.WITHHELD, ("do-not-call",))
        assert attempt.bridged_at is None
        assert house.roster.session("agent0").free


async def test_an_agent_who_pauses_while_it_rings_leaves_the_call_to_another():
    async with House(agents=2) as house:
        await house.begin(PERSON, pace=50)
        await house.run(1)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(8)
        (attempt,) = house.live
        assert (attempt.state, attempt.agent) == (State.TALKING, "agent1")


async def test_a_debtor_for_whom_nobody_is_left_waits_and_gets_the_first_who_is_free():
    async with House(agents=1) as house:
        await house.begin(PERSON, pace=50)
        await house.run(1)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(4.5)
        (attempt,) = house.live
        assert attempt.state is State.WAITING
        house.flow.desk.ready("agent0")
        await house.run(0.5)
        assert attempt.state is State.TALKING


async def test_without_anybody_the_call_is_abandoned_counted_and_not_repeated_for_five_days():
    async with House(agents=1) as house:
        await house.begin(PERSON)
        await house.run(0.3)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(20)
        (attempt,) = house.record.attempts.values()
        assert attempt.result is Result.ABANDONED
        assert attempt.abandoned_at - attempt.answered_at == timedelta(seconds=2.6)
        assert house.tally.campaigns["k"].abandoned == 1
        assert house.pbx.purged == [attempt.id]  # counted, so the PBX may forget it
        (case,) = house.record.cases.values()
        assert case.due_at == attempt.ended_at + timedelta(days=5)


async def test_the_key_that_stops_the_calls_stops_them():
    async with House(agents=1, packs=("us-tsr",)) as house:
        await house.cases(PERSON)
        house.clock.jump = timedelta(hours=4)
        await house.staff()
        await house.start()
        await house.run(0.3)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(4)
        (attempt,) = house.live
        assert attempt.state is State.ABANDONED
        house.pbx.opt_out(attempt.id)
        await house.run(20)
        assert house.flags(attempt.intent.number) == ["do-not-call"]


async def test_an_agent_whose_phone_dies_in_a_call_gets_a_new_seat_and_the_debtor_is_let_go():
    async with House(agents=1) as house:
        await house.cases(PERSON, PERSON)
        house.talk_seconds = 9.0
        await house.staff()
        await house.run(40)
        await house.start()
        await house.run(5)
        session = house.roster.session("agent0")
        assert session.work is Work.TALKING
        house.pbx.lose_seat(session.leg)
        await house.run(0.5)
        assert (session.work, session.seat) == (Work.WRAPPING, Seat.DOWN)
        await house.run(30)
        assert house.results()["connected"] == 2  # seated again, it took the next one


async def test_a_seat_that_dies_between_answer_and_bridge_costs_nobody_the_call():
    async with House(agents=2) as house:
        await house.begin(PERSON, pace=20)
        connect = house.pbx.connect

        async def fail_first(attempt, seat):
            house.pbx.connect = connect
            house.pbx.lose_seat(next(leg for leg, s in house.pbx._seats.items() if s.number == seat))
            await connect(attempt, seat)

        house.pbx.connect = fail_first
        await house.run(6)
        (attempt,) = house.live
        assert attempt.state is State.TALKING


async def test_a_claim_that_got_no_answer_leaves_nobody_stuck():
    async with House(agents=1) as house:
        await house.begin(PERSON)
        await house.run(0.5)

        async def lost(attempt, seat):
            raise PbxUnsureError("no answer")

        house.pbx.connect = lost
        await house.run(10)
        assert house.results() == {"abandoned": 1}
        assert house.roster.session("agent0").free


async def test_a_lost_reply_is_settled_by_what_really_happens():
    async with House(agents=2) as house:
        await house.cases(PERSON, Behaviour.BUSY)
        await house.staff()
        house.pbx.lose_replies = True
        await house.start()
        await house.run(0.5)
        house.pbx.lose_replies = False
        await house.run(60)
        assert house.results() == {"connected": 1, "busy": 1}
        assert len(house.pbx.originated) == 2


async def test_an_end_that_was_missed_is_found_by_asking():
    async with House(agents=1) as house:
        await house.begin(Behaviour.NEVER_ANSWERS)
        await house.run(2)
        house.pbx.listening = False
        await house.run(30)
        house.pbx.listening = True
        assert len(house.live) == 1
        await house.run(60)
        assert house.results() == {"unknown": 1}
        assert len(house.live) == 0


async def test_while_the_pbx_is_away_nothing_is_cleared():
    async with House(agents=2) as house:
        await house.cases(PERSON, PERSON)
        await house.staff()
        house.pbx.up = house.gate.pbx_ready = False
        await house.start()
        await house.run(30)
        assert house.record.attempts == {}
        house.pbx.up = True
        await house.recovery.reconcile()
        await house.run(5)
        assert len(house.pbx.originated) == 2


async def test_while_the_ledger_is_away_the_gate_is_not_even_asked():
    """Each question is a decision on record: hours without Redis would fill it with nothing but that."""
    async with House(agents=2) as house:
        await house.cases(PERSON, PERSON)
        await house.staff()
        whole = house.gate.surroundings
        house.gate.surroundings = replace(whole, ledger_is_whole=lambda: False)
        await house.start()
        await house.run(30)
        assert house.record.decisions == []
        house.gate.surroundings = whole
        await house.run(5)
        assert len(house.pbx.originated) == 2


async def test_a_pbx_that_goes_between_clearance_and_originate_costs_the_debtor_no_attempt():
    async with House(agents=1) as house:
        await house.cases(PERSON)
        await house.staff()
        house.pbx.up = False  # the link hasn't noticed yet
        await house.start()
        await house.run(5)
        assert house.results() == {"trunk_failure": 1}
        house.pbx.up = True
        await house.run(6 * 60)
        assert len(house.pbx.originated) == 1


async def test_while_the_record_is_away_nothing_is_dialled_and_calls_go_on():
    async with House(agents=2) as house:
        await house.begin(*[PERSON] * 4)
        await house.run(3)
        assert len(house.pbx.originated) == 2
        house.record.away = True
        await house.run(60, act=False)
        assert len(house.pbx.originated) == 2
        assert all(attempt.state is State.TALKING for attempt in house.live)
        house.record.away = False
        await house.run(60)
        assert house.results()["connected"] >= 3


async def test_a_sick_trunk_is_probed_and_burns_no_cases():
    async with House(agents=10) as house:
        await house.cases(*[PERSON] * 50)
        await house.staff()
        house.pbx.trunk = False
        await house.start()
        await house.run(60)
        assert house.results()["trunk_failure"] <= 10 + 6  # the first round, then a probe each ten seconds
        assert "the trunk fails" in house.tally.campaigns["k"].burst.sentence
        house.pbx.trunk = True
        await house.run(30)
        assert len(house.live) == 10


async def test_a_trunk_that_rings_again_is_well_before_anybody_answers():
    async with House(agents=10) as house:
        await house.cases(*[Behaviour.NEVER_ANSWERS] * 50)
        await house.staff()
        house.pbx.trunk = False
        await house.start()
        await house.run(30)
        house.pbx.trunk = True
        await house.run(11)  # a probe rings
        assert len(house.live) == 10


async def test_what_never_reached_the_pbx_says_nothing_of_the_trunk():
    async with House(agents=10) as house:
        await house.cases(*[PERSON] * 50)
        await house.staff()
        house.pbx.up = False  # the link hasn't noticed yet
        await house.start()
        await house.run(1)
        assert house.results()["trunk_failure"] >= 10
        house.pbx.up = True
        await house.run(1)
        assert len(house.live) == 10


async def test_the_rate_of_the_trunk_holds():
    async with House(agents=50, trunks=(replace(TRUNK, calls_per_second=2.0),)) as house:
        await house.cases(*[Behaviour.NEVER_ANSWERS] * 50)
        await house.staff()
        await house.start()
        await house.run(10)
        assert 18 <= len(house.pbx.originated) <= 22


async def test_pause_drain_and_halt():
    async with House(agents=3) as house:
        await house.cases(PERSON, *[Behaviour.NEVER_ANSWERS] * 30)
        house.talk_seconds = 60.0
        await house.staff()
        await house.start()
        await house.run(3)
        await house.flow.command(house.campaign, CampaignSignal.PAUSE)
        placed = len(house.pbx.originated)
        await house.run(30)
        assert len(house.pbx.originated) == placed
        assert Counter(attempt.state for attempt in house.live) == {State.TALKING: 1}
        await house.start()
        await house.run(1)
        assert len(house.live) == 3
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(1)
        assert Counter(attempt.state for attempt in house.live) == {State.TALKING: 1}
        with pytest.raises(CampaignError):
            await house.flow.command(house.campaign, CampaignSignal.DRAIN)
        assert (await house.record.campaign_states())["k"] is CampaignState.HALTED
        await house.start()
        await house.run(1)
        await house.flow.command(house.campaign, CampaignSignal.DRAIN)
        await house.run(90)
        assert house.campaign.state is CampaignState.STOPPED
        assert len(house.live) == 0


async def test_a_halt_catches_a_call_whose_record_is_being_written():
    async with House(agents=1) as house:
        await house.begin(PERSON)
        tick = await house.tick_while_the_record_is_slow()
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await tick
        await house.run(2)
        assert house.pbx.originated == []
        assert house.results() == {"trunk_failure": 1}


async def test_a_halt_hangs_up_even_where_it_cannot_be_recorded():
    async with House(agents=2) as house:
        await house.begin(*[Behaviour.NEVER_ANSWERS] * 2)
        await house.run(2)
        assert len(house.live) == 2
        house.record.away = True
        with pytest.raises(AwayError, match="k is halted, but the record") as raised:
            await house.flow.command(house.campaign, CampaignSignal.HALT)
        assert "again" in raised.value.remedy
        await asyncio.sleep(0.1)
        assert (await house.pbx.survey()).attempts == {}
        house.record.away = False
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        assert (await house.record.campaign_states())["k"] is CampaignState.HALTED


async def test_a_start_that_cannot_be_recorded_dials_nothing():
    async with House(agents=1) as house:
        await house.cases(PERSON)
        await house.staff()
        house.record.away = True
        with pytest.raises(AwayError):
            await house.start()
        house.record.away = False
        await house.run(5)
        assert (house.campaign.state, house.pbx.originated) == (CampaignState.STOPPED, [])


@pytest.mark.parametrize("before", [CampaignSignal.START, CampaignSignal.HALT])
async def test_a_halt_beats_a_start_that_is_still_being_recorded(before):
    async with House(agents=1) as house:
        await house.flow.command(house.campaign, before)
        save, saving = house.record.save_campaign_state, asyncio.Event()

        async def slow(*arguments):
            saving.set()
            await asyncio.sleep(1)
            await save(*arguments)

        house.record.save_campaign_state = slow
        starting = asyncio.create_task(house.start())
        await saving.wait()
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        with pytest.raises(CampaignError, match="another command"):
            await starting
        assert house.campaign.state is CampaignState.HALTED
        assert (await house.record.campaign_states())["k"] is CampaignState.HALTED


@pytest.mark.parametrize("after_seconds", [0.0, 0.001, 0.006, 0.2])
async def test_a_halt_ends_a_call_whose_channel_does_not_exist_yet(after_seconds):
    async with House(agents=2) as house:
        await house.begin(PERSON, Behaviour.NEVER_ANSWERS)
        await house.flow.tick()
        await asyncio.sleep(after_seconds)
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(15)
        assert len(house.live) == 0
        assert (await house.pbx.survey()).attempts == {}
        assert house.results()["connected"] == 0


async def test_a_halted_call_stays_halted_when_the_campaign_starts_again_at_once():
    async with House(agents=1) as house:
        await house.begin(PERSON)
        await house.flow.tick()  # sent; its channel doesn't exist yet
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.start()
        await house.run(30)
        assert house.results() == {"no_answer": 1}


async def test_a_halted_call_that_is_answered_all_the_same_is_let_go_and_counted():
    async with House(agents=1) as house:
        await house.begin(PERSON, pace=20)
        await house.run(1)
        house.pbx.up = False  # the hang-up doesn't get through
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await asyncio.sleep(0.5)
        house.pbx.up = True
        await house.run(5)
        (attempt,) = house.record.attempts.values()
        assert (attempt.bridged_at, attempt.result) == (None, Result.ABANDONED)
        assert attempt.ended_at - attempt.answered_at < timedelta(seconds=0.1)
        assert house.tally.campaigns["k"].abandoned == 1
        assert house.roster.session("agent0").free


async def test_a_hang_up_that_did_not_get_through_is_repeated_after_the_reconnect():
    async with House(agents=2) as house:
        await house.cases(PERSON, Behaviour.NEVER_ANSWERS)
        house.talk_seconds = 1_000.0
        await house.staff()
        await house.start()
        await house.run(5)
        talker = next(session.agent for session in house.roster if session.work is Work.TALKING)
        house.pbx.up = house.gate.pbx_ready = False
        house.flow.end_call(talker)
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(1)
        assert len(house.live) == 2
        house.pbx.up = True
        await house.recovery.reconcile()
        await house.run(0.5)
        assert len(house.live) == 0


async def test_a_restart_ends_what_rings_in_a_halted_campaign():
    async with House(agents=2) as house:
        await house.cases(PERSON, Behaviour.NEVER_ANSWERS)
        house.talk_seconds = 1_000.0
        await house.staff()
        await house.start()
        await house.run(5)
        house.pbx.up = False
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.die()
        house.pbx.up = True
        async with House(agents=2, record=house.record, pbx=house.pbx, seed=2) as again:
            again.talk_seconds = 1_000.0
            await again.run(1)
            assert Counter(attempt.state for attempt in again.live) == {State.TALKING: 1}


# -- after the call -----------------------------------------------------------------------------------------


async def talking(house):
    await house.begin(PERSON)
    await house.run(5, act=False)
    assert house.roster.session("agent0").work is Work.TALKING


@pytest.mark.parametrize("in_the_call", [True, False])
async def test_what_the_agent_says_decides_when_the_case_is_due(in_the_call):
    async with House(agents=1) as house:
        await talking(house)
        if not in_the_call:
            house.flow.end_call("agent0")
            await house.run(1, act=False)
        await house.flow.write_up("agent0", "promise_to_pay", "paga venerdì", PROMISE)
        if in_the_call:
            house.flow.end_call("agent0")
            await house.run(1, act=False)
        (case,) = house.record.cases.values()
        assert case.why.startswith("after promise_to_pay: 1.00 EUR by 2026-")
        assert timedelta(days=6) < case.due_at - house.clock.now() < timedelta(days=8)
        house.flow.wrap_up.finish("agent0")
        assert house.roster.session("agent0").work is Work.READY
        assert house.tally.campaigns["k"].outcomes == {"promise_to_pay": 1}


async def test_an_outcome_said_right_after_the_end_plans_the_case():
    async with House(agents=1) as house:
        await talking(house)
        save, flush, queue = house.record.save, house.record.flush, []
        # not written before the flush
        house.record.save = lambda attempt, *lines: queue.append((replace(attempt), *lines))

        async def write():
            for saved in queue:
                save(*saved)
            await flush()

        house.record.flush = write
        house.flow.end_call("agent0")
        await house.run(0.3, act=False)
        await house.flow.write_up("agent0", "promise_to_pay", "", PROMISE)
        (case,) = house.record.cases.values()
        assert case.why.startswith("after promise_to_pay: 1.00 EUR by 2026-")


async def test_an_outcome_beats_an_end_that_comes_while_it_is_written():
    async with House(agents=1) as house:
        await talking(house)
        add = house.record.add_outcome

        async def slow(outcome):
            await add(outcome)
            await asyncio.sleep(1)

        house.record.add_outcome = slow
        saying = asyncio.create_task(house.flow.write_up("agent0", "promise_to_pay", "", PROMISE))
        await asyncio.sleep(0.1)
        house.flow.end_call("agent0")
        await saying
        (case,) = house.record.cases.values()
        assert case.why.startswith("after promise_to_pay: 1.00 EUR by 2026-")


async def test_a_daemon_that_dies_while_it_writes_the_outcome_of_a_call_that_ended_has_planned_by_it():
    async with House(agents=1) as house:
        await talking(house)
        add = house.record.add_outcome

        async def never_told(outcome):
            await add(outcome)
            await asyncio.Event().wait()

        house.record.add_outcome = never_told
        saying = asyncio.create_task(house.flow.write_up("agent0", "promise_to_pay", "", PROMISE))
        await asyncio.sleep(0.1)
        house.flow.end_call("agent0")
        await asyncio.sleep(1)
        saying.cancel()
        (case,) = house.record.cases.values()
        (attempt,) = house.record.attempts.values()
        assert case.why.startswith("after promise_to_pay: 1.00 EUR by 2026-")
        assert house.record.lines[attempt.id].result is EntryResult.CONVERSATION


async def test_an_outcome_that_cannot_be_written_while_the_call_ends_leaves_the_case_as_if_nothing_was_said():
    async with House(agents=1) as house:
        await talking(house)

        async def fails(outcome):
            await asyncio.sleep(1)
            raise AwayError("no disk")

        house.record.add_outcome = fails
        saying = asyncio.create_task(house.flow.write_up("agent0", "promise_to_pay", "", PROMISE))
        await asyncio.sleep(0.1)
        house.flow.end_call("agent0")
        with pytest.raises(AwayError):
            await saying
        (case,) = house.record.cases.values()
        (attempt,) = house.record.attempts.values()
        assert case.why == "after connected"
        assert house.record.lines[attempt.id].result is EntryResult.UNKNOWN


async def test_what_the_agent_said_in_the_call_survives_a_restart_before_its_end():
    async with House(agents=1) as house:
        await talking(house)
        await house.flow.write_up("agent0", "promise_to_pay", "", PROMISE)
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            again.flow.end_call("agent0")
            await again.run(1, act=False)
            (case,) = again.record.cases.values()
            assert case.why.startswith("after promise_to_pay: 1.00 EUR by 2026-")


@pytest.mark.parametrize("when", ["in the call", "in the wrap-up", "never"])
async def test_what_was_said_before_a_restart_need_not_be_said_again(when):
    async with House(agents=1) as house:
        await talking(house)
        if when == "in the call":
            await house.flow.write_up("agent0", "refuses", "")
        else:
            house.flow.end_call("agent0")
            await house.run(1, act=False)
        if when == "in the wrap-up":
            await house.flow.write_up("agent0", "refuses", "")
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            if when == "in the call":
                again.flow.end_call("agent0")
                await again.run(1, act=False)
            assert again.roster.session("agent0").work is Work.WRAPPING
            with pytest.raises(AgentError, match="hasn't said") if when == "never" else nullcontext():
                again.flow.wrap_up.finish("agent0")
            assert (again.roster.session("agent0").work is Work.READY) is (when != "never")


async def test_no_wrap_up_ends_without_an_outcome():
    async with House(agents=1) as house:
        await talking(house)
        house.flow.end_call("agent0")
        await house.run(1, act=False)
        with pytest.raises(AgentError, match="hasn't said"):
            house.flow.wrap_up.finish("agent0")


async def test_the_campaigns_limit_ends_a_wrap_up():
    async with House(agents=1, auto_ready_after_seconds=10.0) as house:
        await talking(house)
        house.flow.end_call("agent0")
        await house.run(9, act=False)
        assert house.roster.session("agent0").work is Work.WRAPPING
        await house.run(2, act=False)
        assert house.roster.session("agent0").work is Work.READY


@pytest.mark.parametrize(
    ("code", "flag", "hours"),
    [
        ("wrong_number", "wrong_number", 1),  # nobody talked to the debtor: the gap between calls is left
        ("do_not_call", "do-not-call", 23),  # a conversation: not again on this day
    ],
)
async def test_a_dead_number_is_not_called_again_and_the_case_goes_on_with_the_others(code, flag, hours):
    async with House(agents=1) as house:
        await house.begin((PERSON, Behaviour.BUSY))
        await house.run(5, act=False)
        await house.flow.write_up("agent0", code, "")
        house.flow.end_call("agent0")
        await house.run(1, act=False)
        house.flow.wrap_up.finish("agent0")
        await house.run(hours * 3_600 - 3_600, tick_seconds=10)
        assert [number[-2:] for _, number in house.pbx.originated] == ["10"]
        await house.run(3_600 + 60, tick_seconds=10)
        assert [number[-2:] for _, number in house.pbx.originated] == ["10", "12"]
        assert house.flags(house.pbx.originated[0][1]) == [flag]


async def test_an_outcome_that_cannot_be_written_is_told_and_can_be_said_again():
    async with House(agents=1) as house:
        await talking(house)
        house.record.away = True
        with pytest.raises(AwayError):
            await house.flow.write_up("agent0", "refuses", "")
        house.record.away = False
        await house.flow.write_up("agent0", "refuses", "")


async def test_who_has_no_call_has_nothing_to_say_or_to_end():
    async with House(agents=1) as house:
        await house.staff()
        with pytest.raises(AgentError, match="no call"):
            await house.flow.write_up("agent0", "refuses", "")
        with pytest.raises(AgentError, match="no call"):
            house.flow.end_call("agent0")


async def test_who_logs_out_between_answer_and_bridge_leaves_when_the_claim_fails():
    async with House(agents=1) as house:
        await house.begin(PERSON)

        async def leave_first(attempt, seat):
            house.flow.desk.log_out("agent0")
            raise PbxRefusedError("no such channel")

        house.pbx.connect = leave_first
        await house.run(10)
        assert house.roster.session("agent0").work is Work.OFFLINE
        assert (await house.pbx.survey()).seats == {}


async def test_a_log_out_in_the_call_survives_a_restart():
    async with House(agents=1) as house:
        await talking(house)
        house.flow.desk.log_out("agent0")
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            again.talk_seconds = 0.0
            await again.run(5)
            assert again.roster.session("agent0").work is Work.OFFLINE


async def test_a_seat_that_comes_up_after_its_agent_left_is_hung_up():
    async with House(agents=1) as house:
        house.flow.desk.log_in("agent0", pause_reason=None)
        await house.flow.tick()
        await asyncio.sleep(0.01)
        house.flow.desk.log_out("agent0")
        await house.run(5)
        assert (await house.pbx.survey()).seats == {}


# -- restart --------------------------------------------------------------------------------------------------


async def test_a_restart_finds_seats_and_calls_and_dials_on():
    async with House(agents=4) as house:
        await house.cases(PERSON, PERSON, Behaviour.NEVER_ANSWERS, *[Behaviour.BUSY] * 90)
        house.talk_seconds = 1_000.0
        await house.staff()
        await house.start()
        await house.run(8)
        await house.die()
        placed = len(house.pbx.originated)
        async with House(agents=4, record=house.record, pbx=house.pbx, seed=2) as again:
            assert Counter(attempt.state for attempt in again.live)[State.TALKING] == 2
            assert Counter(session.work for session in again.roster)[Work.TALKING] == 2
            assert again.campaign.state is CampaignState.RUNNING
            await again.run(20)
            assert len(again.pbx.originated) > placed
            assert len((await again.pbx.survey()).seats) == 4  # no phone rang again
            again.talk_seconds = 0.0
            await again.run(60)
            assert again.results()["connected"] == 2


async def test_who_answered_while_nobody_listened_is_counted_after_the_restart():
    async with House(agents=3) as house:
        await house.begin(PERSON, Behaviour.PERSON_HANGS_UP, Behaviour.NEVER_ANSWERS, pace=30)
        await house.run(2)
        assert len(house.live) == 3
        await house.die()
        await asyncio.sleep(60)
        async with House(agents=3, record=house.record, pbx=house.pbx, seed=2) as again:
            assert again.results() == {"abandoned": 2, "unknown": 1}
            await again.run(1)
            assert again.pbx.abandoned == {}  # counted, then forgotten by the PBX
            assert len(again.pbx.purged) == 2
            await again.run(3_600)
            assert len(again.pbx.originated) == 3  # none of them is called again today


async def test_a_call_abandoned_and_believed_over_is_corrected_by_its_mark():
    async with House(agents=1) as house:
        await house.begin(PERSON, pace=30)
        await house.run(1)
        (attempt,) = list(house.live)
        await house.die()
        survey, marks = house.pbx.survey, house.pbx.abandoned
        await asyncio.sleep(20)
        house.pbx.abandoned = {}
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            assert again.results() == {"unknown": 1}
            again.pbx.abandoned = dict(marks)
            await again.recovery.reconcile()
            await again.run(1)
            assert again.results() == {"abandoned": 1}
            assert again.record.attempts[attempt.id].abandoned_at == marks[attempt.id]
            assert (await survey()).abandoned == {}


async def test_an_agent_who_was_writing_up_still_is():
    async with House(agents=1) as house:
        await talking(house)
        house.flow.end_call("agent0")
        await house.run(1, act=False)
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            session = again.roster.session("agent0")
            assert (session.work, session.seat) == (Work.WRAPPING, Seat.IDLE)
            await again.flow.write_up(
                "agent0", "call_back", "", Form(call_back_at=again.clock.now() + timedelta(days=1))
            )
            again.flow.wrap_up.finish("agent0")
            assert session.free


async def test_a_seat_that_died_meanwhile_is_called_again():
    async with House(agents=1) as house:
        await house.staff()
        await house.die()
        for leg in list(house.pbx._seats):
            house.pbx.lose_seat(leg)
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            await again.run(5)
            assert again.roster.session("agent0").free


async def test_a_leg_that_nobody_knows_is_hung_up():
    async with House(agents=1) as house:
        await house.begin(Behaviour.NEVER_ANSWERS)
        await house.run(1)
        await house.die()
        house.record.attempts.clear()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            await again.run(1, act=False)
            assert (await again.pbx.survey()).attempts == {}
            assert again.pbx.originated


async def test_a_halt_survives_a_restart():
    async with House(agents=1) as house:
        await house.cases(PERSON)
        await house.staff()
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            await again.run(30)
            assert again.pbx.originated == []


async def test_a_call_of_a_campaign_that_is_no_longer_configured_is_settled():
    async with House(agents=1) as house:
        await house.begin(Behaviour.NEVER_ANSWERS)
        await house.run(1)
        await house.die()
        await asyncio.sleep(60)
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2, name="renamed") as again:
            assert again.results() == {"unknown": 1}
            assert again.tally.campaigns["k"].results == {"unknown": 1}
            await again.run(1)


@pytest.mark.parametrize("every_seconds", [0.003, 0.011, 0.037, 0.26])
async def test_asking_the_pbx_at_any_instant_changes_nothing_of_a_healthy_floor(every_seconds):
    """What a survey says is old when it arrives: calls, claims, talks and seats moved on meanwhile."""
    async with House(agents=4) as house:
        await house.cases(*[PERSON, Behaviour.PERSON_HANGS_UP, Behaviour.BUSY, Behaviour.NEVER_ANSWERS] * 5)
        house.talk_seconds = 3.0

        async def ask():
            while True:
                await house.recovery.reconcile()
                await asyncio.sleep(every_seconds)

        asking = house.tasks.start("ask", ask())
        house.gate.clear = waiting_for(lambda: house.gate.pbx_ready, house.gate.clear)
        connects, hang_ups = watched(house.pbx, "connect"), watched(house.pbx, "hang_up")
        await house.staff()
        await house.start()
        await house.run(150, tick_seconds=0.05)
        asking.cancel()
        assert house.results() == {"connected": 10, "busy": 5, "no_answer": 5}
        assert len(house.pbx.seat_calls) == 4
        assert len(connects) == 10
        assert len(hang_ups) == 5  # by the agents, of those who stay on the line
        assert house.tally.signals_ignored == {}


def waiting_for(condition, act):
    async def later(*arguments):
        while not condition():
            await asyncio.sleep(0.001)
        return await act(*arguments)

    return later


def watched(target, name):
    calls, act = [], getattr(target, name)

    async def watch(*arguments, **how):
        calls.append(arguments)
        return await act(*arguments, **how)

    setattr(target, name, watch)
    return calls


@pytest.mark.parametrize("channel_seconds", [0.005, 0.1])
async def test_a_call_sent_right_before_the_pbx_is_asked_is_not_believed_gone(channel_seconds, monkeypatch):
    monkeypatch.setattr(fake_pbx, "CHANNEL_SECONDS", channel_seconds)
    async with House(agents=1) as house:
        await house.begin(PERSON)
        await house.flow.tick()
        await house.recovery.reconcile()
        await house.run(5)
        (attempt,) = house.live
        assert attempt.state is State.TALKING


async def test_a_call_of_which_nothing_was_ever_heard_is_given_up():
    async with House(agents=1) as house:
        await house.begin(PERSON)
        house.pbx.listening = False
        await house.flow.tick()
        await asyncio.sleep(0.5)
        await house.pbx.hang_up(house.pbx.originated[0][0])
        await asyncio.sleep(0.5)
        house.pbx.listening = True
        await house.recovery.reconcile()  # sent a second ago: it might still come
        assert len(house.live) == 1
        await house.run(90)
        assert house.results() == {"unknown": 1}


async def test_a_phone_called_right_before_the_pbx_is_asked_is_called_once():
    async with House(agents=1) as house:
        house.flow.desk.log_in("agent0", pause_reason=None)
        await house.flow.tick()
        await house.recovery.reconcile()
        await house.run(5)
        assert house.roster.session("agent0").free
        assert len(house.pbx.seat_calls) == 1


async def test_a_seat_of_which_nothing_was_ever_heard_is_called_again():
    async with House(agents=1) as house:
        house.flow.desk.log_in("agent0", pause_reason=None)
        await house.flow.tick()
        await asyncio.sleep(0.01)
        house.pbx.listening = False
        house.pbx.lose_seat(house.pbx.seat_calls[0])
        await asyncio.sleep(0.01)
        house.pbx.listening = True
        await house.recovery.reconcile()
        await house.run(90)
        assert house.roster.session("agent0").free


async def test_a_call_abandoned_before_and_ended_while_the_pbx_is_asked_counts():
    async with House(agents=1) as house:
        await house.begin(PERSON, pace=20)
        await house.run(1)
        house.pbx.listening = False
        await asyncio.sleep(6)
        (attempt,) = house.live
        assert attempt.id in house.pbx.abandoned
        house.pbx.listening = True
        asking = asyncio.create_task(house.recovery.reconcile())
        await asyncio.sleep(0.001)
        house.flow.move(attempt, Signal.HUNG_UP)  # its end comes before the answer
        await asking
        await house.run(1)
        assert house.record.attempts[attempt.id].result is Result.ABANDONED
        assert house.pbx.abandoned == {}


async def test_a_record_that_is_away_during_the_reconciliation_does_not_stop_the_dialling_for_good():
    async with House(agents=1) as house:
        await house.cases(PERSON)
        await house.staff()
        house.pbx.abandoned["dla-" + "0" * 26] = house.clock.now()
        house.record.away = True
        with pytest.raises(AwayError):
            await house.recovery.reconcile()
        house.record.away = False
        await house.start()
        await house.run(60)
        assert len(house.pbx.originated) == 1


@pytest.mark.parametrize("seed", range(8))
async def test_killed_at_any_instant_nobody_is_called_above_the_limits(seed):
    """Kill and restart again and again: the debtor's caps hold, every call is on record, every agent works on."""
    house = await House(agents=4, seed=seed).__aenter__()
    await house.begin(*[ALL[(seed + n) % len(ALL)] for n in range(60)])
    for life in range(12):
        await house.run(house.chance.uniform(0.1, 12))
        await house.die()
        await asyncio.sleep(house.chance.uniform(0, 5))
        house = await House(agents=4, record=house.record, pbx=house.pbx, seed=seed * 100 + life).__aenter__()
    await house.run(600)
    tries = Counter(number for _, number in house.pbx.originated)
    assert max(tries.values()) == 1  # two hours' gap: nobody twice in these minutes
    assert {attempt for attempt, _ in house.pbx.originated} == set(house.record.attempts) & {
        attempt for attempt, _ in house.pbx.originated
    }
    assert all(attempt.state is State.ENDED for attempt in house.record.attempts.values())
    assert all(case.state is CaseState.OPEN for case in house.record.cases.values())
    assert all(session.work is not Work.OFFLINE for session in house.roster)
    await house.die()


async def test_a_call_that_rang_says_until_when_the_next_is_wanted():
    async with House(agents=1) as house:
        await house.begin(Behaviour.NEVER_ANSWERS, Behaviour.BUSY)
        await house.run(60)
        rang, busy = house.record.cases.values()
        (attempt,) = [a for a in house.record.attempts.values() if a.intent.case_id == rang.id]
        assert rang.wanted_by == attempt.ended_at + timedelta(days=3)
        assert busy.wanted_by is None  # nobody heard of us
