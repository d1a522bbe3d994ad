"""`make bench-gate`: what a decision costs: rules and reservation, on each ledger, with the durable attempt.

Every figure is measured in one run on one machine: compare the ratios. Processor time is the daemon's own (this
process); that of the stores is read from the kernel and told apart.

    --debtors N --events M   how much past lies in the ledger (default 20,000 x 20; the full size is 1,000,000 x 20)
"""

import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import asyncpg

from dialer.adapters.redis.ledger import RedisLedger
from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.ledger import SqlLedger, SqlLines
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cases.debt import Debt
from dialer.cases.model import NewCase
from dialer.compliance.clearance import Clearance
from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.gate import Gate
from dialer.compliance.ledger import Ledger, ProcessLedger
from dialer.compliance.verdict import Intent
from dialer.kernel.clock import SystemClock
from dialer.kernel.ids import Ids
from dialer.kernel.money import Money
from dialer.kernel.percentiles import percentiles
from dialer.testing.law import FACTS, law
from dialer.testing.servers import PostgresServer, RedisServer

CACHE = Path(__file__).parents[1] / ".cache"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PACK = "it-unirec"
DECISIONS = 2_000
CONCURRENT = 64
TICK = os.sysconf("SC_CLK_TCK")


class NoRecord:
    """For the cost of rules and reservation alone."""

    async def open(self, *_: object) -> None:
        pass

    def decided(self, *_: object) -> None:
        pass

    def keep(self, *_: object) -> None:
        pass


def intent(debtor: int, case: int = 0) -> Intent:
    return Intent("bench", case, debtor, f"+3934{debtor:08d}", ("Europe/Rome",), (PACK,), 30.0, (debtor,), given=FACTS)


def past(debtor: int, events: int, chance: Random, *, oldest_days: float = 34, youngest_days: float = 8) -> list[Entry]:
    """Unanswered calls, spread so that every one is looked at and none forbids the next."""
    number = f"+3934{debtor:08d}"
    return [
        Entry(
            f"dla-{debtor:016x}{index:010x}",
            1,
            debtor,
            number,
            at=NOW - timedelta(days=chance.uniform(youngest_days, oldest_days)),
            result=EntryResult.NO_ANSWER,
            debts=(debtor,),
            campaign="bench",
        )
        for index in range(events)
    ]


async def decide(gate: Gate, intents: list[Intent], concurrent: int = CONCURRENT) -> dict[str, Any]:
    """Clear them, many at once; processor time a decision, rate and latencies."""
    waits: list[float] = []
    queue = iter(intents)

    async def work() -> None:
        for wish in queue:
            begun = time.perf_counter()
            answer = await gate.clear(wish)
            waits.append(time.perf_counter() - begun)
            assert isinstance(answer, Clearance), answer.reasons

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrent)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {
        "cpu_us": cpu / len(intents) * 1e6,
        "rate": len(intents) / wall,
        "core_rate": len(intents) / cpu,
        **{name: value * 1e3 for name, value in percentiles(sorted(waits)).items()},
    }


def show(name: str, figures: dict[str, Any], store: str = "") -> None:
    print(
        f"{name:<46}{figures['cpu_us']:>8.0f} {figures['core_rate']:>9.0f} {figures['rate']:>9.0f}"
        f" {figures['p50']:>8.2f} {figures['p99']:>8.2f}  {store}",
        flush=True,
    )


def head(title: str) -> None:
    print(f"\n{title}")
    print(f"{'':<46}{'µs CPU':>8} {'/s core':>9} {'/s wall':>9} {'p50 ms':>8} {'p99 ms':>8}  stores' CPU, µs each")


