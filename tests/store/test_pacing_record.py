"""What pacing keeps on record, and the calls that its accounts count: in memory, SQLite and PostgreSQL alike."""

from datetime import timedelta

import pytest

from dialer.adapters.store.abandoned import SqlAbandoned
from dialer.adapters.store.learnt import SqlLearnt
from dialer.adapters.store.schema import habits, pacing_memory
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.results import Result
from dialer.compliance.entry import EntryResult
from dialer.kernel.errors import AwayError
from dialer.kernel.learnt import Learnt
from dialer.live.abandoned import Counts, Portion
from dialer.outcomes.record import RecordedOutcome
from dialer.testing.memory_record import MemoryRecord
from tests.store.test_record import NOW, ended_attempt, first_case, reservation

QUARTER = NOW.replace(minute=0, second=0, microsecond=0)


def pacing_of(store, cell="cell1"):
    if isinstance(store.book, MemoryRecord):
        return store.book
    return SqlLearnt(store.engine, store.writer, pacing_memory, cell)


def habits_of(store, cell="cell1"):
    if isinstance(store.book, MemoryRecord):
        return store.book.habits
    return SqlLearnt(store.engine, store.writer, habits, cell)


def abandoned_of(store):
    return store.book if isinstance(store.book, MemoryRecord) else SqlAbandoned(store.engine, store.writer)


@pytest.mark.parametrize("kept", [pacing_of, habits_of])
async def test_what_was_learnt_is_kept_the_latest_holds(store, kept):
    record = kept(store)
    assert await record.learnt() == {}
    record.save_learnt("k", '{"a": 1}', NOW)
    record.save_learnt("k", '{"a": 2}', NOW + timedelta(minutes=1))
    record.save_learnt("other", "{}", NOW)
    await store.attempts.flush()
    assert await record.learnt() == {
        "k": Learnt(NOW + timedelta(minutes=1), '{"a": 2}'),
        "other": Learnt(NOW, "{}"),
    }


async def test_each_cell_learns_of_its_own_floor(sql):
    pacing_of(sql, "north").save_learnt("k", "{}", NOW)
    await sql.attempts.flush()
    assert await pacing_of(sql, "south").learnt() == {}


async def test_calls_are_counted_by_what_became_of_them(store):
    record, case = abandoned_of(store), await first_case(store)
    talked = await ended_attempt(store, case, n=1)
    machine = await ended_attempt(store, case, n=2)
    await store.attempts.add_outcome(RecordedOutcome(machine.id, "anna", "machine", "", NOW, (), EntryResult.MACHINE))
    for n, (signals, result) in enumerate(
        (
            ((Signal.WAITS, Signal.ABANDONED, Signal.HUNG_UP), Result.ABANDONED),
            ((Signal.WAITS, Signal.HUNG_UP), Result.WITHHELD),
            ((Signal.VANISHED,), Result.UNKNOWN),
            ((Signal.RANG, Signal.HUNG_UP), Result.BUSY),
        ),
        start=3,
    ):
        held = reservation(case, n, at=NOW + timedelta(minutes=20))
        await store.open(held)
        attempt = Attempt(held.attempt, held.intent, held.cleared_at)
        for signal in (Signal.SENT, *signals):
            attempt.apply(signal, held.cleared_at)
        attempt.result = result
        store.attempts.save(attempt)
    await record.flush()
    first = Portion("k", ("it-unirec",), "Europe/Rome", QUARTER, Counts(answered=1, live=1, connected=2))
    later = Portion(
        "k", ("it-unirec",), "Europe/Rome", QUARTER + timedelta(minutes=15), Counts(answered=2, abandoned=2, unknown=1)
    )

    def by_time(portions):
        return sorted(portions, key=lambda portion: portion.begun)

    assert by_time(await record.portions(None, None)) == [first, later]
    assert await record.portions(NOW + timedelta(minutes=1), None) == [later]
    assert await record.portions(None, NOW + timedelta(minutes=20)) == [first]
    assert await record.portions(None, NOW + timedelta(minutes=20), excluding=[talked.id]) == [
        Portion("k", ("it-unirec",), "Europe/Rome", QUARTER, Counts(connected=1))
    ]


async def test_a_record_in_memory_that_is_away_says_so():
    record = MemoryRecord()
    record.away = True
    for asked in (record.learnt, lambda: record.portions(None, None)):
        with pytest.raises(AwayError):
            await asked()
