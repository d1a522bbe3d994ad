"""Cells around one Redis, and the record from which they rebuild."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

from dialer.adapters.redis.ledger import RedisLedger
from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.ledger import LedgerAwayError, Subject
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import AwayError

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
WAIT_SECONDS = 60.0
PATIENT = {
    "dialer.adapters.redis.wire.COMMAND_SECONDS": 15.0,
    "dialer.adapters.redis.wire.PATIENCE_SECONDS": 30.0,
    "dialer.adapters.redis.ledger.READ_SECONDS": 15.0,
    "dialer.adapters.redis.ledger.FLUSH_SECONDS": 30.0,
}
_prefixes = count()


def fresh_prefix():
    """Keys that no other test has."""
    return f"test{next(_prefixes)}"


def clock_at(instant):
    """A clock that runs on from an instant."""
    return SystemClock(instant - datetime.now(UTC))


def attempt(id_, debtor=1, number="+393471234567", household="", **values):
    """A line of an attempt in flight."""
    values = {"at": NOON, "result": EntryResult.UNKNOWN, "in_flight": True, "campaign": "k", "debts": (7,)} | values
    return Entry(id_, values.pop("revision", 0), debtor, number, household, **values)


def subject_of(line):
    return Subject(line.debtor_id, line.number, line.household)


class MemoryRecord:
    """The durable record."""

    def __init__(self, *lines, page=3):
        self.lines = {line.id: line for line in lines}
        self.page = page
        self.number = len(lines)
        self.away = False
        self.passes = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def keep(self, *lines):
        for line in lines:
            known = self.lines.get(line.id)
            if known is None or known.revision < line.revision:
                self.lines[line.id] = line
            self.number += 1

    async def pages(self):
        self.passes += 1
        lines = list(self.lines.values())
        for first in range(0, len(lines), self.page):
            await self.gate.wait()
            if self.away:
                raise AwayError("no disk")
            yield lines[first : first + self.page]
        await self.gate.wait()

    async def watermark(self):
        if self.away:
            raise AwayError("no disk")
        return self.number

    async def known(self, attempts):
        return [id_ for id_ in attempts if id_ in self.lines]


@asynccontextmanager
async def cell(url, name, record=None, *, prefix, quiet=timedelta(), feed=None, missed=None, clock=None, wait=True):
    """A ledger that runs. feed: gets the lines that are delivered."""
    record = record if record is not None else MemoryRecord()
    ledger = RedisLedger(url, name, record, clock or clock_at(NOON), prefix=prefix, house="acme", quiet=quiet)
    tasks = [asyncio.create_task(ledger.run())]
    if feed is not None:
        tasks.append(asyncio.create_task(ledger.feed(feed.append, missed or nothing)))
    try:
        if wait:
            await until(lambda: ledger.ready and (feed is None or ledger.feed_fresh))
        yield ledger
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        await ledger.close()
    assert all(isinstance(end, asyncio.CancelledError) for end in done), done


async def nothing():
    return


async def until(true):
    async with asyncio.timeout(WAIT_SECONDS):
        while not true():
            await asyncio.sleep(0.002)


async def is_away(ledger, line):
    """Whether nothing can be read or reserved."""
    try:
        seen = await ledger.read(subject_of(line))
    except LedgerAwayError:
        return True
    try:
        await ledger.reserve(line, seen)
    except LedgerAwayError:
        return True
    return False


async def lines_of(ledger, line):
    return {found.id: found for found in (await ledger.read(subject_of(line))).lines}


async def command(port, *words):
    """One word to a Redis, past everything that is tested."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
    answer = await reader.read(1 << 16)
    writer.close()
    return answer.decode()
