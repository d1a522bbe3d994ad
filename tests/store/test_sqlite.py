"""What only the SQL record promises: durability, group commit, its schema, its errors."""

import asyncio
import sqlite3
import stat
import sys
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from dialer.adapters.store import schema
from dialer.adapters.store.cases import CHUNK
from dialer.adapters.store.database import open_database
from dialer.adapters.store.writer import Write
from dialer.calls.attempt import State
from dialer.kernel.errors import AwayError, InputError
from tests.store.test_record import NOW, ended_attempt, first_case, new_case, reservation

FORBID = insert(schema.do_not_call)


def row(n):
    return Write(0, FORBID, {"number": f"+39{n:09d}", "since": NOW, "source": "test"})


async def count(sqlite):
    async with sqlite.engine.connect() as connection:
        return len((await connection.execute(select(schema.do_not_call))).all())


async def test_the_migrated_schema_is_the_one_in_the_code(sqlite):
    def differences(connection):
        return compare_metadata(MigrationContext.configure(connection), schema.METADATA)

    async with sqlite.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_commit_is_on_disk_when_it_returns(sqlite, tmp_path):
    await sqlite.writer.commit(row(1))
    with sqlite3.connect(tmp_path / "dialer.db") as other:
        assert other.execute("select count(*) from do_not_call").fetchone() == (1,)
    async with sqlite.engine.connect() as connection:
        settings = {
            name: (await connection.execute(text(f"pragma {name}"))).scalar()
            for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}


async def test_what_is_asked_together_is_committed_together(sqlite):
    await asyncio.gather(*(sqlite.writer.commit(row(n)) for n in range(500)))
    assert await count(sqlite) == 500
    assert sqlite.writer.commits <= 5


async def test_puts_are_written_in_their_order(sqlite):
    case = await first_case(sqlite)
    attempt = await ended_attempt(sqlite, case)
    for state in (State.RINGING, State.TALKING, State.ENDED):
        attempt.state = state
        sqlite.attempts.save(attempt)
    await sqlite.attempts.flush()
    assert (await sqlite.attempts.find([attempt.id]))[0].state is State.ENDED


async def test_a_failing_disk_tells_who_waits_and_loses_nothing_that_does_not(sqlite, monkeypatch):
    begin = type(sqlite.engine).begin
    broken = True

    def fail(engine):
        if broken:
            raise OperationalError("commit", {}, sqlite3.OperationalError("database or disk is full"))
        return begin(engine)

    monkeypatch.setattr(type(sqlite.engine), "begin", fail)
    sqlite.writer.put(row(1))
    with pytest.raises(AwayError):
        await sqlite.writer.commit(row(2))
    assert not sqlite.writer.healthy
    with pytest.raises(AwayError):  # refused at once: nobody waits for a disk that is gone
        await sqlite.writer.commit(row(3))
    sqlite.writer.put(row(4))
    broken = False
    async with asyncio.timeout(5):
        while not sqlite.writer.healthy:
            await asyncio.sleep(0.01)
    await sqlite.writer.flush()
    async with sqlite.engine.connect() as connection:
        numbers = set(await connection.scalars(select(schema.do_not_call.c.number)))
    assert numbers == {row(1).values["number"], row(4).values["number"]}


async def test_a_wrong_statement_is_a_bug_and_ends_the_writer_loudly(sqlite):
    await sqlite.writer.commit(row(1))
    with pytest.raises(AwayError):
        await sqlite.writer.commit(row(1))  # the same primary key
    with pytest.raises(IntegrityError, match="UNIQUE"):
        await asyncio.wait_for(sqlite.work, 5)


async def test_a_large_import_comes_in_whole(sqlite):
    cases = [new_case(n, numbers=(f"+39347{n:07d}",)) for n in range(CHUNK * 2 + 7)]
    assert (await sqlite.book.add("k", cases, NOW)).new == len(cases)
    assert await sqlite.book.count_due("k", NOW) == len(cases)


async def test_cases_are_found_by_an_index(sqlite):
    async with sqlite.engine.connect() as connection:
        plan = await connection.execute(
            text(
                "explain query plan select id from cases where campaign = 'k' and state = 'open' and due_at <= 5 order by due_at limit 5"
            )
        )
        steps = " ".join(str(step) for step in plan.all())
    assert "ix_cases_campaign_state_due_at" in steps
    assert "SCAN" not in steps


async def test_the_report_joins_case_attempt_and_outcome(sqlite):
    case = await first_case(sqlite)
    attempt = await ended_attempt(sqlite, case)
    await sqlite.attempts.open(reservation(case, 2, at=NOW.replace(hour=12)))
    first, second = await sqlite.attempts.report()
    assert (first.attempt, first.creditor, first.debtor_reference, first.result) == (
        attempt.id,
        "Luce",
        "D1",
        "connected",
    )
    assert first.answer_to_agent_seconds == pytest.approx(0.014)
    assert (second.result, second.ended_at, second.outcome) == (None, None, None)
    assert await sqlite.attempts.report(campaign="other") == []
    assert len(await sqlite.attempts.report(since=NOW.replace(hour=11))) == 1


async def test_times_survive_to_the_microsecond_and_must_have_a_zone(sqlite):
    await sqlite.writer.commit(Write(0, FORBID, {"number": "+391", "since": NOW, "source": "x"}))
    async with sqlite.engine.connect() as connection:
        assert (await connection.scalars(select(schema.do_not_call.c.since))).one() == NOW
    with pytest.raises(Exception, match="without a zone"):
        async with sqlite.engine.begin() as connection:
            await connection.execute(FORBID, [{"number": "+392", "since": datetime(2026, 1, 1), "source": "x"}])  # noqa: DTZ001


@pytest.mark.parametrize("damage", ["no folder", "no database", "other schema", "old schema"])
async def test_a_database_that_will_not_do_is_told(tmp_path, damage):
    path = tmp_path / "dialer.db"
    if damage == "no folder":
        path = tmp_path / "none" / "dialer.db"
    elif damage == "no database":
        path.write_text("this is a letter, and long enough to be looked at as a database header\n" * 10)
    else:
        with sqlite3.connect(path) as other:
            other.execute("create table strange (x)")
            if damage == "old schema":
                other.execute("create table alembic_version (version_num varchar(32))")
                other.execute("insert into alembic_version values ('0000')")
    with pytest.raises((InputError, AwayError)) as caught:
        await open_database(path)
    assert caught.value.remedy
    assert str(path) in str(caught.value)


async def test_a_new_record_is_its_owners_alone(tmp_path):
    engine = await open_database(tmp_path / "dialer.db")
    async with engine.begin() as connection:
        await connection.execute(FORBID, row(1).values)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    await engine.dispose()
    assert modes == dict.fromkeys(["dialer.db", "dialer.db-wal", "dialer.db-shm"], 0o600)


async def test_what_another_process_writes_is_seen_and_stays(sqlite, tmp_path):
    """Closing any descriptor of the file ends this process's locks on it, and whoever closes next ends the log."""
    async with sqlite.engine.connect() as first, sqlite.engine.connect() as second:
        for connection in (first, second):
            await connection.execute(select(schema.do_not_call))
            await connection.commit()
        write = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"
        insert_one = "insert into do_not_call values ('+39000000001', 0, 'test')"
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-c", write, str(tmp_path / "dialer.db"), insert_one
        )
        assert await done.wait() == 0
    assert (tmp_path / "dialer.db-wal").exists()
    assert await count(sqlite) == 1
