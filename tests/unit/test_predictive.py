"""Predictive pacing: what it promises whatever the floor, and that its mathematics are right."""

import io
import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pacing
from pacing import (
    Account,
    Floor,
    Happening,
    Limit,
    Memory,
    Mode,
    Target,
    What,
    abandonment,
    answering,
    handling,
    predictive,
)
from pacing.governor import Rate
from pacing.lab.serve import ProtocolError, serve
from pacing.laws import horizon

TARGET = Target(mode=Mode.PREDICTIVE, channels=1_000, calls_per_second=1e6)
DAY = Account("day", 0.03, answered=400, abandoned=6, left_seconds=14_400.0)
RATE = Rate(tokens=1e6)


def learnt(answer_rate=0.25, agents=5, calls=600, seed=1):
    """A memory that has seen so many calls and their talks."""
    chance = np.random.default_rng(seed)
    memory, happened = Memory(), []
    for _ in range(calls):
        ring = 2 + chance.lognormal(1.9, 0.5)
        if chance.random() < answer_rate and ring < 25:
            happened.append(Happening(What.ANSWERED, ring))
            happened.append(Happening(What.TALK_ENDED, chance.exponential(120)))
            happened.append(Happening(What.WRAP_ENDED, chance.gamma(3, 10)))
        else:
            happened.append(Happening(What.RANG_OUT, 25.0))
    for start in range(0, len(happened), 10):
        seen = tuple(happened[start : start + 10])
        # ended within this second: what they rang before was taught by the decisions before
        memory = pacing.size(Floor(25.0, talking=(10.0,) * agents, happened=seen), TARGET, memory)[1]
    return replace(memory, governor=RATE)


LEARNT = {rate: learnt(rate) for rate in (0.1, 0.4)}
AGES = st.lists(st.floats(0, 400), max_size=12).map(tuple)
RINGS = st.lists(st.floats(0, 24.9), max_size=30).map(tuple)
FLOORS = st.builds(
    Floor,
    elapsed_seconds=st.just(1.0),
    idle=AGES,
    talking=st.one_of(AGES, st.lists(st.floats(0, 400), min_size=20, max_size=40).map(tuple)),
    wrapping=AGES,
    dialling=RINGS,
    waiting=st.lists(st.floats(0, 2), max_size=2).map(tuple),
    channels_in_use=st.integers(0, 100),
    cases=st.none() | st.integers(0, 60),
    accounts=st.builds(
        Account,
        st.just("day"),
        st.just(0.03),
        answered=st.integers(0, 2_000),
        abandoned=st.integers(0, 60),
        left_seconds=st.none() | st.floats(0, 28_800),
    ).map(lambda account: (account,)),
)
MEMORIES = st.sampled_from([Memory(governor=RATE), *LEARNT.values()])


@settings(max_examples=300)
@given(FLOORS, MEMORIES)
def test_one_more_free_agent_never_means_fewer_calls(floor, memory):
    more = replace(floor, idle=(*floor.idle, 0.0))
    assert pacing.size(more, TARGET, memory)[0].calls >= pacing.size(floor, TARGET, memory)[0].calls


@settings(max_examples=300)
@given(FLOORS, MEMORIES, st.floats(0, 24.9))
def test_one_more_call_in_flight_never_raises_the_burst(floor, memory, age):
    more = replace(floor, dialling=(*floor.dialling, age), channels_in_use=floor.channels_in_use + 1)
    assert pacing.size(more, TARGET, memory)[0].calls <= pacing.size(floor, TARGET, memory)[0].calls


@given(FLOORS, MEMORIES, st.floats(0.001, 0.029))
def test_a_lower_cap_never_means_more_calls(floor, memory, cap):
    lower = replace(floor, accounts=tuple(replace(account, cap=cap) for account in floor.accounts))
    most = pacing.size(floor, TARGET, memory)[0].calls
    assert pacing.size(lower, TARGET, memory)[0].calls <= most
    assert pacing.size(floor, replace(TARGET, max_abandonment=cap), memory)[0].calls <= most


@given(FLOORS, MEMORIES)
def test_several_laws_at_once_allow_what_the_tightest_allows(floor, memory):
    other = Account("month", 0.01, answered=900, abandoned=5)
    both = pacing.size(replace(floor, accounts=(*floor.accounts, other)), TARGET, memory)[0].calls
    each = [pacing.size(replace(floor, accounts=(one,)), TARGET, memory)[0].calls for one in (*floor.accounts, other)]
    assert both == min(each)


