"""What only the record in SQLite promises: its file."""

import asyncio
import sqlite3
import stat
import sys

import pytest
from sqlalchemy import select, text

from dialer.adapters.store import schema
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.kernel.errors import AwayError, InputError
from tests.store.test_sql import count, row


async def test_a_commit_is_on_disk_when_it_returns(sqlite, tmp_path):
    await sqlite.writer.commit(row(1))
    with sqlite3.connect(tmp_path / "dialer.db") as other:
        assert other.execute("select count(*) from campaign_states").fetchone() == (1,)
    async with sqlite.engine.connect() as connection:
        settings = {
            name: (await connection.execute(text(f"pragma {name}"))).scalar()
            for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}


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
        await open_database(Place(path))
    assert caught.value.remedy
    assert str(path) in str(caught.value)


async def test_a_new_record_is_its_owners_alone(tmp_path):
    engine = await open_database(Place(tmp_path / "dialer.db"))
    async with engine.begin() as connection:
        await connection.execute(row(1).statement, row(1).values)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    await engine.dispose()
    assert modes == dict.fromkeys(["dialer.db", "dialer.db-wal", "dialer.db-shm"], 0o600)


async def test_what_another_process_writes_is_seen_and_stays(sqlite, tmp_path):
    """Closing any descriptor of the file ends this process's locks on it, and whoever closes next ends the log."""
    async with sqlite.engine.connect() as first, sqlite.engine.connect() as second:
        for connection in (first, second):
            await connection.execute(select(schema.campaign_states))
            await connection.commit()
        write = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()"
        insert_one = "insert into campaign_states values ('luce', 'running', 0)"
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-c", write, str(tmp_path / "dialer.db"), insert_one
        )
        assert await done.wait() == 0
    assert (tmp_path / "dialer.db-wal").exists()
    assert await count(sqlite) == 1
