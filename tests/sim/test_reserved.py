"""Calls for which an agent is held from before the dial to the end."""

import asyncio
from datetime import timedelta

import pytest

from dialer.agents.session import Work
from dialer.calls.attempt import BEFORE_ANSWER, State
from dialer.calls.results import Result
from dialer.campaigns.campaign import CampaignSignal
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import CallMode
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON, NEVER = Behaviour.PERSON, Behaviour.NEVER_ANSWERS
RESERVED = {"mode": CallMode.RESERVED}
AFTER_THE_LOCKOUT = timedelta(days=6, hours=1)


def check_promises(house):
    """Whoever rings reserved has an agent who is there; nobody is held for anything else."""
    rings = {a.id for a in house.live if a.intent.mode is CallMode.RESERVED and a.state in BEFORE_ANSWER}
    held = {session.attempt for session in house.roster if session.work is Work.RESERVED}
    assert rings <= held
    assert all(session.holds for session in house.roster if session.attempt in rings)


async def run_watched(house, seconds, **how):
    """As `run`, and the promises are looked at between the ticks too."""
    steps = round(seconds / 0.05)
    for _ in range(steps):
        await house.run(0.05, tick_seconds=0.05, **how)
        check_promises(house)


async def abandoned_once(house):
    """The house's one agent left while it rang; nobody was there for the debtor. Then the lockout passes."""
    await house.begin(PERSON, pace=50)
    await house.run(1)
    house.flow.desk.pause("agent0", "coffee")
    await house.run(20)
    assert house.results() == {"abandoned": 1}
    house.clock.jump += AFTER_THE_LOCKOUT


async def test_after_an_abandoned_call_the_next_is_placed_with_an_agent_held():
    async with House(agents=1) as house:
        await abandoned_once(house)
        house.flow.desk.ready("agent0")
        await house.run(2)
        (attempt,) = house.live
        session = house.roster.session("agent0")
        assert (attempt.intent.mode, attempt.state) == (CallMode.RESERVED, State.RINGING)
        assert (session.work, session.attempt) == (Work.RESERVED, attempt.id)
        await house.run(4)
        assert (attempt.state, attempt.agent) == (State.TALKING, "agent0")
        first, second, _ = house.record.decisions[-3:]  # the last is the check at the answer
        assert first.verdict.reasons == (Reason.RESERVED_AGENT_REQUIRED,)
        assert second.verdict.allowed


async def test_reserved_and_other_calls_are_mixed_in_one_campaign():
    async with House(agents=3) as house:
        await house.begin(PERSON, pace=50)
        await house.run(1)
        for agent in ("agent0", "agent1", "agent2"):
            house.flow.desk.pause(agent, "coffee")
        await house.run(20)
        house.clock.jump += AFTER_THE_LOCKOUT
        await house.cases(NEVER, NEVER, NEVER, NEVER)
        for agent in ("agent0", "agent1", "agent2"):
            house.flow.desk.ready(agent)
        await run_watched(house, 3)
        modes = sorted(attempt.intent.mode for attempt in house.live)
        assert modes == [CallMode.PROGRESSIVE, CallMode.PROGRESSIVE, CallMode.RESERVED]
        assert house.tally.campaigns["k"].burst.sentence == "limited by free agents (2 free, 2 lines ringing for them)"


async def test_while_no_agent_is_free_the_case_waits_and_the_gate_is_asked_once():
    async with House(agents=1) as house:
        await abandoned_once(house)
        house.flow.desk.ready("agent0")
        hold, house.flow.reserving.hold = house.flow.reserving.hold, lambda campaign: None
        await house.run(60)
        asked = [d for d in house.record.decisions if Reason.RESERVED_AGENT_REQUIRED in d.verdict.reasons]
        assert len(asked) == 1
        (case,) = house.record.cases.values()
        assert case.due_at <= house.clock.now()  # still due: nothing speaks against it
        assert house.tally.campaigns["k"].blocked[Reason.NO_AGENT] >= 1
        house.flow.reserving.hold = hold
        await house.run(0.5)
        assert [attempt.intent.mode for attempt in house.live] == [CallMode.RESERVED]