@given(FLOORS, MEMORIES)
def test_nothing_is_launched_when_halted_or_out_of_channels_or_of_cases(floor, memory):
    for stopped in (
        replace(floor, halted=True),
        replace(floor, channels_in_use=TARGET.channels),
        replace(floor, cases=0),
    ):
        assert pacing.size(stopped, TARGET, memory)[0].calls == 0


@given(FLOORS, MEMORIES)
def test_an_overdrawn_budget_or_none_leaves_the_progressive_floor(floor, memory):
    plain = pacing.size(floor, replace(TARGET, mode=Mode.PROGRESSIVE), memory)[0].calls
    for accounts in ((), tuple(replace(one, answered=100, abandoned=50, left_seconds=60.0) for one in floor.accounts)):
        assert pacing.size(replace(floor, accounts=accounts), TARGET, memory)[0].calls == plain
    assert pacing.size(floor, TARGET, memory)[0].calls >= plain


def test_a_spent_budget_is_told_without_a_count_of_less_than_nothing():
    spent = Floor(1.0, idle=(5.0,) * 3, accounts=(replace(DAY, abandoned=40, left_seconds=60.0),))
    burst = pacing.size(spent, TARGET, LEARNT[0.4])[0]
    assert (burst.calls, burst.limit) == (3, Limit.BUDGET)
    assert burst.sentence == "the abandonment budget allows no risk now (day): one line for each free agent (3 free)"


@given(FLOORS, MEMORIES)
def test_the_same_input_gives_the_same_answer(floor, memory):
    (first, kept), (second, again) = pacing.size(floor, TARGET, memory), pacing.size(floor, TARGET, memory)
    assert first == second
    assert pacing.memory.dump(kept) == pacing.memory.dump(again)


def test_an_agent_about_to_be_free_is_dialled_for_and_one_who_just_began_is_not():
    memory = LEARNT[0.4]
    soon = Floor(1.0, wrapping=(90.0,) * 8, accounts=(DAY,))
    assert pacing.size(soon, TARGET, memory)[0].calls >= 1
    late = pacing.size(Floor(1.0, talking=(20.0,), accounts=(DAY,)), TARGET, memory)[0]
    assert (late.calls, late.limit) == (0, Limit.BUDGET)
    assert late.risk_next > late.risk_limit
    assert "abandonment budget" in late.sentence


def test_fewer_answers_mean_more_lines():
    floor = Floor(1.0, idle=(1.0,) * 10, talking=(60.0,) * 10, accounts=(DAY,))
    few, many = (pacing.size(floor, TARGET, LEARNT[rate])[0].calls for rate in (0.1, 0.4))
    assert few > 1.5 * many > 15


# -- the mathematics ------------------------------------------------------------------------------------


def balances(agents, calls, free, new=0.3, points=3, seed=3):
    chance = np.random.default_rng(seed)
    return predictive.Balance(
        weights=np.array([0.5, 0.3, 0.2]),
        free=np.full(points, float(free)),
        agents=np.sort(chance.uniform(0, 0.9, (agents, points)), axis=1),
        calls=np.sort(chance.uniform(0, 0.5, (calls, points)), axis=1),
        new=np.array([new / 3, new / 2, new]),
        doubt=0.0,
    )


@pytest.mark.parametrize("added", [0, 2])
@pytest.mark.parametrize("free", [-1, 0, 1])
def test_the_risk_is_what_counting_every_course_of_events_gives(free, added):
    balance = balances(3, 4, free)
    expected = 0.0
    for point, weight in enumerate(balance.weights):
        comes = [*balance.agents[:, point]]
        answers = [*balance.calls[:, point], *[balance.new[point]] * added]
        for course in itertools.product((0, 1), repeat=len(comes) + len(answers)):
            chances = [p if yes else 1 - p for p, yes in zip([*comes, *answers], course, strict=True)]
            left = free + sum(course[: len(comes)]) - sum(course[len(comes) :])
            expected += weight * np.prod(chances) * (left <= 0)
    exact = predictive.Exact(balance)
    assert exact.risk(added) == pytest.approx(expected, abs=1e-9)


def test_the_normal_form_agrees_with_the_exact_one_on_large_floors():
    balance = balances(60, 90, 2)
    exact, normal = predictive.Exact(balance), predictive.Normal(balance)
    for added in (0, 5, 20):
        assert normal.risk(added) == pytest.approx(exact.risk(added), abs=0.004)
    assert normal.shortfall() == pytest.approx(exact.shortfall(), abs=1.5)


