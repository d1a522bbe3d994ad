"""Which case now: the order of the choice, that nobody waits for ever, and that no choice sorts what is due."""

import json
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import text

from dialer.adapters.store import cases as case_store
from dialer.adapters.store.learnt import SqlLearnt
from dialer.adapters.store.ranking import SqlRanking
from dialer.adapters.store.schema import habits
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.results import Result
from dialer.campaigns.habits import Habits
from dialer.campaigns.priority import LONGEST_DUE_EVERY, page
from dialer.cases.debt import Debt
from dialer.cases.model import AGREED, CaseState
from dialer.kernel.money import Money
from dialer.testing.memory_record import MemoryRecord
from tests.store.test_dossier import pay
from tests.store.test_record import NOW, new_case, reservation

DUE_ON = date(2026, 9, 1)
LATER = NOW + timedelta(hours=1)


def case(n, euros, **more):
    debts = (Debt(f"F{n}", Money(euros * 100), DUE_ON),)
    return new_case(n, debts=debts, numbers=(f"+39347{n:07d}",), **more)


async def due(store, at=LATER, most=100, excluding=()):
    return [one.id for one in await store.book.due("k", at, most, excluding)]


def ranking_of(store):
    return store.book if isinstance(store.book, MemoryRecord) else SqlRanking(store.engine)


async def test_what_is_worth_more_comes_first(store):
    await store.book.add("k", [case(1, 50), case(2, 50_000), case(3, 500)], NOW)
    assert await due(store) == [2, 3, 1]
    assert await due(store, most=1) == [2]
    assert await due(store, most=2, excluding={2}) == [3, 1]


async def test_agreed_call_backs_then_what_is_wanted_then_worth(store):
    await store.book.add("k", [case(n, 500) for n in range(1, 4)] + [case(4, 50), case(5, 50_000), case(6, 500)], NOW)
    store.book.want(1, NOW + timedelta(minutes=30))  # wanted only since it is due
    store.book.want(2, NOW - timedelta(days=1))  # and this one before
    store.book.want(6, NOW + timedelta(days=1))  # not yet
    store.book.schedule(4, NOW, CaseState.OPEN, f"{AGREED} for Tue 24 Nov 2026 10:00")
    assert await due(store) == [4, 2, 1, 5, 3, 6]
    assert [call.case.id for call in await store.book.call_backs("k", LATER, 10)] == [4]
    assert await store.book.count_wanted("k", LATER) == 2
    store.book.want(2, None)
    assert await due(store) == [4, 1, 2, 5, 3, 6], "the third place is that of the longest due"
    assert await store.book.count_wanted("k", NOW) == 0


async def test_of_two_that_are_due_together_the_one_that_waits_longer_for_a_call_comes_first(store):
    """The gate sends whole lists to the same morning: who was called last mustn't come first again."""
    await store.book.add("k", [case(n, 500) for n in range(1, 4)], NOW)
    one = await store.book.case(1)
    await store.open(reservation(one, number=one.numbers[0].number, at=NOW + timedelta(minutes=1)))
    for id_ in (1, 2, 3):
        store.book.schedule(id_, LATER, CaseState.OPEN, "not called: hours")
    assert await due(store) == [2, 3, 1]


async def test_a_debt_that_joins_a_case_makes_it_worth_more(store):
    await store.book.add("k", [case(1, 500), case(2, 50)], NOW)
    more = new_case(2, debts=(Debt("F9", Money(9_000_000), DUE_ON),), numbers=("+393470000002",))
    await store.book.add("k", [more], NOW + timedelta(minutes=1))
    assert await due(store) == [2, 1]


async def test_a_payment_makes_it_worth_less_and_one_that_bounced_more(sql):
    await sql.book.add("k", [case(1, 600), case(2, 300)], NOW)
    assert await due(sql) == [1, 2]
    paid = pay(59_000, "bank 1", "F1")
    assert (await sql.payments.add("Luce", [paid], "bank", NOW)).new == 1
    assert await due(sql) == [2, 1]
    await sql.payments.add("Luce", [pay(-59_000, "bank 2", "F1")], "bank", NOW)
    assert await due(sql) == [1, 2]


async def test_numbers_that_nobody_answers_make_a_case_worth_less(store):
    await store.book.add("k", [case(1, 500), case(2, 499)], NOW)
    one = await store.book.case(1)
    for n in range(40):
        at = NOW + timedelta(seconds=n)
        held = reservation(one, n, one.numbers[0].number, at)
        await store.open(held)
        store.book.schedule(1, NOW, CaseState.OPEN, "after no_answer")
    await store.attempts.flush()
    ranking = ranking_of(store)
    assert await ranking.open_after(0, 10) == [1, 2]
    assert await ranking.open_after(1, 1) == [2]
    await ranking.rank([1, 2], NOW)
    assert await due(store) == [2, 1]


