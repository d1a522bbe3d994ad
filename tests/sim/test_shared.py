"""Several campaigns of the same agents."""

from collections import Counter

import pytest

from dialer.agents.session import Work
from dialer.calls.attempt import BEFORE_ANSWER
from dialer.campaigns.campaign import CampaignSignal
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON, NEVER, BUSY = Behaviour.PERSON, Behaviour.NEVER_ANSWERS, Behaviour.BUSY


async def run(house, seconds, tick_seconds=1.0):
    """Agent-seconds by campaign; never more lines than agents who are free for them."""
    used = Counter()
    for _ in range(round(seconds / tick_seconds)):
        await house.run(tick_seconds, tick_seconds=tick_seconds)
        rings = Counter(attempt.campaign for attempt in house.live if attempt.state in BEFORE_ANSWER)
        assert sum(rings.values()) <= sum(session.free for session in house.roster)
        used.update(rings)
        for session in house.roster:
            if session.work is Work.TALKING:
                used[house.live.get(session.attempt).campaign] += 1
    return used


@pytest.mark.parametrize("agents", [1, 6])
async def test_the_time_of_shared_agents_goes_by_share_and_every_line_has_an_agent(agents):
    async with House(agents=agents, share=3.0, also={"g": {"share": 1.0}}) as house:
        await house.cases(*[PERSON, BUSY, NEVER, PERSON] * 40 * agents)
        await house.begin(*[PERSON, BUSY, NEVER, PERSON] * 40 * agents, campaign="g")
        used = await run(house, 1_000)
        assert used["k"] / sum(used.values()) == pytest.approx(0.75, abs=0.06)
        assert sum(tally.abandoned for tally in house.tally.campaigns.values()) == 0


async def test_the_higher_priority_dials_alone_until_it_has_no_case_left():
    async with House(agents=3, also={"g": {"priority": 1}}) as house:
        await house.cases(*[PERSON] * 30)
        await house.begin(*[PERSON] * 6, campaign="g")
        await run(house, 200)
        order = [attempt.campaign for attempt in house.record.attempts.values()]
        assert order[:6] == ["g"] * 6
        assert len(order) > 20


async def test_a_campaign_that_is_paused_or_has_no_case_leaves_all_agents_to_the_other():
    async with House(agents=4, also={"g": {"share": 100.0}}) as house:
        await house.begin(*[NEVER] * 20)
        await run(house, 2)
        assert len(house.live) == 4  # the other has no case
        await house.cases(*[NEVER] * 20, campaign="g")
        await house.flow.command(house.campaigns["g"], CampaignSignal.PAUSE)
        await run(house, 60)
        assert {attempt.campaign for attempt in house.record.attempts.values()} == {"k"}


async def test_a_campaign_whose_every_case_is_refused_wastes_no_agent_for_long():
    async with House(agents=2, also={"g": {"facts": {}}}) as house:  # without its facts no call of g is allowed
        await house.cases(*[NEVER] * 20)
        await house.begin(*[NEVER] * 60, campaign="g")
        used = await run(house, 50)
        assert used["g"] == 0
        assert used["k"] > 0.85 * 2 * 50