def test_doubt_about_the_answer_chance_is_a_risk():
    sure, unsure = balances(5, 8, 0), replace(balances(5, 8, 0), doubt=0.4)
    sure, unsure = (replace(one, agents=np.full((5, 3), 0.9)) for one in (sure, unsure))
    assert predictive.Exact(unsure).risk(0) > predictive.Exact(sure).risk(0)


def test_doubt_about_how_soon_agents_are_free_is_a_risk():
    sure = balances(60, 90, 2)
    assert predictive.Normal(replace(sure, pace_doubt=0.3)).risk(0) > predictive.Normal(sure).risk(0)


def test_a_large_floors_first_calls_all_ring_out_at_once_and_that_is_no_change_of_the_answer_rate():
    chance = np.random.default_rng(7)
    rings = np.where(chance.random(500) < 0.4, 3 + chance.exponential(5.0, 500), 99.0)
    memory = Memory(governor=RATE)
    for now in range(40):
        ended = [ring for ring in rings if now - 1 <= min(ring, 25.0) < now]
        happened = tuple(
            Happening(What.ANSWERED, ring, now - ring) if ring < 25.0 else Happening(What.RANG_OUT, 25.0, now - 25.0)
            for ring in ended
        )
        ringing = tuple(float(now) for ring in rings if min(ring, 25.0) >= now)
        memory = pacing.size(Floor(1.0, talking=(10.0,) * 300, dialling=ringing, happened=happened), TARGET, memory)[1]
        if now >= 26:
            law = answering.law(memory.answering, answering.level(memory.answering))
            assert law.chance == pytest.approx(0.4, abs=0.06)


def test_the_answer_law_is_learnt_from_calls_that_ended():
    known = LEARNT[0.4].answering
    law = answering.law(known, answering.level(known))
    assert law.chance == pytest.approx(0.4, abs=0.08)
    half = np.searchsorted(law.answered, law.chance / 2) * answering.BIN_SECONDS
    assert half == pytest.approx(2 + np.exp(1.9), abs=1.5)


def test_residual_times_of_exponential_phases_have_no_memory():
    talk, wrap = np.full(2_000, 0.01), np.full(2_000, 0.05)
    lags = horizon(25.0, 2.0).lags
    table = handling.residual(talk[: handling.LONGEST + 120], wrap[: handling.LONGEST + 120], lags)
    assert table.after_wrap[0] == pytest.approx(1 - np.exp(-0.05 * lags), abs=1e-3)
    # hypoexponential: both phases one after the other
    both = 1 - (0.05 * np.exp(-0.01 * lags) - 0.01 * np.exp(-0.05 * lags)) / 0.04
    assert table.after_talk[5] == pytest.approx(both, abs=4e-3)
    assert table.after_talk[5] == pytest.approx(table.after_talk[80], abs=1e-6)


def test_silence_is_an_outage_and_the_first_answer_ends_it():
    memory = LEARNT[0.4]
    ringing = Floor(1.0, idle=(1.0,), dialling=tuple(range(1, 25)), accounts=(DAY,))
    for _ in range(30):
        burst, memory = pacing.size(ringing, TARGET, memory)
    assert burst.limit is Limit.OUTAGE
    assert burst.calls == 0
    answered = replace(ringing, happened=(Happening(What.ANSWERED, 5.0),))
    assert pacing.size(answered, TARGET, memory)[0].limit is Limit.BUDGET


def test_a_flood_of_failures_is_an_outage():
    memory = LEARNT[0.4]
    failing = Floor(1.0, idle=(1.0,), accounts=(DAY,), happened=(Happening(What.FAILED, 1.0),) * 5)
    for _ in range(6):
        burst, memory = pacing.size(failing, TARGET, memory)
    assert (burst.limit, burst.calls) == (Limit.OUTAGE, 1)


def test_the_trunks_own_failures_teach_nothing_of_debtors():
    memory = LEARNT[0.4]
    failing = Floor(1.0, accounts=(DAY,), happened=(Happening(What.TRUNK_FAILED, 0.2),) * 50)
    after = pacing.size(failing, TARGET, memory)[1]
    assert answering.level(after.answering) == answering.level(memory.answering)
    assert not after.answering.outage


