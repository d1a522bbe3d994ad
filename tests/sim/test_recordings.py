"""Recordings under virtual time: what the engine asks of the PBX, and what it does where there is no room."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import pytest

from dialer.agents.roster import AgentError
from dialer.calls.inbound import InboundState
from dialer.calls.recording import RecordingError, What, is_held
from dialer.compliance.reasons import Reason
from dialer.kernel.errors import PbxAwayError
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON = Behaviour.PERSON


async def talking(house):
    """One call under way: its attempt and its agent."""
    await house.begin(PERSON)
    await house.run(6, act=False)
    (attempt,) = house.live
    return attempt, attempt.agent


async def said(house, attempt):
    return [moment.what for moment in await house.recordings.moments(attempt.id)]


def muted(house, attempt):
    return house.pbx._trunks[attempt.id].muted


async def test_nothing_is_heard_before_the_debtor_consents_and_nothing_in_a_pause():
    async with House(records=True) as house:
        attempt, agent = await talking(house)
        assert muted(house, attempt)
        for early in (house.flow.recordings.resume(agent), house.flow.recordings.begin(agent, What.TOLD)):
            with pytest.raises(RecordingError):
                await early
        assert muted(house, attempt)
        await house.flow.recordings.begin(agent, What.CONSENTED)
        assert not muted(house, attempt)
        await house.flow.recordings.pause(agent)
        assert muted(house, attempt)
        with pytest.raises(RecordingError):  # a second word of consent doesn't end a pause
            await house.flow.recordings.begin(agent, What.CONSENTED)
        assert muted(house, attempt)
        await house.flow.recordings.resume(agent)
        assert not muted(house, attempt)
        assert await said(house, attempt) == [What.HELD, What.CONSENTED, What.RESUMED, What.PAUSED, What.RESUMED]
        with pytest.raises(AgentError):
            await house.flow.recordings.pause(next(s.agent for s in house.roster if s.agent != agent))


async def test_a_pause_is_not_undone_by_a_resume_that_was_asked_for_before_it(monkeypatch):
    async with House(records=True) as house:
        attempt, agent = await talking(house)
        await house.flow.recordings.begin(agent, What.CONSENTED)
        read = house.recordings.moments

        async def slow(asked):
            for _ in range(50):
                await asyncio.sleep(0)
            return await read(asked)

        monkeypatch.setattr(house.recordings, "moments", slow)
        await asyncio.gather(house.flow.recordings.resume(agent), house.flow.recordings.pause(agent))
        monkeypatch.undo()
        assert muted(house, attempt)
        assert (await said(house, attempt))[-1] is What.PAUSED


async def test_a_pause_is_on_record_before_the_pbx_hears_of_it_and_its_end_after():
    async with House(records=True) as house:
        attempt, agent = await talking(house)
        await house.flow.recordings.begin(agent, What.CONSENTED)
        house.pbx.up = False
        with pytest.raises(PbxAwayError):
            await house.flow.recordings.pause(agent)
        assert (await said(house, attempt))[-1] is What.PAUSED
        with pytest.raises(PbxAwayError):
            await house.flow.recordings.resume(agent)
        assert (await said(house, attempt))[-1] is What.PAUSED


async def test_what_a_campaign_does_not_record_can_be_neither_begun_nor_paused():
    async with House() as house:
        attempt, agent = await talking(house)
        with pytest.raises(RecordingError):
            await house.flow.recordings.pause(agent)
        assert (await said(house, attempt))[-1] is What.NOT_RECORDED


async def away(*_, **__):
    raise PbxAwayError("away")


async def rung(house, caller):
    """A debtor rings us: the call once an agent talks, and its agent."""
    id_ = house.ids.inbound(house.clock.now())
    house.pbx.call_in(id_, "+390612345678", caller)
    await house.run(0.5, act=False)
    call = house.flow.receiving.get(id_)
    assert call.state is InboundState.TALKING
    return call, call.agent


async def test_who_rings_us_is_heard_after_consent_as_in_our_own_calls():
    async with House(records=True, mandate_stereo={"Luce": True}) as house:
        await house.cases(PERSON)
        await house.staff()
        call, agent = await rung(house, house.record.cases[1].new.numbers[0])
        assert muted(house, call)
        with pytest.raises(RecordingError):
            await house.flow.recordings.begin(agent, What.TOLD)
        await house.flow.recordings.begin(agent, What.CONSENTED)
        assert not muted(house, call)
        await house.flow.recordings.pause(agent)
        assert muted(house, call)
        assert call.id in house.flow.under_way
        assert house.pbx._trunks[call.id].stereo
        assert await said(house, call) == [What.HELD, What.CONSENTED, What.RESUMED, What.PAUSED]


async def test_a_slow_record_keeps_no_caller_from_a_free_agent(monkeypatch):
    async with House(records=True) as house:
        await house.cases(PERSON)
        await house.staff()
        add = house.recordings.add

        async def slow(*moments):
            await asyncio.sleep(10.0)
            await add(*moments)

        monkeypatch.setattr(house.recordings, "add", slow)
        call, _ = await rung(house, house.record.cases[1].new.numbers[0])
        assert muted(house, call)
        assert await said(house, call) == []
        await house.run(11.0, act=False)
        assert await said(house, call) == [What.HELD]


@pytest.mark.parametrize(("campaign", "mandate"), [(True, False), (False, True), (False, False)])
async def test_of_an_unknown_caller_nothing_is_heard_before_it_is_said_whose_case_it_is(campaign, mandate):
    async with House(agents=1, records=campaign, mandate_records={"Luce": mandate}) as house:
        await house.cases(PERSON)
        await house.staff()
        call, agent = await rung(house, "")
        leg = house.pbx._trunks[call.id]
        assert (leg.record, leg.muted) == ((campaign or mandate,) * 2)
        with pytest.raises(AgentError, match="whose call"):
            await house.flow.recordings.begin(agent, What.CONSENTED)
        await house.die()
        async with House(
            agents=1, records=campaign, mandate_records={"Luce": mandate}, record=house.record, pbx=house.pbx
        ) as after:
            after.recordings._moments = house.recordings._moments
            await after.flow.receiving.identify(agent, 1)
            await after.run(1, act=False)
            assert leg.muted == leg.record
            if mandate:
                await after.flow.recordings.begin(agent, What.CONSENTED)
                assert not leg.muted
            else:
                with pytest.raises(RecordingError):
                    await after.flow.recordings.begin(agent, What.CONSENTED)
                assert leg.muted == leg.record
                assert is_held(await after.recordings.moments(call.id)) == leg.record


async def test_where_no_notice_is_needed_a_caller_is_heard_at_once_or_as_soon_as_the_case_is_known(monkeypatch):
    async with House(records=True, agents=2) as house:
        open_ = replace(house.gate.treatment(house.packs), recording="nothing")
        monkeypatch.setattr(house.gate, "treatment", lambda packs: open_)
        await house.cases(PERSON)
        await house.staff()
        known, _ = await rung(house, house.record.cases[1].new.numbers[0])
        assert not muted(house, known)
        house.pbx.caller_hangs_up(known.id)
        await house.run(1, act=False)
        unknown, agent = await rung(house, "")
        assert muted(house, unknown)
        await house.flow.receiving.identify(agent, 1)
        await house.run(0.5, act=False)
        assert not muted(house, unknown)
        moments = await house.recordings.moments(unknown.id)
        assert [moment.what for moment in moments] == [What.HELD, What.IDENTIFIED, What.RESUMED]
        assert not is_held(moments)


@pytest.mark.parametrize("who", ["agent", "reconnect", "restart", "restart before it was heard"])
async def test_a_caller_is_let_go_though_the_record_was_away_when_the_case_was_said(who, monkeypatch):
    async with House(records=True, agents=1) as house:
        open_ = replace(house.gate.treatment(house.packs), recording="nothing")
        monkeypatch.setattr(type(house.gate), "treatment", lambda gate, packs: open_)
        await house.cases(PERSON)
        await house.staff()
        call, agent = await rung(house, "")
        with monkeypatch.context() as patch:
            if "heard" in who:
                patch.setattr(house.pbx, "mute_recording", away)
            else:
                patch.setattr(house.recordings, "moments", away)
            await house.flow.receiving.identify(agent, 1)
            await house.run(0.5, act=False)
        assert muted(house, call)
        if who == "agent":
            await house.flow.recordings.resume(agent)
        elif who == "reconnect":
            await house.recovery.reconcile()
        else:
            await house.die()
        after = House(records=True, agents=1, record=house.record, pbx=house.pbx) if "restart" in who else None
        async with after or nullcontext(house) as now:
            now.recordings._moments = house.recordings._moments
            await now.recovery.reconcile()
            await now.run(0.5, act=False)
            assert not muted(now, call)
            assert await said(now, call) == [What.HELD, What.IDENTIFIED, What.RESUMED]
            await now.flow.recordings.pause(agent)
            await now.recovery.reconcile()
            await now.run(0.5, act=False)
            assert muted(now, call)


async def test_a_campaign_that_records_does_not_dial_where_there_is_no_room():
    async with House(records=True, also={"other": {"records": False}}) as house:
        house.room = False
        assert [refusal.reason for refusal in house.flow.lacks(house.campaign)] == [Reason.DISK_FULL]
        assert house.flow.lacks(house.campaigns["other"]) == ()
        await house.begin(PERSON)
        await house.cases(PERSON, campaign="other")
        await house.run(10)
        assert {house.record.attempts[id_].campaign for id_, _ in house.pbx.originated} == {"other"}
        house.room = True
        await house.run(20)
        assert {house.record.attempts[id_].campaign for id_, _ in house.pbx.originated} == {"other", "k"}


@pytest.mark.parametrize(("campaign", "mandate"), [(True, False), (False, True)])
async def test_a_mandate_says_for_its_cases_whether_they_are_recorded(campaign, mandate):
    records = {"Luce": mandate, "Gas": campaign}
    async with House(records=campaign, stereo=campaign, mandate_records=records, mandate_stereo=records) as house:
        attempt, agent = await talking(house)
        assert house.pbx._trunks[attempt.id].stereo == mandate
        assert (house.pbx._trunks[attempt.id].record, muted(house, attempt)) == (mandate, mandate)
        if mandate:
            await house.flow.recordings.begin(agent, What.CONSENTED)
            assert not muted(house, attempt)
        else:
            with pytest.raises(RecordingError):
                await house.flow.recordings.begin(agent, What.CONSENTED)
    assert [house.campaign.records_for(creditor) for creditor in ("Luce", "Gas", "Acqua")] == [
        mandate,
        campaign,
        campaign,
    ]


async def test_cases_of_a_mandate_that_records_are_not_dialled_where_there_is_no_room():
    async with House(mandate_records={"Luce": True}) as house:
        house.room = False
        assert [refusal.reason for refusal in house.flow.lacks(house.campaign, "Luce")] == [Reason.DISK_FULL]
        assert house.flow.lacks(house.campaign, "Gas") == ()
        await house.begin(PERSON)
        await house.run(10)
        assert house.pbx.originated == []
        house.room = True
        await house.run(10)
        assert len(house.pbx.originated) == 1


async def test_a_call_that_a_restart_found_is_held_as_one_that_is_recorded():
    async with House(records=True) as house:
        await house.begin(PERSON)
        await house.run(0.5, act=False)
        await house.die()
        async with House(records=True, record=house.record, pbx=house.pbx) as after:
            await after.staff()
            await after.run(6, act=False)
            (attempt,) = after.live
            assert attempt.agent
            assert muted(after, attempt)
            assert [moment.what for moment in await after.recordings.moments(attempt.id)] == [What.HELD]
