"""Preview: the agent sees the case first and decides."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.agents.roster import AgentError
from dialer.agents.session import Work
from dialer.calls.attempt import State
from dialer.calls.previewing import UNANSWERED
from dialer.campaigns.campaign import CampaignSignal
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import CallMode
from dialer.testing.public import Behaviour
from tests.sim.house import TRUNK, House

pytestmark = pytest.mark.virtual_time
PERSON, NEVER = Behaviour.PERSON, Behaviour.NEVER_ANSWERS
PREVIEW = {"mode": CallMode.PREVIEW}


async def offered(house, *behaviours):
    await house.begin(*behaviours)
    await house.run(1)
    return house.flow.previewing.of("agent0")


def idle(house):
    return house.roster.session("agent0").free


async def test_nothing_is_dialled_before_the_agent_says_so_and_then_with_that_agent():
    async with House(agents=1, **PREVIEW) as house:
        offer = await offered(house, PERSON, PERSON)
        await house.run(60)
        assert house.pbx.originated == []
        assert house.flow.previewing.of("agent0") is offer
        session = house.roster.session("agent0")
        assert (session.work, session.attempt) == (Work.RESERVED, None)
        assert (await house.flow.accept("agent0")).allowed
        (attempt,) = house.live
        assert (attempt.intent.case_id, attempt.intent.mode) == (offer.case.id, CallMode.PREVIEW)
        assert session.attempt == attempt.id
        await house.run(5, act=False)
        assert (attempt.state, attempt.agent) == (State.TALKING, "agent0")
        assert house.flow.previewing.of("agent0") is None


async def test_each_agent_is_offered_another_case_and_the_next_one_after_the_call():
    async with House(agents=3, **PREVIEW) as house:
        await offered(house, *[NEVER] * 5)
        cases = {house.flow.previewing.of(f"agent{n}").case.id for n in range(3)}
        assert len(cases) == 3
        await house.flow.accept("agent0")
        await house.run(30)
        assert house.results() == {"no_answer": 1}
        assert house.flow.previewing.of("agent0").case.id not in cases


async def test_a_skipped_case_rests_a_little_with_the_reason_on_record():
    async with House(agents=1, **PREVIEW) as house:
        offer = await offered(house, PERSON, PERSON)
        house.flow.skip("agent0", "letter under way")
        case = house.record.cases[offer.case.id]
        assert case.why == "skipped by agent0: letter under way"
        assert timedelta() < case.due_at - house.clock.now() < timedelta(hours=1)
        await house.run(1)
        assert house.flow.previewing.of("agent0").case.id != offer.case.id


async def test_what_the_gate_refuses_is_told_and_the_agent_is_free_again():
    async with House(agents=1, **PREVIEW) as house:
        offer = await offered(house, PERSON)
        house.forbid(offer.case.numbers[0].number)
        verdict = await house.flow.accept("agent0")
        assert verdict.reasons == (Reason.DO_NOT_CALL,)
        assert idle(house)
        assert house.pbx.originated == []
        assert house.record.cases[offer.case.id].why == "not called: do-not-call"


async def test_after_an_abandoned_call_the_accepted_call_is_a_reserved_one():
    async with House(agents=1) as house:
        await house.begin(PERSON, pace=50)
        await house.run(1)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(20)
        assert house.results() == {"abandoned": 1}
        house.clock.jump += timedelta(days=6, hours=1)
        house.campaign.mode = CallMode.PREVIEW
        house.flow.desk.ready("agent0")
        await house.run(3)
        assert (await house.flow.accept("agent0")).allowed
        assert [attempt.intent.mode for attempt in house.live] == [CallMode.RESERVED]


@pytest.mark.parametrize("how", ["pause", "log-out", "seat lost", "campaign paused", "stop"])
async def test_an_offer_ends_with_what_it_needs_and_the_case_is_still_due(how):
    async with House(agents=1, **PREVIEW) as house:
        offer = await offered(house, PERSON)
        match how:
            case "pause":
                house.flow.desk.pause("agent0", "coffee")
            case "log-out":
                house.flow.desk.log_out("agent0")
            case "seat lost":
                house.pbx.lose_seat(house.roster.session("agent0").leg)
            case "campaign paused":
                await house.flow.command(house.campaign, CampaignSignal.PAUSE)
            case "stop":
                house.flow.stopping = True
        await house.run(0.25)
        with pytest.raises(AgentError, match="no case"):
            await house.flow.accept("agent0")
        assert house.roster.session("agent0").work is not Work.RESERVED
        assert house.record.cases[offer.case.id].due_at <= house.clock.now()
        if how == "pause":
            house.flow.desk.ready("agent0")
            await house.run(3)
            assert house.flow.previewing.of("agent0").case.id == offer.case.id


async def test_who_does_not_decide_in_time_is_paused_and_another_gets_the_case():
    async with House(agents=2, preview_seconds=30.0, **PREVIEW) as house:
        offer = await offered(house, PERSON)
        await house.run(20)
        assert 5 < house.flow.previewing.seconds_left(offer) < 10
        await house.run(15)
        session = house.roster.session("agent0")
        assert (session.work, session.pause_reason) == (Work.PAUSED, UNANSWERED)
        assert house.flow.previewing.of("agent1").case.id == offer.case.id


async def test_offers_take_no_more_channels_than_there_are():
    async with House(agents=5, trunks=(replace(TRUNK, channels=2),), **PREVIEW) as house:
        await offered(house, *[NEVER] * 5)
        assert sum(house.flow.previewing.of(f"agent{n}") is not None for n in range(5)) == 2


async def test_a_restart_forgets_the_offer_and_makes_another():
    async with House(agents=1, **PREVIEW) as house:
        offer = await offered(house, PERSON)
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2, **PREVIEW) as again:
            await again.run(1)
            assert again.flow.previewing.of("agent0").case.id == offer.case.id
