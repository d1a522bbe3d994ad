"""Recordings under virtual time: what the engine asks of the PBX, and what it does where there is no room."""

import asyncio

import pytest

from dialer.agents.roster import AgentError
from dialer.calls.recording import RecordingError, What
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
    async with House(records=campaign, mandate_records={"Luce": mandate, "Gas": campaign}) as house:
        attempt, agent = await talking(house)
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
