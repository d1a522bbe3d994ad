"""A record from before the dossier: what stood on it stands in the new tables too."""

import json
from contextlib import asynccontextmanager

import pytest
from alembic import command
from sqlalchemy import select, text

from dialer.adapters.store import database, schema
from dialer.adapters.store.place import Place
from dialer.kernel.clock import from_micro, to_micro
from tests.store.test_record import MOBILE, NOW

AT = to_micro(NOW)


def line(id_, debtor, number, name, until):
    whole = ["flag", id_, 7, debtor, number, "", name, None, until]
    return {
        "id": id_, "revision": 7, "debtor_id": debtor, "number": number, "until": until, "at": AT,
        "line": json.dumps(whole),
    }  # fmt: skip


LINES = [line("flg-dispute-1--", 1, None, "dispute", None), line(f"opt-{MOBILE}", None, MOBILE, "do-not-call", AT + 5)]


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    return Place(tmp_path / "old.db") if request.param == "sqlite" else request.getfixturevalue("postgres_place")


@asynccontextmanager
async def record_of(place, revision):
    """A connection to a record as that revision left it."""
    engine = database.engine_for(place)
    async with engine.begin() as connection:
        if place.url:  # the fixture's schema is the newest: an empty one is wanted
            await connection.execute(text("DROP SCHEMA public CASCADE"))
            await connection.execute(text("CREATE SCHEMA public"))
        await connection.run_sync(lambda sync: command.upgrade(database._config(sync), revision))
        yield connection
    await engine.dispose()


async def test_flags_and_creditors_are_taken_over(place):
    async with record_of(place, "0003") as connection:
        await connection.execute(
            text("INSERT INTO debtors (creditor, reference, name, zone, language) VALUES ('Luce', :r, 'x', '', 'it')"),
            [{"r": "D1"}, {"r": "D2"}],
        )
        await connection.execute(
            text(
                "INSERT INTO ledger (id, revision, kind, debtor_id, number, counts_until, in_flight, line, written_at) "
                "VALUES (:id, :revision, 'flag', :debtor_id, :number, :until, false, :line, :at)"
            ),
            LINES,
        )
    assert (await database.migrate(place))[0] == "0003"
    engine = await database.open_database(place)
    async with engine.connect() as connection:
        words = (await connection.execute(select(schema.flag_changes).order_by(schema.flag_changes.c.line_id))).all()
        creditors = (await connection.scalars(select(schema.creditors.c.name))).all()
        kinds = (await connection.scalars(select(schema.debtors.c.kind))).all()
    await engine.dispose()
    assert [(word.line_id, word.name, word.debtor_id, word.number, word.recorded_at, word.until) for word in words] == [
        ("flg-dispute-1--", "dispute", 1, None, NOW, None),
        (f"opt-{MOBILE}", "do-not-call", None, MOBILE, NOW, from_micro(AT + 5)),
    ]
    assert (creditors, kinds) == (["Luce"], ["person", "person"])


async def test_an_outcome_from_before_counts_as_it_did(place):
    said = {"one": "refuses", "two": "machine", "three": "wrong_number", "four": "hung_up", "five": "of another time"}
    async with record_of(place, "0004") as connection:
        await connection.execute(
            text("INSERT INTO debtors (creditor, reference, name, zone, language) VALUES ('Luce', 'D1', 'x', '', 'it')")
        )
        await connection.execute(
            text("INSERT INTO cases (campaign, debtor_id, creditor, state, why) VALUES ('k', 1, 'Luce', 'open', 'new')")
        )
        await connection.execute(
            text(
                "INSERT INTO attempts (id, campaign, case_id, debtor_id, number, packs, cleared_at, state, refusals) "
                "VALUES (:id, 'k', 1, 1, :number, 'it-unirec', :at, 'ended', '')"
            ),
            [{"id": id_, "number": MOBILE, "at": AT} for id_ in said],
        )
        await connection.execute(
            text(
                "INSERT INTO outcomes (attempt_id, agent, code, note, recorded_at) VALUES (:id, 'anna', :code, '', :at)"
            ),
            [{"id": id_, "code": code, "at": AT} for id_, code in said.items()],
        )
    assert (await database.migrate(place))[0] == "0004"
    engine = await database.open_database(place)
    async with engine.connect() as connection:
        rows = (await connection.execute(select(schema.outcomes))).all()
    await engine.dispose()
    assert {row.attempt_id: (row.counts_as, row.right_party) for row in rows} == {
        "one": ("conversation", True),
        "two": ("machine", False),
        "three": ("third_party", False),
        "four": ("hung_up", False),
        "five": ("unknown", False),
    }
    assert all((row.form, row.next_state) == ("{}", None) for row in rows)