def cpu_of(*pids: int) -> float:
    """Processor seconds of processes and their children, as the kernel counts them."""
    total = 0.0
    for pid in pids:
        for task in _family(pid):
            try:
                fields = Path(f"/proc/{task}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            # the process's own time, and of the first one also that of the children that ended
            total += sum(map(int, fields[11 : 15 if task == pid else 13])) / TICK
    return total


def _family(pid: int) -> list[int]:
    found = [pid]
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if parent == pid:
            found.append(int(stat.parent.name))
    return found


async def big_ledger(debtors: int, events: int) -> None:
    head("rules and reservation, ledger in the process, all of the past")
    chance = Random(1)
    before = _resident_bytes()
    ledger = ProcessLedger()
    for debtor in range(debtors):
        ledger.put(*past(debtor, events, chance))
    grown = _resident_bytes() - before
    chosen = chance.sample(range(debtors), min(DECISIONS, debtors))
    show(
        f"{debtors:,} debtors x {events} events",
        await decide(_gate(ledger, NoRecord()), [intent(d) for d in chosen], 1),
    )
    print(f"memory of the ledger in the process: {grown / debtors:,.0f} bytes a debtor ({events} events each)")


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * resource.getpagesize()


async def rules_and_reservation(events: int) -> None:
    head(f"rules and reservation, ledger in the process, {DECISIONS} decisions, {PACK}")
    chance = Random(1)
    for name, build in (
        ("no past", lambda _: []),
        (f"{events} past events in the windows", lambda debtor: past(debtor, events, chance)),
        (
            f"{events} in the windows, {10 * events} beyond them",
            lambda debtor: (
                past(debtor, events, chance) + past(debtor, 10 * events, chance, oldest_days=900, youngest_days=40)
            ),
        ),
    ):
        ledger = ProcessLedger()
        for debtor in range(DECISIONS):
            ledger.put(*build(debtor))
        ledger.forget_before(NOW)
        show(name, await decide(_gate(ledger, NoRecord()), [intent(debtor) for debtor in range(DECISIONS)], 1))


def _gate(ledger: Ledger, record: Any) -> Gate:
    clock = SystemClock(NOW - datetime.now(UTC))
    gate = Gate(law(PACK), ledger, record, clock, Ids(Random(time.time_ns())))
    gate.pbx_ready = True
    return gate


@asynccontextmanager
async def recording(place: Place, clock: SystemClock) -> AsyncIterator[tuple[Any, Writer, SqlAttempts, list[Intent]]]:
    """A record with a case for each decision."""
    engine = await open_database(place)
    writer = Writer(engine)
    task = asyncio.create_task(writer.run())
    book = SqlCaseBook(engine, writer)
    new = [
        NewCase("Luce", f"D{n}", "N", (Debt(f"F{n}", Money(100)),), (f"+3934{n + 1:08d}",), "Europe/Rome", "it")
        for n in range(DECISIONS)
    ]
    await book.add("bench", new, NOW)
    cases = await book.due("bench", NOW, DECISIONS, ())
    intents = [intent(case.debtor_id, case.id) for case in cases]
    try:
        yield engine, writer, SqlAttempts(engine, writer, clock), intents
    finally:
        await writer.flush()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()


async def with_the_record() -> None:
    head(f"clearances with the durable attempt, {DECISIONS} of them, {CONCURRENT} at once")
    clock = SystemClock(NOW - datetime.now(UTC))
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        async with recording(Place(folder / "dialer.db"), clock) as (_, writer, record, intents):
            show(
                "ledger in the process, record in SQLite",
                await decide(_gate(ProcessLedger(), record), intents),
                f"in the daemon's; {writer.commits.count} commits",
            )
        postgres = PostgresServer(CACHE / "postgres")
        await postgres.start()
        stack.push_async_callback(postgres.discard)
        redis = RedisServer(CACHE / "redis")
        await redis.start()
        stack.push_async_callback(redis.discard)

        async def measured(name: str, ledger_of: Callable[..., Awaitable[Ledger]], *servers: Any) -> None:
            database = f"bench_{time.time_ns()}"
            connection = await asyncpg.connect(postgres.url())
            await connection.execute(f"create database {database}")
            await connection.close()
            async with recording(Place(Path(), postgres.url(database)), clock) as (engine, writer, record, intents):
                ledger = await ledger_of(engine, writer)
                before = [cpu_of(server.pid) for server in servers]
                figures = await decide(_gate(ledger, record), intents)
                spent = [(cpu_of(s.pid) - b) / len(intents) * 1e6 for s, b in zip(servers, before, strict=True)]
                stores = ", ".join(
                    f"{type(s).__name__.removesuffix('Server')} {us:.0f}" for s, us in zip(servers, spent, strict=True)
                )
                show(name, figures, f"{stores}; {writer.commits.count} commits")

        async def process(*_: Any) -> Ledger:
            return ProcessLedger()

        async def sql(engine: Any, writer: Writer) -> Ledger:
            return SqlLedger(engine, writer, clock)

        async def shared(engine: Any, _: Writer) -> Ledger:
            ledger = RedisLedger(
                redis.url, "bench", SqlLines(engine, clock), clock, prefix=f"b{time.time_ns()}", quiet=timedelta()
            )
            task = asyncio.create_task(ledger.run())
            stack.callback(task.cancel)
            while not ledger.ready:
                await asyncio.sleep(0.01)
            return ledger

        await measured("ledger in the process, record in PostgreSQL", process, postgres)
        await measured("ledger and record in PostgreSQL", sql, postgres)
        await measured("ledger on Redis, record in PostgreSQL", shared, postgres, redis)


async def memory_in_redis(debtors: int, events: int) -> None:
    redis = RedisServer(CACHE / "redis")
    await redis.start()
    try:
        chance = Random(2)

        class Record:
            async def pages(self) -> AsyncIterator[list[Entry]]:
                page: list[Entry] = []
                for debtor in range(debtors):
                    page += past(debtor, events, chance)
                    if len(page) >= 5_000:
                        yield page
                        page = []
                yield page

            async def watermark(self) -> int:
                return 1

            async def known(self, attempts: Any) -> Any:
                return attempts

        clock = SystemClock(NOW - datetime.now(UTC))
        ledger = RedisLedger(redis.url, "bench", Record(), clock, quiet=timedelta())
        begun = time.perf_counter()
        task = asyncio.create_task(ledger.run())
        while not ledger.ready:
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - begun
        from redis.asyncio import Redis  # noqa: PLC0415 -- only here

        client = Redis.from_url(redis.url)
        used = (await client.info("memory"))["used_memory"]
        await client.aclose()
        print(
            f"\nRedis: {debtors:,} debtors x {events} events rebuilt from a record in {seconds:.0f} s ({debtors * events / seconds:,.0f} lines/s)"
        )
        print(
            f"memory in Redis: {used / debtors:.0f} bytes a debtor and its number, {used / debtors / events:.0f} an event (under two keys)"
        )
        chosen = chance.sample(range(debtors), min(DECISIONS, debtors))
        head("ledger on Redis, no record, with that past")
        before = cpu_of(redis.pid)
        figures = await decide(_gate(ledger, NoRecord()), [intent(debtor) for debtor in chosen])
        show(
            f"{debtors:,} debtors x {events} events",
            figures,
            f"Redis {(cpu_of(redis.pid) - before) / len(chosen) * 1e6:.0f}",
        )
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await ledger.close()
    finally:
        await redis.discard()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--debtors", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=20)
    options = parser.parse_args()
    await big_ledger(options.debtors, options.events)
    await rules_and_reservation(options.events)
    await with_the_record()
    await memory_in_redis(options.debtors, options.events)


if __name__ == "__main__":
    asyncio.run(main())
