"""Predictive pacing in the engine, under virtual time."""

from collections import Counter

import pytest

import pacing
from dialer.calls.attempt import BEFORE_ANSWER
from dialer.campaigns.campaign import CampaignSignal
from dialer.compliance.verdict import CallMode
from dialer.kernel.errors import InputError
from dialer.live import targets
from dialer.live.accounts import Accounts
from dialer.live.targets import Wish
from dialer.testing.law import law
from dialer.testing.public import Behaviour
from pacing import Mode, What
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON, BUSY, SILENCE = Behaviour.PERSON, Behaviour.BUSY, Behaviour.NEVER_ANSWERS
PUBLIC = (PERSON, SILENCE, SILENCE, BUSY)


def predictive(**more):
    return House(mode=CallMode.PREDICTIVE, **more)


@pytest.fixture
def floors(monkeypatch):
    """Every floor that pacing was asked about, with the answer."""
    seen, size = [], pacing.size

    def watch(floor, target, memory):
        burst, memory = size(floor, target, memory)
        seen.append((floor, target, burst))
        return burst, memory

    monkeypatch.setattr(pacing, "size", watch)
    return seen


async def recounted(house):
    """The accounts made anew from the record alone."""
    accounts = Accounts(law(*house.packs), house.record, house.live, house.clock)
    await accounts.read()
    return figures(accounts.of(house.campaign))


def figures(accounts):
    return [(account.name, account.answered, account.abandoned) for account in accounts]


async def test_a_predictive_campaign_dials_more_lines_than_agents_are_free_and_keeps_within_its_account(floors):
    async with predictive(agents=6) as house:
        await house.begin(*PUBLIC * 120)
        await house.run(900, tick_seconds=0.5)
        over = [
            len(floor.dialling) + len(floor.waiting) + burst.calls - len(floor.idle)
            for floor, _, burst in floors
            if burst.calls
        ]
        assert max(over) >= 2
        for account in house.accounts.of(house.campaign):
            assert account.answered >= 60
            assert account.abandoned <= account.cap * account.answered
        assert figures(house.accounts.of(house.campaign)) == await recounted(house)


async def test_a_progressive_campaign_never_does(floors):
    async with House(agents=6) as house:
        await house.begin(*PUBLIC * 30)
        await house.run(300, tick_seconds=0.5)
        assert any(burst.calls for _, _, burst in floors)
        for floor, target, burst in floors:
            assert target.mode is Mode.PROGRESSIVE
            assert not burst.calls or burst.calls + len(floor.dialling) + len(floor.waiting) <= len(floor.idle)


async def test_abandoned_calls_are_in_the_account_at_once_and_with_it_overdrawn_nothing_is_over_dialled(floors):
    async with predictive(agents=3) as house:
        await house.begin(*[PERSON] * 40, pace=30)
        for _ in range(3):
            await house.run(1.0)
            for agent in ("agent0", "agent1", "agent2"):
                house.flow.desk.pause(agent, "coffee")
            await house.run(9)
            for agent in ("agent0", "agent1", "agent2"):
                house.flow.desk.ready(agent)
        abandoned = house.tally.campaigns["k"].abandoned
        assert abandoned >= 3
        assert {account.abandoned for account in house.accounts.of(house.campaign)} == {abandoned}
        assert figures(house.accounts.of(house.campaign)) == await recounted(house)
        floors.clear()
        await house.run(120)
        for floor, _, burst in floors:
            assert not burst.calls or burst.calls + len(floor.dialling) + len(floor.waiting) <= len(floor.idle)
            assert burst.risk_limit == 0.0


async def test_a_halted_campaign_places_nothing_and_its_account_stands_over_a_restart():
    async with predictive(agents=4) as house:
        await house.begin(*PUBLIC * 20)
        await house.run(100)
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(1)
        assert not [attempt for attempt in house.live if attempt.state in BEFORE_ANSWER]
        placed = len(house.pbx.originated)
        await house.run(60)
        assert len(house.pbx.originated) == placed
        accounts = house.accounts.of(house.campaign)
        assert any(account.answered for account in accounts)
        await house.die()
    async with predictive(agents=4, record=house.record, pbx=house.pbx) as again:
        assert figures(again.accounts.of(again.campaign)) == figures(accounts)


