"""What is known beforehand: breaks, ends of shifts, returns, agreed call-backs."""

from datetime import timedelta

import pytest

from dialer.agents.roster import AgentError
from dialer.agents.session import Plan, Work
from dialer.calls.attempt import State
from dialer.cases.model import AGREED, CaseState
from dialer.compliance.verdict import CallMode
from dialer.live.floor import floor_of
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON, NEVER = Behaviour.PERSON, Behaviour.NEVER_ANSWERS


def floor(house):
    return floor_of(
        house.campaign, house.roster, house.live, house.clock.now(),
        elapsed_seconds=0.25, cases=9, trunks=house.trunks.capacity(()), may_dial=True,
    )  # fmt: skip


def announce(house, plan, seconds=None, agent="agent0"):
    at = None if seconds is None else house.clock.now() + timedelta(seconds=seconds)
    house.flow.announcing.announce(agent, plan, at, "lunch")


async def talking(house):
    await house.begin(PERSON)
    await house.run(5, act=False)
    session = house.roster.session("agent0")
    assert session.work is Work.TALKING
    return session


GONE = {Plan.BREAK: (Work.PAUSED, "lunch"), Plan.END: (Work.OFFLINE, None)}


@pytest.mark.parametrize("plan", GONE)
async def test_who_goes_after_this_call_is_not_counted_on_and_goes(plan):
    async with House(agents=1) as house:
        session = await talking(house)
        assert len(floor(house).talking) == 1
        announce(house, plan)
        assert len(floor(house).talking) == 0
        house.flow.end_call("agent0")
        await house.run(1, act=False)
        assert session.work is Work.WRAPPING
        assert len(floor(house).wrapping) == 0
        await house.run(3)
        assert (session.work, session.pause_reason) == GONE[plan]


@pytest.mark.parametrize("plan", GONE)
async def test_who_says_so_in_the_wrap_up_may_finish_it(plan):
    async with House(agents=1) as house:
        session = await talking(house)
        house.flow.end_call("agent0")
        await house.run(1, act=False)
        announce(house, plan)
        assert session.work is Work.WRAPPING
        await house.run(3)
        assert (session.work, session.pause_reason) == GONE[plan]


@pytest.mark.parametrize("plan", GONE)
async def test_who_is_free_takes_one_call_more(plan):
    async with House(agents=1) as house:
        await house.cases(PERSON, PERSON)
        await house.staff()
        announce(house, plan)
        await house.start()
        await house.run(60)
        assert house.results() == {"connected": 1}
        assert house.roster.session("agent0").work is GONE[plan][0]


@pytest.mark.parametrize("plan", GONE)
async def test_who_goes_at_a_time_goes_then_and_is_not_dialled_for_shortly_before(plan):
    async with House(agents=1) as house:
        await house.cases(*[NEVER] * 5)
        await house.staff()
        announce(house, plan, 60)
        assert floor(house).leaving == (60.0,)
        await house.start()
        await house.run(58)
        placed = len(house.pbx.originated)
        assert 0 < placed < 5
        assert len(house.live) == 0  # the last 20 seconds: nobody would be there
        await house.run(3)
        assert house.roster.session("agent0").work is GONE[plan][0]
        assert len(house.pbx.originated) == placed


@pytest.mark.parametrize("plan", GONE)
async def test_whose_time_comes_in_a_call_goes_after_it(plan):
    async with House(agents=1) as house:
        house.talk_seconds = 100.0
        session = await talking(house)
        announce(house, plan, 40)
        assert len(floor(house).talking) == 1  # may be free again before that
        await house.run(15)
        assert len(floor(house).talking) == 0
        await house.run(30)
        assert (session.work, session.announced) == (Work.TALKING, None)
        await house.run(60)
        assert (session.work, session.pause_reason) == GONE[plan]


async def test_a_call_that_rings_for_the_agent_alone_comes_before_the_break():
    async with House(agents=1, mode=CallMode.RESERVED) as house:
        await house.begin(PERSON, pace=90)
        await house.run(1)
        announce(house, Plan.BREAK, 2)
        await house.run(9)
        (attempt,) = house.live
        assert attempt.state is State.TALKING
        await house.run(30)
        assert house.roster.session("agent0").work is Work.PAUSED


