"""A simulated year, shortened: no cap is broken, the same seed is the same year, and no order sees how debtors are."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import pytest

from dialer.compliance.entry import EVENTS, Entry, EntryResult
from dialer.lab.orders import OrderName
from dialer.lab.public import ROME, Habits, Public
from dialer.lab.recount import recount
from dialer.lab.year import Plan, Year

SMALL = Plan(debtors=60, agents=2, days=35, attempts_an_hour=0.8)
AMPLE = replace(SMALL, attempts_an_hour=None)


async def lived(plan, name, seed=1):
    year = Year(plan, name, seed)
    await year.run()
    return year


def calls(year):
    return [(one.cleared_at, one.intent.number) for one in year.record.attempts.values()]


@pytest.mark.parametrize("name", list(OrderName))
async def test_no_cap_is_broken_however_cases_are_chosen(name):
    year = await lived(AMPLE, name)
    assert year.figures.violations == {}
    assert year.figures.recounted == year.figures.attempts == len(year.record.attempts) > 300
    rang, talked = EVENTS["rang"], EVENTS["conversation"]
    by_day, talks, last = defaultdict(int), defaultdict(int), {}
    for entry in sorted((line for line in year.record.lines.values() if isinstance(line, Entry)), key=lambda e: e.at):
        begun = year.record.attempts[entry.id].cleared_at
        local = begun.astimezone(ROME)
        assert local.weekday() < 6 and "08:30" <= f"{local:%H:%M}" < ("15:00" if local.weekday() == 5 else "21:00")
        by_day[entry.debtor_id, local.date()] += entry.result in rang
        talks[entry.debtor_id, local.date()] += entry.result in talked
        if entry.debtor_id in last:
            assert begun - last[entry.debtor_id] >= timedelta(hours=1)
        last[entry.debtor_id] = entry.at
    # the oracle calls nobody twice a day
    assert max(by_day.values()) == 3 or name is OrderName.ORACLE, "the cap is reached, and never passed"
    assert max(by_day.values()) <= 3
    assert max(talks.values()) <= 2, "a second one only as an agreed call-back"


async def test_the_recount_finds_what_the_gate_would_have_refused():
    year = await lived(SMALL, OrderName.FIFO)
    broken = max(year.record.attempts.values(), key=lambda one: one.cleared_at)
    night = broken.cleared_at.replace(hour=1)
    year.record.attempts[broken.id] = replace(broken, cleared_at=night)
    assert recount(year.record).by_rule["hours"] == 1


async def test_the_same_seed_is_the_same_year_and_another_seed_another():
    one, again, other = [await lived(SMALL, OrderName.FIFO, seed) for seed in (1, 1, 2)]
    assert (calls(one), one.figures) == (calls(again), again.figures)
    assert calls(one) != calls(other)


async def test_every_order_has_the_same_number_of_attempts_and_none_more_than_are_released():
    figures = [(await lived(SMALL, name)).figures for name in OrderName]
    attempts = [one.attempts for one in figures]
    assert max(attempts) - min(attempts) <= 0.03 * max(attempts)
    shift_hours = sum(
        (shift.ends - shift.begins) / timedelta(hours=1) for shift in Year(SMALL, OrderName.FIFO, 1).shifts
    )
    assert max(attempts) <= SMALL.attempts_an_hour * shift_hours + len(Year(SMALL, OrderName.FIFO, 1).shifts)


async def test_no_case_starves_where_agents_suffice():
    figures = (await lived(AMPLE, OrderName.CADENZA)).figures
    assert figures.starved == figures.late == 0
    assert figures.worst_wait_days <= 1.0


async def test_a_fixed_list_starves_the_small_debts_where_attempts_are_few():
    figures = (await lived(replace(SMALL, attempts_an_hour=0.3), OrderName.AMOUNT)).figures
    assert figures.starved > 0


def test_debtors_do_the_same_whoever_asks_and_however_often():
    one, other = Public(50, 3), Public(50, 3)
    at = Year(SMALL, OrderName.FIFO, 1).shifts[3].begins
    for case_id, file in enumerate(one.files, start=1):
        for number in file.numbers:
            for hours in (9, 3, 3):
                when = at + timedelta(hours=hours)
                assert one.ring(case_id, number, when, 22.0) == other.ring(case_id, number, when, 22.0)


async def test_until_somebody_answers_every_order_calls_two_opposite_publics_alike():
    """The habits are the only difference, so that whatever differs before the first answer would have been seen."""
    for name in set(OrderName) - {OrderName.ORACLE}:
        usual, hourless = [
            await lived(replace(SMALL, habits=habits, days=3), name) for habits in (Habits.USUAL, Habits.HOURLESS)
        ]
        first = min(
            attempt.answered_at
            for year in (usual, hourless)
            for attempt in year.record.attempts.values()
            if attempt.answered_at is not None
        )
        before = [[call for call in calls(year) if call[0] < first] for year in (usual, hourless)]
        assert before[0] == before[1] != []


def test_what_the_creditor_tells_is_all_that_is_told():
    """Two publics of one seed hand over the same files, whatever their habits."""
    assert Public(40, 5, Habits.USUAL).files == Public(40, 5, Habits.HOURLESS).files


def test_in_an_alike_public_people_and_hours_differ_less():
    """How much the best tenth of debtors is better than the mean, and each one's best hour than the mean of the hours."""
    noon = Year(SMALL, OrderName.FIFO, 1).shifts[3].begins + timedelta(hours=3, minutes=30)
    best_people, best_hours = [], []
    for habits in (Habits.USUAL, Habits.ALIKE):
        public = Public(300, 1, habits)
        chances = [
            [public.right_party(n, file.numbers[0], noon + timedelta(hours=hours)) for hours in range(-3, 8)]
            for n, file in enumerate(public.files, start=1)
        ]
        means = sorted(sum(of_one) / len(of_one) for of_one in chances)
        overall = sum(means) / len(means)
        best_people.append(sum(means[-30:]) / 30 / overall)
        best_hours.append(sum(map(max, chances)) / len(chances) / overall)
    assert 1.0 < best_people[1] < 0.8 * best_people[0]
    assert 0.0 < best_hours[1] - 1.0 < 0.7 * (best_hours[0] - 1.0)


