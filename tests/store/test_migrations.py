"""A record from before the dossier: what stood on it stands in the new tables too."""

import json

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


async def test_flags_and_creditors_are_taken_over(place):
    engine = database.engine_for(place)
    async with engine.begin() as connection:
        if place.url:  # the fixture's schema is the newest: an empty one is wanted
            await connection.execute(text("DROP SCHEMA public CASCADE"))
            await connection.execute(text("CREATE SCHEMA public"))
        await connection.run_sync(lambda sync: command.upgrade(database._config(sync), "0003"))
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
    await engine.dispose()
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
