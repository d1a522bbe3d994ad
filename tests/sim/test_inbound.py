"""Debtors ring us: the real engine on the shipped fakes, under virtual time."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from random import Random

import pytest

from dialer.agents.roster import AgentError
from dialer.agents.session import Work
from dialer.calls.inbound import InboundResult, InboundState
from dialer.calls.pbx import TurnAway
from dialer.campaigns.campaign import CampaignSignal
from dialer.cases.model import AGREED
from dialer.compliance.entry import Direction, EntryResult
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import AwayError, UnknownNameError
from dialer.kernel.events import SpyMode
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
OURS = "+390612345678"


def number(house, case_id=1):
    return house.record.cases[case_id].new.numbers[0]


async def ring(house, caller, called=OURS):
    """Somebody rings; the call as the engine has it, a moment later."""
    id_ = house.ids.inbound(house.clock.now())
    house.pbx.call_in(id_, called, caller)
    await house.run(0.5, act=False)
    return house.flow.receiving.get(id_) or house.record.inbound[id_]


def entries(house, call):
    return house.record.lines.get(call.id)


async def test_who_rings_gets_a_free_agent_with_the_case_and_the_talk_counts_as_theirs():
    async with House() as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        call = await ring(house, number(house))
        assert (call.state, call.case_id, call.campaign) == (InboundState.TALKING, 1, "k")
        assert entries(house, call).in_flight
        await house.flow.write_up(call.agent, "refuses", "")
        house.flow.end_call(call.agent)
        await house.run(0.5, act=False)
        house.flow.wrap_up.finish(call.agent)
        kept = house.record.inbound[call.id]
        assert (kept.result, kept.agent) == (InboundResult.CONNECTED, call.agent)
        line = entries(house, call)
        assert (line.direction, line.result, line.in_flight) == (Direction.INBOUND, EntryResult.CONVERSATION, False)
        assert house.record.attempts == {}
        assert house.record.outcomes[call.id].code == "refuses"
        assert house.tally.inbound == {("k", "connected"): 1}
        await house.run(1.0)
        assert call.id in house.pbx.purged


@pytest.mark.parametrize("withheld", [False, True])
async def test_whoever_listens_to_the_agent_hears_the_case_of_a_call_that_came_in(withheld):
    async with House(agents=1, boss=True) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        await house.listenings.start("boss", "agent0", SpyMode.LISTEN, "boss")
        await house.run(1.0, act=False)
        call = await ring(house, "" if withheld else number(house))
        assert call.state is InboundState.TALKING
        if withheld:
            assert (1, "boss", "listening") not in house.record.views
            await house.flow.receiving.identify("agent0", 1)
        assert house.record.views.count((1, "boss", "listening")) == 1


async def test_of_several_cases_the_agent_asks_and_chooses():
    async with House() as house:
        await house.cases(Behaviour.PERSON)
        same = number(house)
        await house.cases(Behaviour.PERSON)
        house.record.cases[2].new = replace(house.record.cases[2].new, numbers=(same,))
        await house.staff()
        call = await ring(house, same)
        assert (call.case_id, call.candidates, call.state) == (None, (1, 2), InboundState.TALKING)
        with pytest.raises(AgentError):
            await house.flow.write_up(call.agent, "refuses", "")
        await house.flow.receiving.identify(call.agent, 2)
        await house.flow.write_up(call.agent, "refuses", "")
        assert entries(house, call).debtor_id == house.record.cases[2].debtor_id
        with pytest.raises(AgentError):
            await house.flow.receiving.identify(call.agent, 1)


async def test_an_agent_sees_and_names_no_case_of_a_campaign_that_is_not_theirs():
    async with House(agents=1, also={"other": {}}) as house:
        await house.cases(Behaviour.PERSON, campaign="other")
        await house.staff()
        session = house.roster.session("agent0")
        session.campaigns = frozenset({"k"})
        call = await ring(house, number(house))
        assert (call.state, call.case_id, call.candidates) == (InboundState.TALKING, None, ())
        with pytest.raises(UnknownNameError):
            await house.flow.receiving.identify("agent0", 1)
        assert entries(house, call) is None
        session.campaigns = frozenset({"k", "other"})
        await house.flow.receiving.identify("agent0", 1)
        assert entries(house, call).debtor_id == house.record.cases[1].debtor_id


async def test_a_caller_who_withholds_the_number_can_be_named_after_the_talk_or_never():
    async with House(agents=2) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        for named in (True, False):
            call = await ring(house, "")
            assert (call.case_id, call.candidates) == (None, ())
            agent = call.agent
            house.flow.end_call(agent)
            await house.run(0.5, act=False)
            assert house.roster.session(agent).work is Work.WRAPPING
            if named:
                await house.flow.receiving.identify(agent, 1)
                with pytest.raises(AgentError):
                    house.flow.wrap_up.finish(agent)
                await house.flow.write_up(agent, "refuses", "")
                assert entries(house, call).result is EntryResult.CONVERSATION
                assert entries(house, call).number is None
            house.flow.wrap_up.finish(agent)
            assert house.roster.session(agent).work is Work.READY


async def test_the_agent_of_the_last_talk_is_preferred_and_else_the_longest_ready():
    async with House() as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        agents = []
        for _ in range(3):
            call = await ring(house, number(house))
            agents.append(call.agent)
            await house.flow.write_up(call.agent, "refuses", "")
            house.flow.end_call(call.agent)
            await house.run(0.5, act=False)
            house.flow.wrap_up.finish(call.agent)
        assert len(set(agents)) == 1
        house.flow.desk.pause(agents[0], "lunch")
        assert (await ring(house, number(house))).agent != agents[0]


async def test_who_waits_gets_the_next_free_agent_before_an_answered_call_of_ours():
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        first = await ring(house, number(house, 1))
        second = await ring(house, number(house, 2))
        assert (first.state, second.state) == (InboundState.TALKING, InboundState.WAITING)
        await house.start()
        await house.run(2.0, act=False)
        assert house.pbx.originated == []  # the next free agent is the caller's
        house.flow.end_call(first.agent)
        await house.run(0.5, act=False)
        await house.flow.write_up("agent0", "refuses", "")
        house.flow.wrap_up.finish("agent0")
        await house.run(0.5, act=False)
        assert second.state is InboundState.TALKING
        assert second.waited_seconds > 2.0


async def test_who_waits_too_long_may_ask_for_a_call_back_at_a_legal_instant():
    async with House(agents=1, inbound_wait_seconds=30.0) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        await ring(house, number(house, 1))
        call = await ring(house, number(house, 2))
        await house.run(31.0, act=False)
        assert call.state is InboundState.UNSERVED
        house.pbx.press_one(call.id)
        await house.run(4.0, act=False)
        kept = house.record.inbound[call.id]
        assert (kept.result, kept.state) == (InboundResult.UNSERVED, InboundState.ENDED)
        assert kept.call_back_due_at is not None
        case = house.record.cases[2]
        assert (case.due_at, case.why[: len(AGREED)]) == (kept.call_back_due_at, AGREED)
        verdict = await house.gate.foresee(call.intent, kept.call_back_due_at)
        assert verdict.allowed


@pytest.mark.parametrize("restarts", [True, False])
async def test_a_call_back_is_planned_though_the_record_was_away_when_it_was_asked_for(restarts, monkeypatch):
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON)
        call = await ring(house, number(house))

        async def away(case_id):
            raise AwayError("the record is away")

        with monkeypatch.context() as patch:
            patch.setattr(house.record, "case", away)
            house.pbx.press_one(call.id)
            await house.run(10.0, act=False)
            kept = house.record.inbound[call.id]
            assert (kept.state, kept.call_back_due_at) == (InboundState.ENDED, None)
            assert call.id in house.pbx.purged
            if restarts:
                await house.die()
        again = House(agents=1, record=house.record, pbx=house.pbx, seed=2) if restarts else nullcontext(house)
        async with again as now:
            await now.run(10.0, act=False)
            kept, case = now.record.inbound[call.id], now.record.cases[1]
            assert kept.call_back_due_at == case.due_at is not None
            assert case.why.startswith(AGREED)
            assert kept.result is InboundResult.CLOSED


async def test_nobody_at_work_and_a_number_that_is_not_ours_are_announced():
    async with House() as house:
        await house.cases(Behaviour.PERSON)
        closed = await ring(house, number(house))
        strange = await ring(house, number(house), called="+390600000000")
        assert house.pbx.turned_away == {closed.id: TurnAway.CALL_BACK, strange.id: TurnAway.NOT_OURS}
        await house.run(15.0)
        kept = house.record.inbound
        assert [kept[one.id].result for one in (closed, strange)] == [InboundResult.CLOSED, InboundResult.NOT_OURS]
        assert house.tally.inbound == {("k", "closed"): 1, ("", "not_ours"): 1}


async def test_a_claim_that_comes_after_the_wait_brings_nobody_and_leaves_the_agent_free(monkeypatch):
    async with House(agents=1, inbound_wait_seconds=5.0) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        first = await ring(house, number(house, 1))
        call = await ring(house, number(house, 2))
        connect = house.pbx.connect

        async def slow(*asked):
            await asyncio.sleep(3.0)
            await connect(*asked)

        monkeypatch.setattr(house.pbx, "connect", slow)
        house.flow.end_call(first.agent)
        await house.run(1.0, act=False)
        await house.flow.write_up("agent0", "refuses", "")
        await house.run(1.0, act=False)
        house.flow.wrap_up.finish("agent0")
        await house.run(0.5, act=False)
        assert call.state is InboundState.CLAIMED
        await house.run(4.0, act=False)
        assert (call.state, call.bridged_at) == (InboundState.UNSERVED, None)
        assert house.roster.session("agent0").work is Work.READY


async def test_a_call_on_its_way_to_a_seat_is_left_alone_by_a_reconciliation(monkeypatch):
    async with House() as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        monkeypatch.setattr("dialer.testing.fake_pbx.BRIDGE_SECONDS", 2.0)
        call = await ring(house, number(house))
        await house.recovery.reconcile()
        assert (call.state, call.unserved_at) == (InboundState.CLAIMED, None)
        await house.run(3.0, act=False)
        assert (call.state, house.roster.session(call.agent).work) == (InboundState.TALKING, Work.TALKING)


async def slow_recording(house, monkeypatch):
    """A caller of whom the PBX takes its time to say that it records them: the call, and what seats it was sent to."""
    sent, record_caller, connect = [], house.pbx.record_caller, house.pbx.connect

    async def slow(*asked, **how):
        await record_caller(*asked, **how)
        await asyncio.sleep(1.0)

    async def counted(attempt, seat_number):
        sent.append(seat_number)
        await connect(attempt, seat_number)

    monkeypatch.setattr(house.pbx, "record_caller", slow)
    monkeypatch.setattr(house.pbx, "connect", counted)
    call = await ring(house, number(house))
    assert (call.state, sent) == (InboundState.CLAIMED, [])
    return call, sent


async def test_a_caller_whose_recording_is_beginning_is_sent_to_one_seat_whatever_a_reconciliation_finds(monkeypatch):
    async with House(records=True) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        call, sent = await slow_recording(house, monkeypatch)
        await house.recovery.reconcile()
        await house.run(3.0, act=False)
        assert (call.state, sent) == (InboundState.TALKING, [house.roster.session(call.agent).seat_number])


async def test_a_caller_who_was_turned_away_meanwhile_is_sent_to_no_seat(monkeypatch):
    async with House(records=True, agents=1) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        call, sent = await slow_recording(house, monkeypatch)
        house.pbx._unserved(call.id)
        await house.run(3.0, act=False)
        assert (call.state, sent) == (InboundState.UNSERVED, [])
        assert house.roster.session("agent0").work is Work.READY


async def test_who_hangs_up_while_waiting_is_on_record_with_the_wait_and_takes_no_agent():
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        first = await ring(house, number(house, 1))
        call = await ring(house, number(house, 2))
        await house.run(5.0, act=False)
        house.pbx.caller_hangs_up(call.id)
        await house.run(0.5, act=False)
        kept = house.record.inbound[call.id]
        assert kept.result is InboundResult.HUNG_UP
        assert 5.0 <= kept.waited_seconds <= 7.0
        assert first.state is InboundState.TALKING


async def test_a_seat_that_is_lost_at_the_claim_gives_the_caller_to_another_agent():
    async with House(agents=2) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        leg = next(leg for leg, session in house.roster.seats().items() if session.agent == "agent0")
        house.pbx.listening = False
        house.pbx.lose_seat(leg)
        house.pbx.listening = True
        call = await ring(house, number(house))
        assert (call.state, call.agent) == (InboundState.TALKING, "agent1")


@pytest.mark.parametrize("when", ["talks", "waits", "rings while it is dead", "asks while it is dead"])
async def test_a_restart_finds_every_call_again(when):
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        talks = await ring(house, number(house, 1))
        waits = await ring(house, number(house, 2)) if when == "waits" else None
        await house.die()
        if "dead" in when:
            waits = None
            late = house.ids.inbound(house.clock.now())
            house.pbx.call_in(late, OURS, number(house, 2))
            await asyncio.sleep(3.0)
            if when.startswith("asks"):
                house.pbx.press_one(late)
            await asyncio.sleep(20.0)
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            await again.run(1.0, act=False)
            call = again.flow.receiving.get(talks.id)
            assert (call.state, call.agent, call.case_id) == (InboundState.TALKING, "agent0", 1)
            assert again.roster.session("agent0").work is Work.TALKING
            if waits:
                assert again.flow.receiving.get(waits.id).state is InboundState.WAITING
            if "dead" in when:
                kept = again.record.inbound[late]
                assert (kept.result, kept.campaign, kept.case_id) == (InboundResult.AWAY, "k", 2)
                assert (kept.call_back_due_at is not None) == when.startswith("asks")
                assert late in again.pbx.purged
            await again.flow.write_up("agent0", "refuses", "")
            again.flow.end_call("agent0")
            await again.run(0.5, act=False)
            again.flow.wrap_up.finish("agent0")
            await again.run(1.0, act=False)
            assert again.record.inbound[talks.id].result is InboundResult.CONNECTED
            assert again.record.lines[talks.id].result is EntryResult.CONVERSATION
            if waits:
                assert again.flow.receiving.get(waits.id).state is InboundState.TALKING


async def test_what_was_said_of_a_call_under_way_holds_after_a_restart():
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        call = await ring(house, number(house))
        await house.flow.write_up("agent0", "wrong_number", "")
        said = house.record.outcomes[call.id]
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            again.flow.end_call("agent0")
            await again.run(0.5, act=False)
            case = again.record.cases[1]
            assert (case.state, case.why) == (said.action.state, said.action.why)
            assert again.record.lines[call.id].result is said.counts_as


@pytest.mark.parametrize("restarts", [True, False])
async def test_a_call_that_is_over_and_whose_mark_was_left_stays_as_it_is_on_record(restarts):
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        talk = await ring(house, number(house, 1))
        asks = await ring(house, number(house, 2))
        await house.run(61.0, act=False)
        house.pbx.press_one(asks.id)
        marks = dict(house.pbx.inbound)
        await house.run(5.0, act=False)
        await house.flow.write_up(talk.agent, "refuses", "")
        house.flow.end_call(talk.agent)
        await house.run(1.0, act=False)
        house.flow.wrap_up.finish("agent0")
        await house.run(1.0, act=False)
        kept, plans = dict(house.record.inbound), [case.due_at for case in house.record.cases.values()]
        assert [call.result for call in kept.values()] == [InboundResult.CONNECTED, InboundResult.UNSERVED]
        ended = {id_: replace(mark, ended_at=kept[id_].ended_at) for id_, mark in marks.items()}
        house.pbx.inbound |= ended | {asks.id: replace(ended[asks.id], call_back_at=kept[asks.id].call_back_at)}
        house.pbx.purged.clear()
        if restarts:
            await house.die()
        again = House(agents=1, record=house.record, pbx=house.pbx, seed=2) if restarts else nullcontext(house)
        async with again as now:
            await now.recovery.reconcile()
            await now.run(1.0, act=False)
            assert now.record.inbound == kept
            assert [case.due_at for case in now.record.cases.values()] == plans
            assert set(now.pbx.purged) == set(kept)


async def test_calls_that_come_in_touch_no_count_of_ours():
    async with House(agents=1, inbound_wait_seconds=5.0) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        await ring(house, number(house, 1))
        await ring(house, number(house, 2))
        await house.run(60.0)
        await house.accounts.read()
        counts = house.tally.campaigns["k"]
        assert (counts.answered, counts.abandoned, counts.bridged, dict(counts.results)) == (0, 0, 0, {})
        assert {(account.answered, account.abandoned) for account in house.accounts.of(house.campaign)} == {(0, 0)}
        assert house.tally.inbound == {("k", "connected"): 1, ("k", "unserved"): 1}


async def test_a_debtor_who_talks_to_us_is_not_rung_meanwhile():
    async with House(agents=2) as house:
        await house.cases(Behaviour.PERSON)
        await house.staff()
        call = await ring(house, number(house))
        assert call.state is InboundState.TALKING
        await house.flow.command(house.campaign, CampaignSignal.START)
        await house.run(5.0, act=False)
        assert house.pbx.originated == []


async def test_a_stop_takes_nobody_new_whom_no_agent_can_take_at_once():
    async with House(agents=1) as house:
        await house.cases(Behaviour.PERSON, Behaviour.PERSON)
        await house.staff()
        first = await ring(house, number(house, 1))
        house.flow.stopping = True
        late = await ring(house, number(house, 2))
        assert (first.state, late.why) == (InboundState.TALKING, InboundResult.CLOSED)
        assert list(house.flow.receiving) == [first, late]


async def test_fifty_callers_in_a_predictive_campaign_are_all_served_and_the_cap_is_kept():
    """The small form of `make bench-inbound`."""
    public = (Behaviour.PERSON, Behaviour.NEVER_ANSWERS, Behaviour.NEVER_ANSWERS, Behaviour.BUSY)
    chance = Random(7)
    theirs = {"agents": 8, "mode": CallMode.PREDICTIVE, "inbound_wait_seconds": 120.0}
    async with House(**theirs, also={"elsewhere": {}}) as house:
        house.talk_seconds = 30.0
        await house.cases(*public * 120)
        await house.cases(*[Behaviour.NEVER_ANSWERS] * 50, campaign="elsewhere")  # rings us, and nobody rings it
        await house.staff()
        await house.flow.command(house.campaign, CampaignSignal.START)
        came_in = []
        for second in sorted(chance.uniform(0, 1200) for _ in range(50)):
            await house.run(max(0.5, second - house.clock.monotonic()), tick_seconds=0.5)
            id_ = house.ids.inbound(house.clock.now())
            house.pbx.call_in(id_, OURS, number(house, 481 + len(came_in)))
            came_in.append(id_)
        await house.run(200.0, tick_seconds=0.5)
        kept = [house.record.inbound[id_] for id_ in came_in]
        assert [call.result for call in kept] == [InboundResult.CONNECTED] * 50
        assert [call.case_id for call in kept] == list(range(481, 531))
        assert max(call.waited_seconds for call in kept) <= 60.0
        assert {house.record.lines[id_].direction for id_ in came_in} == {Direction.INBOUND}
        for account in house.accounts.of(house.campaign):
            assert account.answered >= 60
            assert account.abandoned <= account.cap * account.answered