async def test_who_is_back_soon_is_announced_until_then_and_never_counted_on_when_late():
    async with House(agents=2) as house:
        await house.staff()
        house.flow.desk.pause("agent0", "lunch")
        house.flow.desk.log_out("agent1")
        announce(house, Plan.BACK, 60)
        announce(house, Plan.BACK, 30, "agent1")
        assert floor(house).joining == (30.0, 60.0)
        house.flow.desk.log_in("agent1", pause_reason=None)
        assert floor(house).joining == (60.0,)
        await house.run(61)
        assert floor(house).joining == ()
        assert house.roster.session("agent0").announced is None
        house.flow.desk.ready("agent0")
        assert floor(house).joining == ()


async def test_what_was_announced_can_be_withdrawn():
    async with House(agents=1) as house:
        await house.staff()
        announce(house, Plan.BREAK, 10)
        house.flow.announcing.withdraw("agent0")
        await house.run(20)
        assert house.roster.session("agent0").free


async def test_who_leaves_first_takes_the_announcement_along():
    async with House(agents=1) as house:
        await house.staff()
        announce(house, Plan.BREAK, 600)
        house.flow.desk.log_out("agent0")
        await house.staff()
        await house.run(700, tick_seconds=5)
        assert house.roster.session("agent0").free


async def test_a_log_out_announced_in_a_call_survives_a_restart():
    async with House(agents=1) as house:
        await talking(house)
        announce(house, Plan.END)
        await house.die()
        async with House(agents=1, record=house.record, pbx=house.pbx, seed=2) as again:
            again.talk_seconds = 0.0
            await again.run(5)
            assert again.roster.session("agent0").work is Work.OFFLINE


@pytest.mark.parametrize(
    ("plan", "seconds", "words"),
    [
        (Plan.BREAK, None, "no call after which"),
        (Plan.END, None, "no call after which"),
        (Plan.BACK, None, "isn't said"),
    ],
)
async def test_what_makes_no_sense_of_somebody_away_is_refused(plan, seconds, words):
    async with House(agents=1) as house:
        await house.staff()
        house.flow.desk.pause("agent0", "coffee")
        with pytest.raises(AgentError, match=words):
            announce(house, plan, seconds)
    async with House(agents=1) as house:
        await house.staff()
        with pytest.raises(AgentError, match="not away"):
            announce(house, Plan.BACK, 60)


# -- agreed call-backs ----------------------------------------------------------------------------------------


def agree(house, case_id, seconds):
    house.record.schedule(case_id, house.clock.now() + timedelta(seconds=seconds), CaseState.OPEN, AGREED)


async def test_an_agreed_call_back_is_dialled_at_its_time_with_an_agent_held_before_all_others():
    async with House(agents=1) as house:
        await house.cases(PERSON, *[NEVER] * 50)
        await house.staff()
        agree(house, 1, 100)
        due_at = house.clock.now() + timedelta(seconds=100)
        await house.start()
        await house.run(130)
        (attempt,) = [a for a in house.record.attempts.values() if a.intent.case_id == 1]
        assert attempt.intent.mode is CallMode.RESERVED
        # an agent was kept free for it: no call of another case was in the way
        assert timedelta() <= attempt.cleared_at - due_at < timedelta(seconds=1)
        assert len(house.pbx.originated) > 3
        assert {a.intent.mode for a in house.record.attempts.values() if a.id != attempt.id} == {CallMode.PROGRESSIVE}


async def test_one_that_finds_nobody_free_takes_the_first_who_is():
    async with House(agents=1) as house:
        house.talk_seconds = 50.0
        await house.cases(*[PERSON] * 10)
        await house.staff()
        agree(house, 9, 30)
        await house.start()
        await house.run(70)
        second = list(house.record.attempts.values())[1]
        assert (second.intent.case_id, second.intent.mode) == (9, CallMode.RESERVED)


async def test_one_agreed_while_the_case_was_at_hand_is_not_called_before_its_time():
    async with House(agents=1) as house:
        await house.begin(NEVER, NEVER, NEVER)
        await house.run(1)  # all three are at hand, one rings
        agree(house, 2, 70)
        await house.run(60)
        assert 2 not in {attempt.intent.case_id for attempt in house.record.attempts.values()}
        await house.run(12)
        assert 2 in {attempt.intent.case_id for attempt in house.live}


async def test_one_that_was_taken_back_is_not_called():
    async with House(agents=1) as house:
        await house.cases(NEVER)
        await house.staff()
        agree(house, 1, 40)
        await house.start()
        await house.run(5)
        house.record.schedule(1, None, CaseState.CLOSED, "closed")
        await house.run(60)
        assert house.pbx.originated == []