async def test_of_two_numbers_one_that_needs_nobody_held_is_called_while_nobody_is_free():
    async with House(agents=1) as house:
        await house.begin((PERSON, NEVER), pace=50)
        await house.run(1)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(20)
        house.clock.jump += AFTER_THE_LOCKOUT
        house.flow.desk.ready("agent0")
        await house.run(30)
        assert house.results() == {"abandoned": 1, "no_answer": 1}
        house.clock.jump += timedelta(days=1)
        house.flow.reserving.hold = lambda campaign: None
        (case,) = house.record.cases.values()
        case.first_number = case.new.numbers[0]
        await house.run(3)
        (attempt,) = house.live
        reasons = [reason for decision in house.record.decisions for reason in decision.verdict.reasons]
        assert reasons == [Reason.RESERVED_AGENT_REQUIRED]  # the number of the silent call was asked about first
        assert (attempt.intent.number[-2:], attempt.intent.mode) == ("14", CallMode.PROGRESSIVE)


async def test_a_case_that_is_refused_for_more_than_the_agent_holds_nobody():
    async with House(agents=1) as house:
        await abandoned_once(house)
        house.forbid(house.pbx.originated[0][1])
        house.flow.desk.ready("agent0")
        await run_watched(house, 3)
        assert house.record.decisions[-1].verdict.reasons == (Reason.DO_NOT_CALL, Reason.RESERVED_AGENT_REQUIRED)
        assert house.roster.session("agent0").free
        assert len(house.live) == 0


async def test_a_reserved_campaign_holds_an_agent_for_every_call_and_wastes_none():
    async with House(agents=3, **RESERVED) as house:
        kinds = [PERSON, Behaviour.BUSY, NEVER, Behaviour.PERSON_HANGS_UP, Behaviour.ANSWERS_AND_HANGS_UP]
        await house.begin(*kinds * 6)
        await run_watched(house, 300)
        assert house.results() == {"connected": 18, "busy": 6, "no_answer": 6}
        assert {attempt.intent.mode for attempt in house.record.attempts.values()} == {CallMode.RESERVED}
        assert all(session.free for session in house.roster)
        assert max(house.tally.campaigns["k"].recent_waits) < 0.1


async def ringing_reserved(house, *behaviours, pace=90):
    await house.begin(*behaviours, pace=pace)
    await house.run(1)
    return list(house.live)


def leave(house, how, agent):
    if how == "pause":
        house.flow.desk.pause(agent, "coffee")
    elif how == "log-out":
        house.flow.desk.log_out(agent)
    else:
        house.pbx.lose_seat(house.roster.session(agent).leg)


@pytest.mark.parametrize("how", ["pause", "log-out", "seat lost"])
async def test_where_the_held_agent_goes_another_one_is_held_at_once(how):
    async with House(agents=2, **RESERVED) as house:
        (attempt,) = await ringing_reserved(house, PERSON)
        first = house.roster.of_attempt(attempt.id).agent
        leave(house, how, first)
        await asyncio.sleep(0.001)  # the event of the lost seat comes by itself
        second = house.roster.of_attempt(attempt.id).agent
        assert second != first
        assert house.roster.session(first).attempt is None
        await run_watched(house, 8)
        assert (attempt.state, attempt.agent) == (State.TALKING, second)


@pytest.mark.parametrize("how", ["pause", "log-out", "seat lost"])
async def test_where_nobody_else_is_free_it_is_hung_up_before_it_is_answered(how):
    async with House(agents=1, **RESERVED) as house:
        (attempt,) = await ringing_reserved(house, PERSON)
        leave(house, how, "agent0")
        await house.run(0.1, act=False)
        assert (attempt.state, attempt.answered_at) == (State.ENDED, None)
        assert house.tally.campaigns["k"].abandoned == 0
        await house.run(5)
        session = house.roster.session("agent0")
        assert {"pause": Work.PAUSED, "log-out": Work.OFFLINE, "seat lost": Work.READY}[how] is session.work
        assert session.attempt is None


async def test_who_pauses_after_the_answer_takes_the_call_first():
    async with House(agents=1, **RESERVED) as house:
        (attempt,) = await ringing_reserved(house, PERSON, pace=20)
        connect = house.pbx.connect

        async def pause_first(*arguments):
            house.flow.desk.pause("agent0", "coffee")
            await connect(*arguments)

        house.pbx.connect = pause_first
        await house.run(5, act=False)
        assert (attempt.state, attempt.agent) == (State.TALKING, "agent0")
        house.flow.end_call("agent0")
        await house.run(4)
        assert house.roster.session("agent0").work is Work.PAUSED