def test_kinds_that_are_answered_more_often_are_told_apart():
    happened = tuple(
        Happening(What.ANSWERED if number % 10 < (7 if kind == "mobile/9/1" else 1) else What.RANG_OUT, 10.0, 0.0, kind)
        for kind in ("mobile/9/1", "fixed/9/1")
        for number in range(200)
    )
    known = pacing.size(Floor(25.0, happened=happened), TARGET, LEARNT[0.4])[1].answering
    often, seldom, unseen = (answering.multiplier(known, f"{first}/9/1") for first in ("mobile", "fixed", "other"))
    assert often > 2 * seldom
    assert seldom < unseen < often


def test_what_is_kept_is_what_decides():
    memory = LEARNT[0.1]
    again = replace(pacing.memory.load(json.loads(json.dumps(pacing.memory.dump(memory)))), governor=RATE)
    floor = Floor(1.0, idle=(1.0,) * 3, talking=(30.0, 60.0), dialling=(5.0,), accounts=(DAY,))
    fresh = replace(memory, laws=None)
    assert pacing.size(floor, TARGET, again)[0] == pytest.approx(pacing.size(floor, TARGET, fresh)[0])


@pytest.mark.parametrize("spoilt", [{}, {"format": 2}, {"format": 1, "answering": {}}])
def test_a_memory_of_another_form_is_refused(spoilt):
    with pytest.raises(ValueError, match=r"format|memory"):
        pacing.memory.load(spoilt)


def test_the_next_day_begins_with_less_certainty_and_the_same_belief():
    memory = LEARNT[0.4]
    carried = pacing.carried_over(memory)
    assert answering.doubt(carried.answering) > answering.doubt(memory.answering)
    assert answering.level(carried.answering) == pytest.approx(answering.level(memory.answering), rel=0.2)
    assert carried.talk.ends.sum() == pytest.approx(memory.talk.ends.sum() / 2)


def test_the_budget_is_spent_by_the_days_end_and_never_beyond():
    spending = abandonment.Spending(answers=80.0, seconds=80.0 * 170.0, agents=5)

    def threshold(answered, abandoned, left_seconds):
        account = Account("day", 0.03, answered, abandoned, left_seconds=left_seconds)
        return abandonment.allow((account,), 0.03, spending, 0.0, 1.0).threshold

    assert threshold(300, 20, 60.0) == 0.0  # overdrawn, and hardly an answer to come
    assert threshold(300, 8, 60.0) == 0.0  # the next one would be the ninth of 300, and one more is kept back
    assert threshold(300, 7, 60.0) > threshold(300, 7, 7_200.0) > 0.0
    assert threshold(40, 0, 28_000.0) > threshold(40, 1, 28_000.0) > threshold(40, 4, 28_000.0) > 0.0


def test_of_a_large_floor_more_is_kept_back_as_more_may_be_lost_at_once():
    def budget(agents):
        spending = abandonment.Spending(answers=80.0, seconds=80.0 * 170.0, agents=agents)
        account = Account("day", 0.03, 300, 6, left_seconds=1.0)
        return abandonment.allow((account,), 0.03, spending, 0.0, 0.0).budget

    assert budget(1) == pytest.approx(budget(20), abs=0.05)
    assert budget(20) - 2.0 == pytest.approx(budget(40), abs=0.05)


@pytest.mark.parametrize("agents", [12, 60])
def test_no_burst_may_lose_more_than_is_left(agents):
    floor = Floor(1.0, wrapping=(60.0,) * agents)

    def burst(left_for_pipe):
        account = Account("day", 0.03, 4_000, 120 - left_for_pipe, left_seconds=20.0)
        return pacing.size(replace(floor, accounts=(account,)), TARGET, LEARNT[0.4])[0]

    few, some, many = (burst(left) for left in (2, 6, 40))
    assert 0 <= few.calls < some.calls < many.calls
    assert few.risk_next <= few.risk_limit  # it isn't the next call's own risk that stops it


def test_the_fewer_answers_are_to_come_the_less_is_left_to_luck():
    spending = abandonment.Spending(answers=80.0, seconds=80.0 * 170.0, agents=5)

    def chance(left_seconds):
        account = Account("day", 0.03, 800, 20, left_seconds=left_seconds)
        ((_, chance),) = abandonment.allow((account,), 0.03, spending, 0.0, 1.0).at_worst
        return chance

    chances = [chance(seconds) for seconds in (14_400.0, 1_200.0, 600.0, 300.0, 60.0, 0.0)]
    assert chances == sorted(chances, reverse=True)
    assert (chances[0], chances[-1]) == (abandonment.UNLIKELY, abandonment.NEVER)
    assert chances[1] == chances[2] == abandonment.RARE > chances[3] > chances[4] > chances[5]