@pytest.mark.parametrize("habits", [Habits.HOURLESS, Habits.NONE])
async def test_without_habits_no_hour_is_better_than_another(habits):
    public = Public(400, 1, habits)
    noon = Year(SMALL, OrderName.FIFO, 1).shifts[3].begins + timedelta(hours=3, minutes=30)
    shares = []
    for hours in (-2, 0, 7):
        rings = [
            public.ring(case_id, file.numbers[0], noon + timedelta(hours=hours, days=7 * week), 22.0)
            for week in range(6)
            for case_id, file in enumerate(public.files, start=1)
        ]
        shares.append(sum(ring.speaker is not None and ring.speaker.value == "debtor" for ring in rings) / len(rings))
    assert max(shares) - min(shares) < 0.03


async def test_ringing_that_nobody_takes_counts_as_what_it_was():
    year = await lived(SMALL, OrderName.FIFO)
    results = {line.result for line in year.record.lines.values() if isinstance(line, Entry)}
    assert {EntryResult.NO_ANSWER, EntryResult.CONVERSATION, EntryResult.THIRD_PARTY, EntryResult.BUSY} <= results
    assert EntryResult.UNKNOWN not in results


async def test_who_sees_when_debtors_answer_reaches_many_more_with_the_same_attempts():
    """Else there would be nothing to learn, or the oracle no bound."""
    few = replace(SMALL, attempts_an_hour=0.4, cadence_days=14)
    oracle, fifo = [(await lived(few, name)).figures for name in (OrderName.ORACLE, OrderName.FIFO)]
    assert oracle.per_attempt >= 1.3 * fifo.per_attempt
    assert oracle.violations == {}


async def test_the_learnt_order_is_not_worse_than_a_list():
    """So short a year teaches little; that it doesn't harm is what a short test can tell."""
    ours, fifo = [(await lived(AMPLE, name)).figures for name in (OrderName.CADENZA, OrderName.FIFO)]
    assert ours.per_attempt >= 0.95 * fifo.per_attempt
