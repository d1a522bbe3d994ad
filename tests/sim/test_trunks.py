"""Calls over several trunks, under virtual time."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.calls.attempt import State
from dialer.calls.results import Result
from dialer.campaigns.caller_id import CallerId
from dialer.campaigns.campaign import CampaignSignal
from dialer.campaigns.trunk import Trunk
from dialer.compliance.verdict import CallMode
from dialer.live.snapshot import trunk_lines
from dialer.testing import fake_pbx
from dialer.testing.law import FACTS
from dialer.testing.public import Behaviour
from pacing.governor import SICK_AFTER_FAILURES
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


def attempts_by_number(house):
    """What became of each number's attempts, in order: trunk and result."""
    lines = sorted(house.record.attempts.values(), key=lambda one: one.cleared_at)
    return {
        number: [(one.intent.trunk, one.result and one.result.value) for one in lines if one.intent.number == number]
        for number in {one.intent.number for one in lines}
    }


async def test_a_call_for_which_one_trunk_has_no_way_goes_over_another_at_once_and_counts_once():
    async with House(agents=4, trunks=(A, B)) as house:
        house.pbx.congested = {"a"}
        house.talk_seconds = 5.0
        await house.begin(*[PERSON] * 12)
        await house.run(90)
        for number, line in attempts_by_number(house).items():
            assert line in ([("b", "connected")], [("a", "trunk_failure"), ("b", "connected")]), number
        both = [one for one in house.record.attempts.values() if one.result is Result.TRUNK_FAILURE]
        assert len(both) >= 1
        for failed in both:
            (again,) = [
                one for one in house.record.attempts.values()
                if one.intent.number == failed.intent.number and one is not failed
            ]  # fmt: skip
            assert again.cleared_at - failed.ended_at < timedelta(seconds=5)
        tried = {line.tried for case in house.record.cases.values() for line in house.record._due_case(case).numbers}
        assert tried == {1}


async def test_a_call_that_waits_for_room_on_the_other_trunk_is_never_sent_over_the_first_again():
    one = replace(B, channels=1)
    async with House(agents=4, trunks=(A, one)) as house:
        house.pbx.congested = {"a"}
        house.talk_seconds = 15.0
        await house.begin(*[PERSON] * 4)
        await house.run(120)
        for number, line in attempts_by_number(house).items():
            assert line in ([("b", "connected")], [("a", "trunk_failure"), ("b", "connected")]), number


async def test_a_trunk_without_room_is_full_and_not_sick_and_most_calls_go_over_the_other_at_once():
    async with House(agents=8, trunks=(A, B)) as house:
        house.pbx.congested = {"a"}
        await house.begin(*[Behaviour.BUSY] * 200)
        await house.run(60)
        assert by_trunk(house)["b"] == 200
        assert by_trunk(house)["a"] > SICK_AFTER_FAILURES
        assert [(line.well, line.failures) for line in trunk_lines(house.trunks)] == [(True, 0)] * 2
        assert house.targets.of(house.campaign).channels == 200


@pytest.mark.parametrize(
    "answer",
    [
        Behaviour.BUSY, Behaviour.NEVER_ANSWERS, Behaviour.REJECTED, Behaviour.REJECTED_BY_NETWORK,
        Behaviour.UNREACHABLE, Behaviour.UNALLOCATED, Behaviour.CHANGED, Behaviour.VOICEMAIL,
    ],
)  # fmt: skip
async def test_what_the_debtor_or_the_debtors_network_answers_is_never_asked_again_over_another_trunk(answer):
    async with House(agents=4, trunks=(A, B)) as house:
        await house.begin(*[answer] * 4)
        await house.run(60)
        assert [len(line) for line in attempts_by_number(house).values()] == [1] * 4


async def test_where_no_trunk_has_a_way_the_network_has_none():
    async with House(agents=2, trunks=(A, B)) as house:
        await house.begin(Behaviour.CONGESTION, Behaviour.CONGESTION)
        await house.run(60)
        for line in attempts_by_number(house).values():
            assert [result for _, result in line] == ["trunk_failure", "congestion"]
            assert {trunk for trunk, _ in line} == {"a", "b"}


async def test_a_network_that_finds_no_way_only_after_the_phone_may_have_rung_has_made_the_attempt(monkeypatch):
    monkeypatch.setitem(fake_pbx._UNANSWERED, Behaviour.CONGESTION, (8.0, 34, 503))
    async with House(agents=2, trunks=(A, B)) as house:
        await house.begin(Behaviour.CONGESTION, Behaviour.CONGESTION)
        await house.run(60)
        for line in attempts_by_number(house).values():
            assert [result for _, result in line] == ["congestion"]


