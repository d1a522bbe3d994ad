"""`make bench-ledger`: the shared ledger on a Redis of its own.

How much memory a debtor takes, how long a decision's two questions take, how fast it is rebuilt, and a race: two
processes with a gate each want the last call of a debtor, ten thousand times; exactly one may get it.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from redis.asyncio import Redis

from dialer.adapters.redis.ledger import RedisLedger
from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.ledger import Subject
from dialer.kernel.clock import SystemClock
from dialer.kernel.ids import Ids
from dialer.kernel.percentiles import percentiles
from dialer.testing.servers import RedisServer
from tests.contract.race import race

EVENTS, CALLERS = 20, 16


class Record:
    """So many debtors with so many attempts each."""

    def __init__(self, debtors: int, households: bool) -> None:
        self.debtors, self.households = debtors, households
        self.ids, self.chance = Ids(Random(1)), Random(2)

    def attempts(self, debtor: int, now: datetime) -> list[Entry]:
        household = f"h-{debtor // 2}" if self.households else ""
        return [
            Entry(
                self.ids.attempt(now), 2, debtor, f"+39347{debtor:07}", household, at=now - timedelta(days=day * 1.5),
                result=self.chance.choice(list(EntryResult)), debts=(debtor * 2, debtor * 2 + 1),
                campaign="prestiti-2026", collector="acme",
            )
            for day in range(EVENTS)
        ]  # fmt: skip

    async def pages(self) -> AsyncIterator[list[Entry]]:
        now = datetime.now(UTC)
        for first in range(1_000_000, 1_000_000 + self.debtors, 100):
            yield [line for debtor in range(first, first + 100) for line in self.attempts(debtor, now)]

    async def watermark(self) -> int:
        return self.debtors

    async def known(self, attempts: Collection[str]) -> Collection[str]:
        return attempts


async def filled(server: RedisServer, debtors: int, *, households: bool) -> None:
    redis = Redis.from_url(server.url)
    await redis.flushall()
    before = (await redis.info("memory"))["used_memory"]
    record = Record(debtors, households)
    ledger = RedisLedger(server.url, "a", record, SystemClock(), house="acme", quiet=timedelta())
    began = time.perf_counter()
    task = asyncio.create_task(ledger.run())
    while not ledger.ready:
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - began
    used = (await redis.info("memory"))["used_memory"] - before
    kind = await redis.object("ENCODING", "cadenza:{ledger}:d:1000000")
    print(
        f"{debtors} debtors of {EVENTS} attempts{', with households' if households else ''}: "
        f"{used / debtors:,.0f} bytes a debtor ({kind.decode()}), rebuilt in {seconds:.1f} s, "
        f"{debtors * EVENTS / seconds:,.0f} lines a second"
    )
    await asked(ledger, record)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await ledger.close()
    await redis.aclose()


async def asked(ledger: RedisLedger, record: Record) -> None:
    reads: list[float] = []
    reserves: list[float] = []

    async def caller(place: int) -> None:
        for i in range(200):
            debtor = 1_000_000 + (place * 200 + i) % record.debtors
            now = datetime.now(UTC)
            household = f"h-{debtor // 2}" if record.households else ""
            entry = Entry(
                record.ids.attempt(now), 0, debtor, f"+39347{debtor:07}", household, at=now,
                result=EntryResult.UNKNOWN, in_flight=True, campaign="prestiti-2026", collector="acme",
            )  # fmt: skip
            first = time.perf_counter()
            seen = await ledger.read(Subject(debtor, entry.number, household))
            second = time.perf_counter()
            await ledger.reserve(entry, seen)
            reads.append(second - first)
            reserves.append(time.perf_counter() - second)

    for callers in (1, CALLERS):
        reads.clear()
        reserves.clear()
        began = time.perf_counter()
        await asyncio.gather(*(caller(place + callers) for place in range(callers)))
        rate = len(reads) / (time.perf_counter() - began)
        for name, values in (("read", reads), ("reserve", reserves)):
            times = "  ".join(f"{at} {1000 * value:.2f}" for at, value in percentiles(sorted(values)).items())
            print(f"  {callers:>2} at a time  {name:<8} {times} ms")
        print(f"  {callers:>2} at a time  {rate:,.0f} decisions a second")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--debtors", type=int, default=20_000)
    parser.add_argument("--races", type=int, default=10_000)
    options = parser.parse_args()
    server = RedisServer(Path(".cache/redis").absolute())
    await server.start()
    try:
        await filled(server, options.debtors, households=False)
        await filled(server, options.debtors, households=True)
        began = time.perf_counter()
        tally = await race(server.url, "race", options.races)
        print(
            f"{tally.rounds} races in {time.perf_counter() - began:.0f} s: one winner each; the cells won "
            f"{tally.by_cell}; in {tally.close} both had seen the place free and one came too late"
        )
    finally:
        await server.discard()


if __name__ == "__main__":
    asyncio.run(main())
