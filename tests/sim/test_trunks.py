"""Calls over several trunks, under virtual time."""

from collections import Counter

import pytest

from dialer.campaigns.trunk import Trunk
from dialer.testing.law import FACTS
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
PERSON, NEVER = Behaviour.PERSON, Behaviour.NEVER_ANSWERS
A = Trunk("a", "a", country="IT", channels=100, calls_per_second=100.0, weight=3)
B = Trunk("b", "b", country="IT", channels=100, calls_per_second=100.0)


def by_trunk(house):
    return Counter(trunk for _, trunk in house.pbx.ways.values())


async def test_calls_are_shared_out_by_weight_and_the_record_knows_which_way_each_went():
    async with House(agents=8, trunks=(A, B)) as house:
        await house.begin(*[Behaviour.BUSY] * 80)
        await house.run(30)
        assert by_trunk(house) == {"a": 60, "b": 20}
        recorded = {id_: (one.intent.caller_id, one.intent.trunk) for id_, one in house.record.attempts.items()}
        assert recorded == house.pbx.ways


async def test_pacing_fills_every_trunk_and_no_channel_more():
    small = [Trunk(name, name, channels=channels, calls_per_second=20.0) for name, channels in (("a", 2), ("b", 3))]
    async with House(agents=9, trunks=small) as house:
        await house.begin(*[NEVER] * 30)
        await house.run(10)
        assert by_trunk(house) == {"a": 2, "b": 3}
        assert "5 of 5 in use" in house.tally.campaigns["k"].burst.sentence
        assert house.tally.campaigns["k"].blocked == {}


async def test_campaigns_with_trunks_of_their_own_take_nothing_from_each_other():
    a, b = (Trunk(name, name, channels=2, calls_per_second=20.0) for name in "ab")
    async with House(agents=9, trunks=(a, b), its_trunks=(a,), also={"other": {"trunks": (b,)}}) as house:
        await house.cases(*[NEVER] * 5)
        await house.cases(*[NEVER] * 5, campaign="other")
        await house.staff()
        await house.start()
        await house.run(10)
        seen = Counter((one.campaign, one.intent.trunk) for one in house.live)
        assert seen == {("k", "a"): 2, ("other", "b"): 2}


async def test_an_italian_caller_id_on_a_foreign_trunk_is_refused_by_the_gate():
    facts = {name: value for name, value in FACTS.items() if name != "trunk_domestic"}
    abroad = Trunk("abroad", "abroad", country="FR")
    async with House(agents=1, trunks=(abroad,), facts=facts) as house:
        await house.begin(PERSON)
        await house.run(5)
        assert house.pbx.originated == []
        assert [decision.verdict.reasons for decision in house.record.decisions] == [("trunk-origin",)]
    async with House(agents=1, trunks=(abroad, A), facts=facts) as house:
        await house.begin(PERSON)
        await house.run(5)
        assert by_trunk(house) == {"a": 1}
