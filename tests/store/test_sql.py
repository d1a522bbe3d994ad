"""What the record in SQL promises in SQLite and in PostgreSQL: its schema, group commit, what a failure leaves."""

import asyncio
import sqlite3
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

from dialer.adapters.store import schema
from dialer.adapters.store.cases import CHUNK
from dialer.adapters.store.write import Write
from dialer.calls.attempt import State
from dialer.calls.results import Result
from dialer.kernel.errors import AwayError
from tests.store.test_record import NOW, ended_attempt, first_case, new_case, reservation

STATE = insert(schema.campaign_states)


def row(n):
    return Write(0, STATE, {"campaign": f"+39{n:09d}", "since": NOW, "state": "test"})


async def count(sql):
    async with sql.engine.connect() as connection:
        return len((await connection.execute(select(schema.campaign_states))).all())


async def test_the_migrated_schema_is_the_one_in_the_code(sql):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), schema.METADATA)

    async with sql.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_what_is_asked_together_is_committed_together(sql):
    await asyncio.gather(*(sql.writer.commit(row(n)) for n in range(500)))
    assert await count(sql) == 500
    assert sql.writer.commits.count <= 5


async def test_puts_are_written_in_their_order(sql):
    case = await first_case(sql)
    attempt = await ended_attempt(sql, case)
    for state in (State.RINGING, State.TALKING, State.ENDED):
        attempt.state = state
        sql.attempts.save(attempt)
    await sql.attempts.flush()
    assert (await sql.attempts.find([attempt.id]))[0].state is State.ENDED


async def test_a_failing_disk_tells_who_waits_and_loses_nothing_that_does_not(sql, monkeypatch):
    begin = type(sql.engine).begin
    broken = True

    def fail(engine):
        if broken:
            raise OperationalError("commit", {}, sqlite3.OperationalError("database or disk is full"))
        return begin(engine)

    monkeypatch.setattr(type(sql.engine), "begin", fail)
    sql.writer.put(row(1))
    with pytest.raises(AwayError):
        await sql.writer.commit(row(2))
    assert not sql.writer.healthy
    with pytest.raises(AwayError):  # refused at once: nobody waits for a disk that is gone
        await sql.writer.commit(row(3))
    sql.writer.put(row(4))
    broken = False
    async with asyncio.timeout(5):
        while not sql.writer.healthy:
            await asyncio.sleep(0.01)
    await sql.writer.flush()
    async with sql.engine.connect() as connection:
        numbers = set(await connection.scalars(select(schema.campaign_states.c.campaign)))
    assert numbers == {row(1).values["campaign"], row(4).values["campaign"]}


async def test_a_wrong_statement_is_a_bug_and_ends_the_writer_loudly(sql):
    await sql.writer.commit(row(1))
    with pytest.raises(AwayError):
        await sql.writer.commit(row(1))  # the same primary key
    with pytest.raises(IntegrityError, match=r"(?i)unique"):
        await asyncio.wait_for(sql.work, 5)


async def test_a_large_import_comes_in_whole(sql):
    cases = [new_case(n, numbers=(f"+39347{n:07d}",)) for n in range(CHUNK * 2 + 7)]
    assert (await sql.book.add("k", cases, NOW)).new == len(cases)
    assert len(await sql.book.due("k", NOW, 10_000, ())) == len(cases)


async def test_times_survive_to_the_microsecond_and_must_have_a_zone(sql):
    await sql.writer.commit(Write(0, STATE, {"campaign": "+391", "since": NOW, "state": "x"}))
    async with sql.engine.connect() as connection:
        assert (await connection.scalars(select(schema.campaign_states.c.since))).one() == NOW
    with pytest.raises(Exception, match="without a zone"):
        async with sql.engine.begin() as connection:
            await connection.execute(STATE, [{"campaign": "+392", "since": datetime(2026, 1, 1), "state": "x"}])  # noqa: DTZ001


async def test_an_idle_writer_finds_out_by_itself_that_the_disk_is_back(sql, monkeypatch):
    begin = type(sql.engine).begin
    broken = OSError("gone")

    def fail(engine):
        if broken:
            raise broken
        return begin(engine)

    monkeypatch.setattr(type(sql.engine), "begin", fail)
    with pytest.raises(AwayError):
        await sql.writer.commit(row(1))
    broken = None
    async with asyncio.timeout(5):
        while not sql.writer.healthy:
            await asyncio.sleep(0.01)
    await sql.writer.commit(row(2))


async def test_an_error_quotes_nothing_of_a_person(sql):
    await sql.writer.commit(row(1))
    with pytest.raises(AwayError):
        await sql.writer.commit(row(1))
    (error,) = await asyncio.gather(sql.work, return_exceptions=True)
    assert row(1).values["campaign"] not in str(error)


@pytest.mark.parametrize("written", [True, False])
async def test_an_attempt_whose_commit_nobody_knows_about_is_withdrawn_and_its_case_stays_due(
    sql, monkeypatch, written
):
    """The connection broke within the commit: it stands there, or not. Nobody was called, and nobody must wait."""
    case = await first_case(sql)
    commit = sql.writer.commit

    async def broken(*writes, **claim):
        if written:
            await commit(*writes, **claim)
        raise AwayError("the connection was lost")

    monkeypatch.setattr(sql.writer, "commit", broken)
    with pytest.raises(AwayError):
        await sql.open(reservation(case))
    monkeypatch.undo()
    await sql.attempts.flush()
    assert await sql.attempts.unsettled() == []
    known = await sql.attempts.find([reservation(case).attempt])
    assert [attempt.result for attempt in known] == ([Result.TRUNK_FAILURE] if written else [])
    assert [due.id for due in await sql.book.due("k", NOW, 10, ())] == [case.id]
