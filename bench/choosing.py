"""How long it takes to choose the next 100 cases among very many: `make bench-choose ARGS="--cases 1000000"`.

Fills a record with open cases, most of them due, in every band, some urgent and some agreed upon, each debtor with a
history of calls; then asks for pages as a running daemon does: with a stock in hand that is left out, and with the chosen
cases planned anew. SQLite is on the disk of --folder; PostgreSQL is started for it.
"""

import argparse
import asyncio
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.campaigns.priority import BANDS
from dialer.cases.model import AGREED, CaseState
from dialer.kernel.clock import to_micro
from dialer.kernel.percentiles import percentiles
from dialer.testing.servers import PostgresServer

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
CHUNK = 10_000
PAGE = 100
CALLS_EACH = 2
IN_HAND = 300
LIMIT_MS = 20.0


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("sqlite", "postgres"))
    parser.add_argument("--folder", type=Path, help="where the SQLite file is made, and removed again")
    wish = parser.parse_args()
    slowest = 0.0
    if wish.only != "postgres":
        with TemporaryDirectory(prefix="bench-choose-", dir=wish.folder) as name:
            slowest = await measured("SQLite", Place(Path(name) / "dialer.db"), wish)
    if wish.only != "sqlite":
        server = PostgresServer(Path(".cache/postgres"))
        await server.start()
        try:
            slowest = max(slowest, await measured("PostgreSQL", Place(Path(), server.url()), wish))
        finally:
            await server.discard()
    return 0 if slowest < LIMIT_MS else 1


async def measured(what: str, place: Place, wish: argparse.Namespace) -> float:
    """The 99th percentile in milliseconds."""
    engine = await open_database(place, command_seconds=None)
    began = time.perf_counter()
    chance = Random(wish.seed)
    for first in range(1, wish.cases + 1, CHUNK):
        await fill(engine, range(first, min(first + CHUNK, wish.cases + 1)), chance)
    if place.url:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text("VACUUM ANALYZE"))  # as its own daemon does some time after
    print(f"{what}: {wish.cases:,} cases, {CALLS_EACH} calls each, made in {time.perf_counter() - began:.0f} s")
    writer = Writer(engine)
    work = asyncio.create_task(writer.run())
    book = SqlCaseBook(engine, writer)
    milliseconds, in_hand, processor = [], [], 0.0
    for _ in range(wish.pages):
        await writer.flush()  # what was planned is waited for by itself: here it is the choice that is timed
        began, used = time.perf_counter(), time.process_time()
        found = await book.due("bench", NOW, PAGE, {case.id for case in in_hand})
        milliseconds.append((time.perf_counter() - began) * 1_000)
        processor += time.process_time() - used
        assert len(found) == PAGE
        in_hand += found
        for case in in_hand[: len(in_hand) - IN_HAND]:
            book.schedule(case.id, NOW + timedelta(hours=3), CaseState.OPEN, "after no_answer")
        in_hand = in_hand[-IN_HAND:]
    work.cancel()
    await engine.dispose()
    found_in = percentiles(sorted(milliseconds))
    words = ", ".join(f"{name} {value:.1f} ms" for name, value in found_in.items())
    print(
        f"{what}: the next {PAGE} of them, {wish.pages} times: {words}; processor {processor / wish.pages * 1_000:.1f} ms each"
    )
    return found_in["p99"]


async def fill(engine: AsyncEngine, ids: range, chance: Random) -> None:
    """Debtors, numbers, cases, debts and calls with these ids."""
    async with engine.begin() as connection:
        for table, columns, rows in (
            ("debtors", "id creditor reference name zone language risk_class", [debtor(id_, chance) for id_ in ids]),
            ("numbers", "debtor_id number position kind provenance", [number(id_) for id_ in ids]),
            (
                "cases",
                "id campaign debtor_id creditor state due_at why wanted_by worth uncalled_since",
                [case(id_, chance) for id_ in ids],
            ),
            ("debts", "case_id creditor reference amount_cents currency", [debt(id_) for id_ in ids]),
            (
                "attempts",
                "id campaign case_id debtor_id number packs cleared_at ended_at state refusals",
                [call(id_, n) for id_ in ids for n in range(CALLS_EACH)],
            ),
        ):
            if engine.dialect.name == "postgresql":
                driver = (await connection.get_raw_connection()).driver_connection
                await driver.copy_records_to_table(table, records=rows, columns=columns.split())
            else:
                marks = ",".join("?" * len(columns.split()))
                statement = f"INSERT INTO {table} ({columns.replace(' ', ',')}) VALUES ({marks})"
                await connection.exec_driver_sql(statement, rows)


def debtor(id_: int, chance: Random) -> tuple[object, ...]:
    return id_, "Luce", f"D{id_}", f"Name {id_}", "Europe/Rome", "it", chance.choice("ABCD")


def number_of(id_: int) -> str:
    return f"+39310{id_:07d}"


def number(id_: int) -> tuple[object, ...]:
    return id_, number_of(id_), 0, "mobile", "creditor"


def case(id_: int, chance: Random) -> tuple[object, ...]:
    """Nine in ten are due; one in twenty is wanted by now, one in a thousand agreed upon."""
    due_at = after(hours=chance.uniform(-240.0, 24.0))
    wanted_by = after(hours=24.0 * chance.uniform(-1.0, 19.0)) if chance.random() < 0.9 else None
    why = AGREED if chance.random() < 0.001 else "after no_answer"
    worth = min(BANDS, max(1, round(chance.gauss(4.0, 1.5))))
    called = after(hours=-24.0 * chance.uniform(0.0, 30.0))
    return id_, "bench", id_, "Luce", CaseState.OPEN.value, due_at, why, wanted_by, worth, called


def debt(id_: int) -> tuple[object, ...]:
    return id_, "Luce", f"F{id_}", 30_000, "EUR"


def call(id_: int, n: int) -> tuple[object, ...]:
    at = after(hours=-24.0 * (n + 1))
    return f"dla-{id_}-{n}", "bench", id_, id_, number_of(id_), "it-unirec", at, at, "ended", ""


def after(hours: float) -> int:
    return to_micro(NOW + timedelta(hours=hours))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
