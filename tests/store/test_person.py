"""What is kept of a person, in whatever table: an access request gets all of it, and after retention none of it is left."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Boolean, Date, Float, Integer, String, insert, select

from dialer.adapters.recordings import RecordingFiles
from dialer.adapters.store.decisions import SqlDecisions
from dialer.adapters.store.minimise import Minimiser
from dialer.adapters.store.person import OF_NOBODY, SqlPerson
from dialer.adapters.store.schema import METADATA, Instant, recording_moments
from dialer.audit.chain import verify_chains
from dialer.compliance.gate import Decision
from dialer.compliance.verdict import Intent, Verdict
from dialer.kernel.errors import InputError
from tests.clock import SetClock

THEN, NOW = datetime(2016, 11, 24, 9, 0, tzinfo=UTC), datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MARK = "Zerbini"
"""Stands in every text about the person, in every column but those below."""
CELL = "kept"
OTHER = f"dla-{2:026d}"
PERSON = {"creditor": "Luce", "debtor_id": 1, "case_id": 1, "debt_id": 1, "attempt_id": f"dla-{1:026d}"}
# what the program must be able to read, or what says nothing of whom it is about: states, kinds, sums, and who of the
# staff did it; a zone and a place as wide as a province are what abandoned calls are counted by
KEPT = {
    "debtors": {"creditor", "zone", "language", "place", "kind"},
    "addresses": set(),
    "numbers": set(),
    "cases": {"campaign", "creditor", "state", "why", "mandate"},
    "guarantors": set(),
    "debts": {"creditor", "currency"},
    "debt_items": {"kind"},
    "payments": {"creditor", "method", "recorded_by"},
    "written_facts": set(),
    "case_history": set(),
    "flag_changes": set(),
    "case_views": set(),
    "letters": set(),
    "attempts": {"id", "campaign", "packs", "mode", "debts", "state", "agent", "result", "refusals", "trunk",
                 "caller_id"},
    "inbound_calls": {"id", "campaign", "called", "packs", "debts", "state", "agent", "result"},
    "outside_calls": {"leg", "campaign", "agent", "caller_id", "trunk"},
    "recordings": {"attempt_id", "sha256", "cell"},  # the tombstone: a checksum of sound that is no more
    "recording_moments": {"attempt_id"},
    "outcomes": {"attempt_id", "agent", "code", "counts_as", "next_state", "script"},
    "promises": {"attempt_id", "agent", "currency", "instalments", "kept"},
    "offers": {"attempt_id", "agent", "answer", "approved_by"},
    "ledger": set(),
    "decisions": None,  # made by the gate, below
}  # fmt: skip
ABOUT = [table for table in METADATA.sorted_tables if table.name not in OF_NOBODY]


def row_of(table):
    row = {column.name: value_of(table.name, column) for column in table.columns if column.computed is None}
    row |= {name: value for name, value in PERSON.items() if name in row}
    if "id" in row and table.name in ("debtors", "cases", "debts"):
        row["id"] = 1
    if table.name == "attempts":
        row |= {"id": PERSON["attempt_id"], "packs": "it-unirec", "debts": "1"}
    if table.name == "inbound_calls":
        row["id"] = "dli-" + "0" * 26
    if table.name == "recordings":
        row["deleted_at"] = None
    return row


def value_of(table, column):
    """The same number and household wherever they stand: who has one key finds the others."""
    match column.type:
        case String() if column.name in ("number", "household"):
            return f"{MARK} {column.name}"
        case Instant():
            return THEN
        case String():
            return CELL if column.name in KEPT[table] else f"{MARK} {table} {column.name}"
        case Date():
            return date(2016, 11, 24)
        case Boolean():
            return False
        case Integer() | Float():
            return 7
    raise AssertionError(column)


@pytest.fixture
async def filled(sql):
    """A record in which every table that may hold something about a person does."""
    async with sql.engine.begin() as connection:
        for table in ABOUT:
            if table.name != "decisions":
                await connection.execute(insert(table), [row_of(table)])
        keys = [{"key": f"{kind}", "version": 1} for kind in ("d:1", f"n:{MARK} number", f"h:{MARK} household")]
        await connection.execute(insert(METADATA.tables["ledger_keys"]), keys)
    intent = Intent("k", 1, 1, f"{MARK} number", ("Europe/Rome",), ("it-unirec",), 30.0, household=f"{MARK} household")
    sql.attempts.decided(Decision(THEN, intent, Verdict(), PERSON["attempt_id"]))
    sql.attempts.decided(Decision(THEN, intent, Verdict(), PERSON["attempt_id"], bridge=True))
    await sql.attempts.flush()
    return sql


async def texts(sql):
    """Every text on record, by table and column."""
    found = []
    async with sql.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            for row in (await connection.execute(select(table))).mappings():
                found += [(table.name, name, value) for name, value in row.items() if isinstance(value, str)]
    return found


@pytest.fixture
def files(tmp_path):
    """The recording of the person's call, and of somebody else's."""
    found = RecordingFiles(tmp_path)
    for attempt in (PERSON["attempt_id"], OTHER):
        (tmp_path / f"{attempt}.wav").touch()
    return found


def test_of_every_table_it_is_known_whether_it_holds_something_about_a_person():
    """A new table fails here: say above what of it is kept for ever, and see that the rest is exported and erased."""
    assert {table.name for table in ABOUT} == set(KEPT)


async def test_an_access_request_gets_every_row_of_every_table_and_is_on_record_as_a_look(filled):
    heard = {"attempt_id": PERSON["attempt_id"], "at": THEN, "what": "fetched", "by": "vera"}
    async with filled.engine.begin() as connection:
        await connection.execute(insert(recording_moments), [heard])
    kept = await SqlPerson(filled.engine).of_case(1, "bruno", NOW)
    assert {name for name, rows in kept.tables.items() if rows} == {table.name for table in ABOUT}
    told = json.dumps(kept.as_json(), default=str)
    written = "\n".join(kept.text())
    for table, column, value in await texts(filled):
        if MARK in value and table != "ledger_keys":
            assert json.dumps(value)[1:-1] in told, f"{table}.{column}"
            assert value in written, f"{table}.{column}"
    assert [table.name for table in ABOUT if f"\n{table.name}\n" in written] == []
    assert f"called into a call with you: {MARK} outside_calls party" in kept.recipients
    assert {view["how"] for view in kept.tables["case_views"]} == {f"{MARK} case_views how", "access export"}
    again = await SqlPerson(filled.engine).of_debtor("Luce", f"{MARK} debtors reference", "bruno", NOW)
    assert [view["viewed_by"] for view in again.tables["case_views"]].count("bruno") == 2
    assert [name for name in ("bruno", "vera") if not any(name in line for line in again.recipients)] == []
    with pytest.raises(LookupError):
        await SqlPerson(filled.engine).of_case(2, "bruno", NOW)


async def test_another_persons_rows_are_not_in_it(filled):
    async with filled.engine.begin() as connection:
        for name in ("debtors", "cases"):
            row = row_of(METADATA.tables[name]) | {"id": 2, "reference": "D2", "debtor_id": 2, "note": "of another"}
            table = METADATA.tables[name]
            await connection.execute(insert(table), [{key: row[key] for key in row if key in table.c}])
    kept = await SqlPerson(filled.engine).of_case(2, "bruno", NOW)
    assert {name for name, rows in kept.tables.items() if rows} == {"debtors", "cases", "case_views"}
    assert "of another" in "\n".join(kept.text())
    assert "of another" not in "\n".join((await SqlPerson(filled.engine).of_case(1, "bruno", NOW)).text())


async def test_after_retention_no_text_about_the_person_is_left_anywhere_and_the_chain_holds(filled, files):
    before = {(table, column) for table, column, value in await texts(filled) if MARK in value}
    sums_alone = {"promises", "offers", "recordings"}
    assert {table for table, _ in before} == {table.name for table in ABOUT} - sums_alone | {"ledger_keys"}
    done = await Minimiser(filled.engine, SetClock(NOW), {"it-unirec": 365}, files.delete, CELL).run("Luce")
    assert (done.debtors, done.recordings, done.kept) == (1, 1, [])
    assert [bool(files.find(attempt)) for attempt in (PERSON["attempt_id"], OTHER)] == [False, True]
    assert [found for found in await texts(filled) if MARK in found[2]] == []
    verified = await verify_chains(SqlDecisions(filled.engine).links(), ())
    assert (verified.holds, verified.links, verified.erased) == (True, 2, 2)


async def test_before_the_retention_is_over_nothing_is_erased(filled, files):
    clock = SetClock(THEN + timedelta(days=300))
    done = await Minimiser(filled.engine, clock, {"it-unirec": 365}, files.delete, CELL).run("Luce", dry_run=True)
    assert [kept.debtor for kept in done.kept] == [1]
    await Minimiser(filled.engine, clock, {"it-unirec": 365}, files.delete, CELL).run("Luce")
    await Minimiser(filled.engine, SetClock(NOW), {"it-unirec": 365}, files.delete, CELL).run("Luce", dry_run=True)
    assert files.find(PERSON["attempt_id"])


async def test_a_recording_that_cannot_be_deleted_lets_nothing_be_erased_until_it_can(filled, files):
    path = files.find(PERSON["attempt_id"])
    path.unlink()
    path.mkdir()  # which no unlink removes, whoever runs it
    before = await texts(filled)
    with pytest.raises(InputError, match=path.name):
        await Minimiser(filled.engine, SetClock(NOW), {"it-unirec": 365}, files.delete, CELL).run("Luce")
    assert await texts(filled) == before
    path.rmdir()
    done = await Minimiser(filled.engine, SetClock(NOW), {"it-unirec": 365}, files.delete, CELL).run("Luce")
    assert (done.debtors, done.recordings) == (1, 1)
