"""What only the record in SQLite promises: its file."""

import asyncio
import re
import sqlite3
import stat
import sys
from dataclasses import replace

import pytest
from sqlalchemy import event, select, text

from dialer.adapters.store import schema
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.cases.history import HistoryEntry, HistoryKind
from dialer.cases.limitation import WrittenFact, WrittenFactKind
from dialer.kernel.errors import AwayError, InputError
from tests.store.test_dossier import FULL, pay
from tests.store.test_record import NOW
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


async def test_no_question_about_a_case_and_no_import_reads_a_table_through(sqlite):
    """With a million cases each of these would take seconds: every table is entered by an index."""
    asked = []
    listen = event.listens_for(sqlite.engine.sync_engine, "before_cursor_execute")
    listen(lambda _, __, statement, parameters, ___, many: None if many else asked.append((statement, parameters)))
    await sqlite.book.add("k", [FULL], NOW)
    await sqlite.book.add("k", [FULL, replace(FULL, debts=(replace(FULL.debts[0], reference="F9"),))], NOW)
    await sqlite.payments.add("Luce", [pay(100), pay(-100, "B2")], "bank", NOW)
    fact = WrittenFact(WrittenFactKind.COURT_ACT, NOW.date(), "RG 1")
    await sqlite.dossiers.record_fact(1, "F1", fact, NOW)
    await sqlite.dossiers.write(HistoryEntry(1, "N1", NOW, HistoryKind.NOTE, "nota"), NOW)
    await sqlite.dossiers.look(1, "anna", "test", NOW)
    await sqlite.dossiers.views(1)
    await sqlite.dossiers.running_out(NOW.date(), 10)
    await sqlite.book.card(1, NOW)
    tables = "|".join(schema.METADATA.tables)
    questions = [(text_, values) for text_, values in asked if re.match(r"SELECT|UPDATE", text_)]
    assert len(questions) > 30
    async with sqlite.engine.connect() as connection:
        for statement, values in questions:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values))
            steps = [row.detail for row in plan]
            assert not [step for step in steps if re.match(rf"SCAN ({tables})\b", step)], (statement, steps)