async def test_a_number_that_is_not_in_service_makes_a_case_worth_less_at_once(store):
    await store.book.add("k", [case(1, 500), case(2, 499)], NOW)
    for id_, result in ((1, Result.NOT_IN_SERVICE), (2, Result.NO_ANSWER)):
        one = await store.book.case(id_)
        held = reservation(one, id_, one.numbers[0].number)
        await store.open(held)
        attempt = Attempt(held.attempt, held.intent, NOW)
        attempt.apply(Signal.SENT, NOW)
        attempt.apply(Signal.HUNG_UP, NOW)
        attempt.result = result
        store.attempts.save(attempt)
        store.book.schedule(id_, NOW, CaseState.OPEN, f"after {result}")
    await store.attempts.flush()
    tries = [(await store.book.case(id_)).numbers[0].tries for id_ in (1, 2)]
    assert [[one.dead for one in these] for these in tries] == [[True], [False]]
    await ranking_of(store).rank([1, 2], NOW)
    assert await due(store) == [2, 1]


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_case_starves_however_much_the_others_are_worth(store, seed):
    """More comes in than can be called, all of it worth more, and each night sends all of it to the next morning."""
    chance = Random(seed)
    poor = [case(n, 20) for n in range(1, 11)]
    await store.book.add("k", poor, NOW)
    waiting, n, called = set(range(1, 11)), 100, 0
    for day in range(12):
        morning = NOW + timedelta(days=day)
        await store.book.add("k", [case(n + i, 40_000) for i in range(30)], morning)
        n += 30
        everybody = await due(store, morning, most=1_000)
        chance.shuffle(everybody)
        for id_ in everybody:
            store.book.schedule(id_, morning, CaseState.OPEN, "not called: hours")
        for one in await store.book.due("k", morning, 20, ()):
            called += 1
            await store.open(reservation(one, called, one.numbers[0].number, morning))
            waiting.discard(one.id)
            store.book.schedule(one.id, morning + timedelta(days=1), CaseState.OPEN, "after no_answer")
    # a share of each page is theirs, the rest goes to what is worth more
    assert not waiting
    assert 12 * 20 // LONGEST_DUE_EVERY >= 10


def test_a_page_has_each_case_once_and_a_share_of_those_that_are_due_longest():
    best, longest = list(range(100, 200)), list(range(90, 130))
    chosen = page(best, longest, 50)
    assert len(chosen) == len(set(chosen)) == 50
    assert sum(id_ < 100 for id_ in chosen) == 10
    assert chosen[:6] == [100, 101, 90, 102, 103, 91]
    assert page([1, 2, 3], [3, 2, 1], 10) == [1, 2, 3]
    assert page([], [], 10) == []


async def test_the_choice_is_a_few_seeks_and_sorts_nothing_that_is_due(sql):
    """However many cases are due: each arm reads its index in order and stops."""
    explain = "EXPLAIN QUERY PLAN " if sql.engine.dialect.name == "sqlite" else "EXPLAIN "
    async with sql.engine.connect() as connection:
        if explain == "EXPLAIN ":
            await connection.execute(text("SET enable_seqscan = off"))  # of few rows it would read them all
        asked = case_store._NEXT.params(campaign="k", now=NOW, most=100, share=20)
        statement = str(asked.compile(sql.engine, compile_kwargs={"literal_binds": True}))
        plan = [row[-1] for row in await connection.execute(text(explain + statement))]
    words = "\n".join(plan)
    assert words.count("ix_cases_band") == 10
    assert words.count("ix_cases_due") == 1
    assert words.count("ix_cases_climbing") == 1
    assert "Sort" not in words
    assert "TEMP B-TREE" not in words


async def test_a_case_tells_its_rank_in_one_sentence(sql):
    await sql.book.add("k", [case(1, 500), case(2, 50_000)], NOW)
    learnt = Habits()
    for hour in range(9, 20):
        for n in range(100):
            learnt.called("unknown/unknown", hour, answered=n < (40 if hour == 18 else 10))
            if n < (20 if hour == 18 else 5):
                learnt.spoke("unknown/unknown", hour, "", promised=n < 2)
    SqlLearnt(sql.engine, sql.writer, habits).save_learnt("k", json.dumps(learnt.dump()), NOW)
    await sql.attempts.flush()

    async def rank(id_):
        return (await sql.dossiers.look(id_, "anna", "test", NOW)).rank

    words = await rank(1)
    assert words.startswith("band 6 of 8: 500.00 EUR left, 84 days overdue; its number is answered by 13%")
    assert words.endswith("for each minute of an agent; answered best at 18-19 (38%)")
    sql.book.want(1, NOW)
    sql.book.schedule(2, NOW, CaseState.OPEN, f"{AGREED} for Tue 24 Nov 2026 10:00")
    await sql.attempts.flush()
    assert (await rank(1)).startswith("urgent, before what is worth more; band 6 of 8")
    assert (await rank(2)).startswith("agreed call-back, before all others; band 8 of 8")
    sql.book.schedule(1, None, CaseState.CLOSED, "paid")
    await sql.attempts.flush()
    assert await rank(1) == ""