async def test_who_leaves_while_the_gate_is_asked_is_not_counted_on():
    async with House(agents=1, **RESERVED) as house:
        await house.begin(PERSON)
        tick = await house.tick_while_the_record_is_slow()
        house.flow.desk.log_out("agent0")
        await tick
        await house.run(2)
        assert house.pbx.originated == []
        assert house.roster.session("agent0").work is Work.OFFLINE
        assert (await house.pbx.survey()).seats == {}


async def test_a_record_that_is_away_frees_the_agent_again():
    async with House(agents=1, **RESERVED) as house:
        await house.begin(PERSON)
        open_ = house.record.open

        async def away(*opened):
            house.record.away = True
            await open_(*opened)

        house.record.open = away
        await house.flow.tick()
        assert house.roster.session("agent0").free


async def test_the_agent_of_a_halted_call_is_free_again():
    async with House(agents=2, **RESERVED) as house:
        await ringing_reserved(house, NEVER, NEVER)
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(1)
        assert len(house.live) == 0
        assert all(session.free for session in house.roster)


async def test_an_agent_may_end_a_call_that_still_rings_and_has_nothing_to_say_of_it():
    async with House(agents=1, **RESERVED) as house:
        (attempt,) = await ringing_reserved(house, NEVER)
        with pytest.raises(Exception, match="nobody has answered"):
            await house.flow.write_up("agent0", "refuses", "")
        house.flow.end_call("agent0")
        await house.run(1)
        assert attempt.result is Result.NO_ANSWER
        assert house.roster.session("agent0").free


async def test_a_claim_that_fails_goes_to_another_agent():
    async with House(agents=2, **RESERVED) as house:
        (attempt,) = await ringing_reserved(house, PERSON, pace=20)
        first = house.roster.of_attempt(attempt.id).agent
        connect = house.pbx.connect

        async def fail_first(*arguments):
            house.pbx.connect = connect
            house.pbx.lose_seat(house.roster.session(first).leg)
            await connect(*arguments)

        house.pbx.connect = fail_first
        await house.run(6)
        assert attempt.state is State.TALKING
        assert attempt.agent != first


# -- restart --------------------------------------------------------------------------------------------------


async def test_after_a_restart_a_call_that_rings_has_an_agent_again():
    async with House(agents=2, **RESERVED) as house:
        await ringing_reserved(house, PERSON)
        await house.die()
        async with House(agents=2, record=house.record, pbx=house.pbx, seed=2, **RESERVED) as again:
            await again.flow.tick()
            check_promises(again)
            assert sum(session.work is Work.RESERVED for session in again.roster) == 1
            await run_watched(again, 8)
            (attempt,) = again.live
            assert attempt.state is State.TALKING


async def test_after_a_restart_a_call_without_anybody_left_is_ended_before_it_is_answered():
    async with House(agents=1, **RESERVED) as house:
        await ringing_reserved(house, PERSON)
        await house.die()
        for leg in list(house.pbx._seats):
            house.pbx.lose_seat(leg)
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2, **RESERVED) as again:
            await again.run(1)
            assert len(again.live) == 0
            assert again.tally.campaigns["k"].abandoned == 0
            assert again.results()["abandoned"] == 0
            await again.run(5)
            assert again.roster.session("agent0").free


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_agents_do_nobody_rings_without_an_agent(seed):
    async with House(agents=4, seed=seed, **RESERVED) as house:
        kinds = [PERSON, Behaviour.BUSY, NEVER, Behaviour.PERSON_HANGS_UP, Behaviour.REJECTED]
        await house.begin(*[house.chance.choice(kinds) for _ in range(60)], pace=house.chance.randrange(5, 90))
        for _ in range(120):
            await run_watched(house, house.chance.uniform(0.1, 3))
            session = house.roster.session(f"agent{house.chance.randrange(4)}")
            if session.work is Work.OFFLINE:
                house.flow.desk.log_in(session.agent, pause_reason=None)
            elif session.work is Work.PAUSED:
                house.flow.desk.ready(session.agent)
            elif session.leg in house.pbx._seats:
                leave(house, house.chance.choice(["pause", "log-out", "seat lost"]), session.agent)
                await asyncio.sleep(0.001)
            check_promises(house)
        held = [session for session in house.roster if session.work is Work.RESERVED]
        assert all(house.live.get(session.attempt) for session in held)
        assert house.results()["connected"] > 0