async def test_a_carrier_that_falls_silent_is_given_up_and_its_calls_go_over_the_other():
    async with House(agents=6, trunks=(A, B)) as house:
        house.pbx.silent = {"a"}
        house.talk_seconds = 5.0
        await house.begin(*[PERSON] * 30)
        await house.run(120)
        assert house.results()["connected"] == 30
        assert set(house.results()) == {"connected", "trunk_failure"}
        assert "probed with one call" in trunk_lines(house.trunks)[0].sentence
        assert house.results()["trunk_failure"] <= SICK_AFTER_FAILURES + 6 + 12  # those under way, then the probes
        house.pbx.silent = set()
        await house.cases(*[PERSON] * 20)
        await house.run(60)
        assert by_trunk(house)["a"] > house.results()["trunk_failure"]
        assert [line.well for line in trunk_lines(house.trunks)] == [True, True]


async def test_a_trunk_that_the_pbx_cannot_reach_gets_no_call_until_it_can():
    async with House(agents=4, trunks=(A, B)) as house:
        await house.run(1)
        house.pbx.reach("a", reached=False)
        await house.begin(*[Behaviour.BUSY] * 20)
        await house.run(40)
        assert by_trunk(house) == {"b": 20}
        assert "no OPTIONS" in trunk_lines(house.trunks)[0].sentence
        assert house.targets.of(house.campaign).channels == 100
        house.pbx.reach("a", reached=True)
        await house.cases(*[Behaviour.BUSY] * 20)
        await house.run(20)
        assert by_trunk(house) == {"a": 15, "b": 25}
        assert house.targets.of(house.campaign).channels == 200


async def test_a_halted_campaign_calls_nobody_again_over_another_trunk():
    async with House(agents=1, trunks=(A, B)) as house:
        house.pbx.silent = {"a"}
        await house.begin(PERSON)
        await house.run(5)
        await house.flow.command(house.campaign, CampaignSignal.HALT)
        await house.run(60)
        assert len(house.pbx.originated) == 1


async def test_a_reserved_call_fails_over_with_an_agent_held_again():
    async with House(agents=1, trunks=(A, B), mode=CallMode.RESERVED) as house:
        house.pbx.congested = {"a"}
        await house.begin(PERSON)
        await house.run(10)
        ((_, line),) = attempts_by_number(house).items()
        assert line == [("a", "trunk_failure"), ("b", None)]
        (attempt,) = house.live
        assert (attempt.state, attempt.intent.mode) == (State.TALKING, CallMode.RESERVED)


FIRST, SECOND, OTHER = (CallerId(f"+39069480123{n}", registered=n != 2) for n in range(3))


async def test_a_debtor_sees_the_same_number_at_every_call_and_the_record_knows_which():
    async with House(agents=4, trunks=(A, B), caller_ids=(FIRST, SECOND)) as house:
        await house.begin(*[Behaviour.BUSY] * 12)
        await house.run(2.5 * 3_600, tick_seconds=5)
        shown = {}
        for attempt in house.record.attempts.values():
            shown.setdefault(attempt.intent.debtor_id, []).append(attempt.intent.caller_id)
        assert {len(numbers) for numbers in shown.values()} == {2}
        assert all(len(set(numbers)) == 1 for numbers in shown.values())
        assert {number for numbers in shown.values() for number in numbers} == {FIRST.number, SECOND.number}
        assert {caller_id for caller_id, _ in house.pbx.ways.values()} == {FIRST.number, SECOND.number}
        rates = house.flow.answer_rates.lines()
        assert sum(line.calls for line in rates) == pytest.approx(24, rel=0.05)
        assert {line.rate for line in rates} == {0.0}


async def test_a_number_that_is_not_registered_is_refused_by_the_gate_and_a_mandates_own_is_shown():
    facts = {name: value for name, value in FACTS.items() if name != "caller_id_registered"}
    async with House(agents=1, caller_ids=(OTHER,), facts=facts) as house:
        await house.begin(PERSON)
        await house.run(5)
        assert house.pbx.originated == []
        assert [decision.verdict.reasons for decision in house.record.decisions] == [("caller-id",)]
    of_mandates = {"Luce": (SECOND,)}
    async with House(agents=1, caller_ids=(OTHER,), mandate_caller_ids=of_mandates, facts=facts) as house:
        await house.begin(PERSON)
        await house.run(5)
        assert [caller_id for caller_id, _ in house.pbx.ways.values()] == [SECOND.number]


async def test_the_number_stays_the_same_where_the_call_goes_over_another_trunk():
    async with House(agents=2, trunks=(A, B), caller_ids=(FIRST, SECOND)) as house:
        house.pbx.congested = {"a"}
        await house.begin(*[PERSON] * 2)
        await house.run(5)
        shown = {}
        for attempt in house.record.attempts.values():
            shown.setdefault(attempt.intent.debtor_id, set()).add(attempt.intent.caller_id)
        assert house.results()["trunk_failure"] >= 1
        assert all(len(numbers) == 1 for numbers in shown.values())
