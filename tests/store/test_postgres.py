"""What only the record in PostgreSQL promises: it outlives its server, and a server that is away is told as such."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from dialer.adapters.store import database, hold, schema
from dialer.adapters.store import payments as store_payments
from dialer.adapters.store.abandoned import SqlAbandoned
from dialer.adapters.store.database import migrate, open_database
from dialer.adapters.store.hold import only_daemon
from dialer.adapters.store.learnt import SqlLearnt
from dialer.adapters.store.place import Place
from dialer.adapters.store.reports import SqlReports
from dialer.campaigns.campaign import CampaignState
from dialer.cases.debt import Debt
from dialer.cases.payment import Payment
from dialer.cli import app, pbx
from dialer.kernel.errors import AwayError, InputError, InUseError, RefusedError
from dialer.kernel.money import Money
from dialer.reports.report import Asked
from tests.conftest import database as own_database
from tests.store.conftest import opened
from tests.store.test_record import NOW, first_case, new_case, reservation
from tests.store.test_sql import row


async def flushed(store):
    store.writer.put(row(1))
    await store.attempts.flush()


READS = [
    lambda store: store.book.due("k", NOW, 10, ()),
    lambda store: store.book.card(1, NOW),
    lambda store: store.book.add("k", [new_case()], NOW),
    lambda store: store.attempts.unsettled(),
    lambda store: store.attempts.find(["dla-1"]),
    lambda store: store.attempts.latest(),
    lambda store: store.lines(),
    lambda store: SqlReports(store.engine).attempt_totals(Asked(NOW, ZoneInfo("UTC"))),
    flushed,
    lambda store: store.floor.sessions(),
    lambda store: SqlLearnt(store.engine, store.writer, schema.habits).learnt(),
    lambda store: SqlAbandoned(store.engine, store.writer).portions(None, None),
    lambda store: store.floor.campaign_states(),
    lambda store: store.floor.save_campaign_state("k", CampaignState.HALTED, NOW),
]


async def numbers(store):
    async with store.engine.connect() as connection:
        return set(await connection.scalars(select(schema.campaign_states.c.campaign)))


def numbers_of(*ns):
    return {row(n).values["campaign"] for n in ns}


async def until(true):
    async with asyncio.timeout(15):
        while not true():
            await asyncio.sleep(0.02)


async def execute(where, statement):
    connection = await asyncpg.connect(where.url if isinstance(where, Place) else where.url())
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_what_was_committed_outlives_a_killed_server(postgres, postgres_server):
    await postgres.writer.commit(row(1))
    postgres_server.kill()
    postgres.writer.put(row(2))
    with pytest.raises(AwayError):
        await postgres.writer.commit(row(3))
    assert not postgres.writer.healthy
    with pytest.raises(AwayError):
        await postgres.writer.commit(row(4))
    postgres.writer.put(row(5))
    await postgres_server.start()
    await until(lambda: postgres.writer.healthy)
    await postgres.writer.commit(row(6))
    assert await numbers(postgres) == numbers_of(1, 2, 5, 6)


async def test_every_commit_that_returned_is_there_whenever_the_server_is_killed(postgres, postgres_server):
    done, asked = set(), 0

    async def commit_on():
        nonlocal asked
        while asked < 100_000:
            asked += 1
            n = asked
            try:
                await postgres.writer.commit(row(n))
            except AwayError:
                return
            done.add(n)

    async def kill():
        await until(lambda: len(done) > 200)
        postgres_server.kill()

    await asyncio.gather(kill(), *(commit_on() for _ in range(8)))
    await postgres_server.start()
    await until(lambda: postgres.writer.healthy)
    assert numbers_of(*done) <= await numbers(postgres)
    # at the kill one commit was under way: nobody knows of it, and it is at most one row for each who waited
    assert len(await numbers(postgres)) <= len(done) + 8


async def test_while_the_server_is_away_everything_says_so(postgres, postgres_server):
    case = await first_case(postgres)
    postgres_server.kill()
    try:
        for read in READS:
            with pytest.raises(AwayError) as caught:
                await read(postgres)
            assert caught.value.remedy or "can't be written" in str(caught.value)
        with pytest.raises(AwayError):
            await postgres.open(reservation(case))
    finally:
        await postgres_server.start()
    await until(lambda: postgres.writer.healthy)
    await postgres.open(reservation(case))
    assert len(await postgres.attempts.unsettled()) == 1


async def test_a_server_started_again_meanwhile_is_not_away(postgres, postgres_server):
    await asyncio.gather(*(postgres.book.count_wanted("k", NOW) for _ in range(4)))
    await postgres_server.stop()
    await postgres_server.start()
    assert await postgres.book.count_wanted("k", NOW) == 0
    await postgres.writer.commit(row(1))


async def test_a_server_that_says_nothing_is_away(postgres_place, postgres_server, monkeypatch):
    monkeypatch.setattr(database, "CONNECT_SECONDS", 0.5)
    async with opened(postgres_place, command_seconds=0.5) as store:
        await store.writer.commit(row(1))
        postgres_server.freeze()
        try:
            async with asyncio.timeout(10):
                with pytest.raises(AwayError):
                    await store.writer.commit(row(2))
                with pytest.raises(AwayError):
                    await store.attempts.unsettled()
                store.writer.put(row(3))
        finally:
            postgres_server.freeze(thaw=True)
        await until(lambda: store.writer.healthy)
        await store.attempts.flush()
        assert numbers_of(1, 3) <= await numbers(store)


async def test_a_read_only_server_is_away_until_it_is_none(postgres, postgres_place, postgres_server):
    name = postgres_place.url.rpartition("/")[2]

    async def read_only(value):  # and everybody connects anew, as after a failover
        await execute(postgres_server, f"alter database {name} set default_transaction_read_only = {value}")
        await execute(
            postgres_server, f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        )

    await read_only("on")
    postgres.writer.put(row(1))
    with pytest.raises(AwayError):
        await postgres.writer.commit(row(2))
    await read_only("off")
    await until(lambda: postgres.writer.healthy)
    assert await numbers(postgres) == numbers_of(1)


async def test_a_commit_waits_for_the_disk_whatever_the_database_says(postgres_place):
    await execute(
        postgres_place, f"alter database {postgres_place.url.rpartition('/')[2]} set synchronous_commit = off"
    )
    async with opened(postgres_place) as store, store.engine.connect() as connection:
        assert (await connection.execute(text("show synchronous_commit"))).scalar() == "on"


async def test_two_may_find_an_empty_database_at_once(postgres_server):
    async with own_database(postgres_server) as url:
        for engine in await asyncio.gather(*(open_database(Place(Path(), url)) for _ in range(3))):
            await engine.dispose()
        assert await migrate(Place(Path(), url)) == ("0019", "0019")


@pytest.mark.parametrize(
    ("damage", "kind", "words"),
    [
        ("nobody there", AwayError, "start PostgreSQL"),
        ("no database", InputError, "createdb"),
        ("no user", RefusedError, "password_file"),
        ("no right", RefusedError, "own the database"),
        ("other schema", InputError, "dialer migrate"),
        ("old schema", InputError, "dialer migrate"),
    ],
)
async def test_a_database_that_will_not_do_is_told(postgres_server, damage, kind, words):
    async with own_database(postgres_server) as url:
        place = Place(Path(), url, "s3cret")
        if damage == "nobody there":
            place = Place(Path(), "postgresql://postgres@127.0.0.1:1/dialer", "s3cret")
        elif damage == "no database":
            place = Place(Path(), f"{url}x", "s3cret")
        elif damage == "no user":
            place = Place(Path(), url.replace("postgres@", "stranger@"), "s3cret")
        elif damage == "no right":
            await execute(place, "drop role if exists guest; create role guest login")
            place = Place(Path(), url.replace("postgres@", "guest@"), "s3cret")
        else:
            await execute(place, "create table strange (x int)")
            if damage == "old schema":
                await execute(place, "create table alembic_version (version_num text)")
                await execute(place, "insert into alembic_version values ('0000')")
        with pytest.raises(kind) as caught:
            await open_database(place)
    assert words in caught.value.remedy
    assert place.url in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caught.value.remedy} {place!r}"


async def test_one_daemon_a_cell(postgres_place):
    other = Place(Path(), postgres_place.url, cell="cell2")
    async with only_daemon(postgres_place, alone=False), only_daemon(other, alone=False):
        for alone in (False, True):
            with pytest.raises(InUseError) as caught:
                async with only_daemon(postgres_place, alone=alone):
                    raise AssertionError
            assert caught.value.remedy


async def test_a_cell_whose_ledger_is_in_its_process_works_alone(postgres_place):
    other = Place(Path(), postgres_place.url, cell="cell2")
    async with only_daemon(postgres_place, alone=True):
        for alone in (False, True):
            with pytest.raises(InUseError, match="ledger"):
                async with only_daemon(other, alone=alone):
                    raise AssertionError
    async with only_daemon(other, alone=False):
        with pytest.raises(InUseError, match="ledger"):
            async with only_daemon(postgres_place, alone=True):
                raise AssertionError
    async with only_daemon(postgres_place):
        pass


async def test_a_cell_is_not_held_while_it_is_only_asked_for(postgres_place):
    async with only_daemon(postgres_place):
        other = hold.Hold(postgres_place, database.engine_for(postgres_place), alone=True)
        asked = asyncio.create_task(other.take())
        while not asked.done():
            assert not other.held
            await asyncio.sleep(0)
        with pytest.raises(InUseError):
            asked.result()
        assert not other.held
        await other.release()


async def test_the_cell_is_held_again_after_its_connection_broke(postgres_place, postgres_server, monkeypatch):
    monkeypatch.setattr(hold, "WATCH_SECONDS", 0.05)
    async with only_daemon(postgres_place) as held:
        task = asyncio.create_task(held.keep())
        try:
            postgres_server.kill()
            await until(lambda: held._connection is None)
            await postgres_server.start()
            await until(lambda: held._connection is not None)
            await asyncio.sleep(0.2)
            with pytest.raises(InUseError):
                async with only_daemon(postgres_place):
                    raise AssertionError
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    async with only_daemon(postgres_place):
        pass


def test_the_commands_work_with_a_url(postgres_server, run, tmp_path, monkeypatch):
    monkeypatch.setattr(pbx, "CONNECT_SECONDS", 0.1)
    own = own_database(postgres_server)
    url = run(own.__aenter__())
    try:
        config, cases = tmp_path / "dialer.toml", tmp_path / "cases.csv"
        config.write_text(
            f'[store]\nurl = "{url}"\n[pbx]\nsecret = "x"\nport = 1\n[api]\ntoken = "x"\n'
            '[campaigns.luce]\ncaller_id = "+390694801234"\n'
        )
        cases.write_text(
            "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1\nLuce;D-1;Anna;F-1;281,98;+39 347 0000010\n"
        )

        def call(*words):
            result = CliRunner().invoke(app, [*words, "-c", str(config), "--json"])
            return json.loads(result.stdout[result.stdout.index("{\n") :])  # without the log

        assert call("migrate") == {"before": None, "after": "0019"}
        assert call("migrate") == {"before": "0019", "after": "0019"}
        assert call("cases", "import", str(cases), "--campaign", "luce")["new"] == 1
        assert call("report", "attempts")["lines"] == []
        findings = {finding["what"]: finding for finding in call("check")["findings"]}
        assert findings["record"] == {"what": "record", "well": True, "seen": f"{url}, schema current", "remedy": ""}
    finally:
        run(own.__aexit__(None, None, None))
    assert not (tmp_path / "dialer.db").exists()


# the case is paid by both together; told twice; another case's payment of the same reference
@pytest.mark.parametrize(
    ("second", "known", "refused", "state"),
    [
        (("B2", "F2", 500), 0, 0, "closed"),
        (("B1", "F1", 12_345), 1, 0, "open"),
        (("B1", "F9", 12_345), 0, 1, "open"),
    ],
)
async def test_of_payments_told_at_once_each_counts_once(postgres, second, known, refused, state):
    await first_case(
        postgres, replace(new_case(), debts=(Debt("F1", Money(12_345)), Debt("F2", Money(500)))), new_case(9)
    )
    reference, debt, cents = second
    one, other = (
        Payment("B1", "F1", Money(12_345), NOW.date()),
        Payment(reference, debt, Money(cents), NOW.date()),
    )
    async with postgres.engine.connect() as connection:
        await connection.run_sync(store_payments._add, "Luce", 0, [one], "bank", NOW)
        task = asyncio.create_task(postgres.payments.add("Luce", [other], "creditor", NOW))
        await asyncio.wait([task], timeout=0.5)  # it may come to its end only after the first one
        await connection.commit()
    added = await task
    assert (added.known, len(added.refused)) == (known, refused)
    async with postgres.engine.connect() as connection:
        assert await connection.scalar(select(schema.cases.c.state).where(schema.cases.c.id == 1)) == state
