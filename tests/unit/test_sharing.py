"""Who gets the next free agent."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacing.sharing import AGENT_SECONDS, MOST_AHEAD_SECONDS, Claimant, Meters, deal

MANY = 1_000
STEP_SECONDS = 5
NUMBERS = st.integers(0, 40)


@st.composite
def groups(draw):
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True))
    return tuple(
        Claimant(
            name,
            draw(st.floats(0.1, 10)),
            draw(st.integers(-2, 2)),
            draw(st.floats(0, 100)),
            draw(st.floats(0, 50)),
            draw(NUMBERS),
        )
        for name in names
    )


METERS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 5_000)).map(Meters)
SECONDS = st.floats(0, 3_600)


@given(groups(), NUMBERS, SECONDS, METERS)
def test_no_more_are_dealt_than_are_free_and_nobody_who_is_wanted_is_left_over(group, free, seconds, meters):
    dealt, _ = deal(group, free, seconds, meters)
    assert sum(dealt.agents.values()) == min(free, sum(claimant.wants for claimant in group))
    assert all(0 <= dealt.agents[claimant.name] <= claimant.wants for claimant in group)
    assert sorted(dealt.order) == sorted(claimant.name for claimant in group)


@given(groups(), NUMBERS, SECONDS, METERS)
def test_the_same_input_gives_the_same_answer_in_whatever_order_it_stands(group, free, seconds, meters):
    assert deal(group, free, seconds, meters) == deal(tuple(reversed(group)), free, seconds, meters)


@given(groups(), NUMBERS, SECONDS, METERS)
def test_a_lower_priority_gets_only_what_a_higher_one_leaves(group, free, seconds, meters):
    dealt, _ = deal(group, free, seconds, meters)
    for low in group:
        if dealt.agents[low.name]:
            assert all(dealt.agents[high.name] == high.wants for high in group if high.priority > low.priority)


@given(groups(), NUMBERS, SECONDS, METERS, st.data())
def test_one_with_nothing_to_dial_takes_nothing_from_the_others(group, free, seconds, meters, data):
    empty = data.draw(st.sampled_from(group))
    with_it = tuple(replace(c, wants=0, in_use=0.0) if c is empty else c for c in group)
    without = tuple(c for c in group if c is not empty)
    dealt = deal(with_it, free, seconds, meters)[0].agents
    assert dealt[empty.name] == 0
    assert sum(dealt.values()) == min(free, sum(c.wants for c in without))


@given(groups(), NUMBERS, SECONDS, METERS)
def test_the_meters_stay_small(group, free, seconds, meters):
    _, after = deal(group, free, seconds, meters)
    assert all(0 <= value <= MOST_AHEAD_SECONDS for value in after.seconds.values())
    assert set(after.seconds) == {claimant.name for claimant in group}


def test_free_agents_are_dealt_by_share():
    group = (Claimant("a", share=3.0, wants=MANY), Claimant("b", share=1.0, wants=MANY))
    assert deal(group, 40, 0.0, Meters())[0].agents == {"a": 30, "b": 10}


def test_agents_in_use_already_count():
    group = (Claimant("a", in_use=8, wants=MANY), Claimant("b", in_use=2, wants=MANY))
    dealt, _ = deal(group, 10, 0.0, Meters())
    assert dealt.agents == {"a": 2, "b": 8}
    assert dealt.order == ("b", "a")


def test_of_equals_the_more_valuable_comes_first_and_then_the_name():
    a, b = Claimant("a", value=5.0, wants=MANY), Claimant("b", value=9.0, wants=MANY)
    assert deal((a, b), 1, 0.0, Meters())[0].agents == {"a": 0, "b": 1}
    assert deal((a, replace(b, value=5.0)), 1, 0.0, Meters())[0].agents == {"a": 1, "b": 0}


def test_who_comes_back_has_saved_nothing_up_and_owes_nothing():
    busy, away = Claimant("a", in_use=10, wants=MANY), Claimant("b")
    _, meters = deal((busy, away), 0, 3_600.0, Meters())
    both = (replace(busy, in_use=5), replace(away, in_use=5, wants=MANY))
    assert deal(both, 10, 0.0, meters)[0].agents == {"a": 5, "b": 5}


def simulate(shares, agents, *, hours, seed, wants=lambda name, now: MANY, priority=None, talk=None):
    """Agents whose calls last by chance; each who comes free is dealt. Agent-seconds by campaign."""
    chance, meters, used = Random(seed), Meters(), Counter()
    calls = []  # (ends at, campaign)
    for now in range(0, int(hours * 3_600), STEP_SECONDS):
        calls = [call for call in calls if call[0] > now]
        in_use = Counter(name for _, name in calls)
        used.update({name: count * STEP_SECONDS for name, count in in_use.items()})
        group = [
            Claimant(name, share, (priority or {}).get(name, 0), 0.0, in_use[name], wants(name, now))
            for name, share in shares.items()
        ]
        dealt, meters = deal(group, agents - len(calls), float(STEP_SECONDS), meters)
        calls += [
            (now + chance.expovariate(1 / (talk or {}).get(name, 90.0)), name)
            for name, count in dealt.agents.items()
            for _ in range(count)
        ]
        assert len(calls) <= agents
    return used


@pytest.mark.parametrize("agents", [1, 3, 20])
@pytest.mark.parametrize("seed", range(3))
def test_shares_are_met_over_time_whatever_calls_last(agents, seed):
    used = simulate({"a": 3.0, "b": 1.0, "c": 1.0}, agents, hours=8, seed=seed, talk={"a": 40.0, "b": 200.0})
    total = sum(used.values())
    assert total > 0.9 * agents * 8 * 3_600
    for name, part in {"a": 0.6, "b": 0.2, "c": 0.2}.items():
        assert used[name] / total == pytest.approx(part, abs=0.03)


def test_a_campaign_without_cases_leaves_its_agents_to_the_others():
    noon = 4 * 3_600
    used = simulate(
        {"a": 1.0, "b": 1.0}, 4, hours=8, seed=1, wants=lambda name, now: MANY if name == "a" or now > noon else 0
    )
    assert used["a"] / sum(used.values()) == pytest.approx(0.75, abs=0.02)


def test_priority_comes_before_share():
    used = simulate({"a": 1.0, "b": 9.0}, 4, hours=2, seed=1, priority={"a": 1})
    assert used["b"] == 0


def test_an_agent_in_use_weighs_about_one_call():
    group = (Claimant("a", in_use=1, wants=1), Claimant("b", wants=1))
    assert deal(group, 1, 0.0, Meters({"b": AGENT_SECONDS - 1}))[0].agents == {"a": 0, "b": 1}
    assert deal(group, 1, 0.0, Meters({"b": AGENT_SECONDS + 1}))[0].agents == {"a": 1, "b": 0}