def test_what_was_dialled_just_now_says_nothing_of_how_predictions_come_true():
    spending = abandonment.placed(abandonment.Spending(), 100, [0.03] * 400, 0.4, 0.03)
    now = abandonment.seen(spending, 0, 0, 100, 0.0)
    assert now.realised / now.predicted == 1.0
    later = abandonment.seen(now, 0, 0, 100, 60.0)
    assert later.predicted == pytest.approx(4.0 + 400 * 0.4 * 0.03, rel=0.01)
    assert later.awaited == pytest.approx(0.0, abs=0.05)


def test_a_risk_above_the_threshold_says_nothing_of_what_the_threshold_allows():
    at_it = abandonment.placed(abandonment.Spending(), 5, [0.03] * 3, 0.4, 0.03)
    far_above = abandonment.placed(abandonment.Spending(), 5, [0.03, 0.6, 0.9], 0.4, 0.03)
    assert far_above.risk == at_it.risk
    assert far_above.awaited > at_it.awaited


def test_more_of_a_large_floors_answers_are_counted_upon():
    def share(agents):
        spending = abandonment.Spending(answers=80.0, seconds=80.0 * 170.0, agents=agents)
        account = Account("day", 0.03, answered=20 * agents, abandoned=0, left_seconds=25_000.0)
        budget = abandonment.allow((account,), 0.03, spending, 0.0, 0.0).budget
        return budget / (25_000.0 / 170.0 * agents * 0.03)

    assert share(1) < share(10) < share(50) < share(500)


@pytest.mark.parametrize(
    ("abandoned", "answered", "low", "high"), [(0, 0, 0.0, 1.0), (3, 100, 0.0103, 0.0845), (0, 50, 0.0, 0.0713)]
)
def test_an_account_tells_how_much_may_be_chance(abandoned, answered, low, high):
    assert Account("day", 0.03, answered, abandoned).interval == pytest.approx((low, high), abs=1e-4)


# -- for outside judges ---------------------------------------------------------------------------------


def said(**line):
    return json.dumps(line)


DECIDE = {"op": "decide", "t": 0.0, "idle": 3, "talk": [], "wrap": [], "ring": [], "waiting": []}


def test_a_judge_gets_one_answer_to_each_decision_and_none_to_events():
    answers = list(
        serve(
            [
                said(op="reset", limits={"max_abandon": 0.03, "patience": 2.0, "ring_timeout": 25.0}, seed=1),
                said(**DECIDE),
                said(op="event", e="launch", t=0.0, call=1),
                said(op="event", e="answer", t=0.8, call=1, ring=0.8),
                said(op="event", e="fail", t=0.9, call=2, ring=0.9, timeout=False),
                said(op="event", e="agent", t=0.9, agent=3, state=4),
                "",
                said(**{**DECIDE, "t": 1.0, "idle": 1, "talk": [0.2], "ring": [1.0], "answered": 1}),
            ]
        )
    )
    assert [json.loads(answer)["launch"] for answer in answers] == [3, 0]
    assert "why" in json.loads(answers[1])


def test_a_judges_reset_forgets_everything_unless_told_to_keep():
    lesson = [said(op="event", e="fail", t=1.0, ring=25.0, timeout=True) for _ in range(50)]
    later = said(**{**DECIDE, "t": 2.0})
    first, cold = serve([said(op="reset"), said(**DECIDE), *lesson, later, said(op="reset"), said(**DECIDE)]), None
    chances = [json.loads(answer)["why"]["answer_chance"] for answer in first]
    cold = chances[0]
    assert chances[1] < cold - 0.1
    assert chances[2] == cold
    kept = list(serve([said(op="reset"), said(**DECIDE), *lesson, later, said(op="reset", keep=True), said(**DECIDE)]))
    assert json.loads(kept[2])["why"]["answer_chance"] < cold - 0.1


@pytest.mark.parametrize(
    ("line", "words"), [("{", "line 1"), ('{"op": "x"}', "'x'"), ('{"op": "decide"}', "'t' is missing")]
)
def test_a_line_out_of_the_protocol_is_named(line, words):
    with pytest.raises(ProtocolError, match=words):
        list(serve(io.StringIO(line)))