async def test_pacing_is_told_what_happened_once_with_its_kind(floors):
    async with House(agents=4) as house:
        for session in house.roster:
            session.kind = "senior"
        await house.begin(PERSON, BUSY, SILENCE, Behaviour.ANSWERS_AND_HANGS_UP, Behaviour.REJECTED_BY_NETWORK)
        await house.run(120)
        told = [one for floor, _, _ in floors for one in floor.happened]
        results = house.results()
        answered = sum(attempt.answered_at is not None for attempt in house.record.attempts.values())
        counts = Counter(one.what for one in told)
        assert counts == {
            What.ANSWERED: answered,
            What.FAILED: results["busy"] + results["rejected"],
            What.RANG_OUT: results["no_answer"],
            What.TALK_ENDED: results["connected"],
            What.WRAP_ENDED: results["connected"],
        }
        by_what = {one.what: one for one in told}
        assert by_what[What.RANG_OUT].seconds == pytest.approx(22, abs=0.5)
        assert by_what[What.TALK_ENDED].seconds == pytest.approx(house.talk_seconds, abs=0.5)
        assert by_what[What.WRAP_ENDED].seconds == pytest.approx(2, abs=0.5)
        assert by_what[What.WRAP_ENDED].kind == by_what[What.TALK_ENDED].kind == "senior"
        assert by_what[What.ANSWERED].kind == "mobile/10/1"
        assert {kind for floor, _, _ in floors for kind in floor.dialling_kinds} == {"mobile/10/1"}
        assert all(one.ago_seconds <= floor.elapsed_seconds for floor, _, _ in floors for one in floor.happened)


async def test_a_trunk_failure_and_an_abandoned_call_are_told_apart(floors):
    async with House(agents=1) as house:
        await house.begin(PERSON, PERSON)
        await house.run(0.3)
        house.flow.desk.pause("agent0", "coffee")
        await house.run(20)
        house.pbx.trunk = False
        house.flow.desk.ready("agent0")
        await house.run(30)
        counts = Counter(one.what for floor, _, _ in floors for one in floor.happened)
        assert counts[What.ABANDONED] == 1
        assert counts[What.TRUNK_FAILED] == house.results()["trunk_failure"] > 0
        (wait,) = [one.seconds for floor, _, _ in floors for one in floor.happened if one.what is What.ABANDONED]
        assert wait == pytest.approx(2.6)


@pytest.mark.parametrize("mode", [CallMode.RESERVED, CallMode.PREVIEW])
async def test_a_call_for_which_an_agent_is_held_teaches_only_how_long_it_was_talked(floors, mode):
    async with House(agents=1, mode=mode) as house:
        await house.begin(PERSON, BUSY)
        for _ in range(60):
            await house.run(1)
            if house.flow.previewing.of("agent0"):
                await house.flow.accept("agent0")
        told = {one.what for floor, _, _ in floors for one in floor.happened}
        assert told == {What.TALK_ENDED, What.WRAP_ENDED}


async def test_what_a_halt_ends_teaches_nothing(floors):
    async with House(agents=2) as house:
        await house.begin(SILENCE, SILENCE)
        await house.run(5)
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(5)
        assert len(house.results()) == 1
        assert [one for floor, _, _ in floors for one in floor.happened] == []


async def test_what_the_house_wishes_holds_from_the_next_decision_on(floors):
    async with House(agents=4, wish=Wish(abandonment_target=0.01)) as house:
        await house.begin(*[SILENCE] * 40)
        await house.run(1)
        assert floors[-1][1].max_abandonment == 0.01
        house.targets.take_up({"k": Wish(abandonment_target=0.02, patience_seconds=1.5)})
        await house.run(1)
        assert (floors[-1][1].max_abandonment, floors[-1][1].patience_seconds) == (0.02, 1.5)
        bounds = house.targets._bounds_of(house.campaign)
        for bad, words in (
            (Wish(abandonment_target=0.2), "abandonment_target"),
            (Wish(abandonment_cap=0.05), "abandonment_cap"),
            (Wish(abandonment_target=0.02, abandonment_cap=0.01), "abandonment_target"),
            (Wish(patience_seconds=2.9), "patience_seconds"),
        ):
            with pytest.raises(InputError, match=words):
                targets.check("k", bounds, bad)


async def test_the_house_own_cap_tightens_every_account(floors):
    async with House(agents=1, wish=Wish(abandonment_cap=0.015)) as house:
        await house.run(1)
        assert {account.cap for account in floors[-1][0].accounts} == {0.015}
        assert floors[-1][1].max_abandonment == 0.015
