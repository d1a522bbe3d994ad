"""Two cells, each a process of its own with a gate of its own, want the last call that a debtor may get today.

`python -m tests.contract.race URL PREFIX CELL DESCRIPTOR` is one of them: it reads a debtor a line, and answers on
the descriptor whether it was cleared, and how often its reservation came too late.
"""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from random import Random

from dialer.adapters.store.database import open_database
from dialer.adapters.store.ledger import SqlLedger
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.compliance.clearance import Clearance
from dialer.compliance.entry import EntryResult
from dialer.compliance.gate import Gate, Law
from dialer.compliance.ledger import Subject
from dialer.compliance.pack import Shelf
from dialer.compliance.verdict import Intent
from dialer.kernel.ids import Ids
from tests.redis.house import NOON, PATIENT, MemoryRecord, attempt, cell, clock_at

PACK = "it-unirec"
FACTS = {
    "licence_valid_until": date(2030, 1, 1),
    "caller_id_registered": True,
    "trunk_domestic": True,
    "assignment_notice_sent": True,
}


class NoDisk:
    """A record that is always quick."""

    async def open(self, reservation, entry, decision):
        return

    def decided(self, decision):
        return

    def keep(self, *lines):
        return


class Counting:
    """A ledger that counts reservations that came too late."""

    def __init__(self, ledger):
        self.read, self.put, self.flush, self._reserve = ledger.read, ledger.put, ledger.flush, ledger.reserve
        self.late = 0

    async def reserve(self, entry, seen):
        won = await self._reserve(entry, seen)
        self.late += not won
        return won


def number_of(debtor):
    return f"+39347{debtor:07}"


def intent_about(debtor):
    return Intent(
        "k",
        debtor,
        debtor,
        number_of(debtor),
        ("Europe/Rome",),
        (PACK,),
        30.0,
        (debtor,),
        collector="acme",
        given=FACTS,
    )


def calls_before(debtor):
    """As many as leave one more for today."""
    return [
        attempt(
            f"before{debtor}-{hours}", debtor, number_of(debtor), at=NOON - timedelta(hours=hours), in_flight=False,
            result=EntryResult.NO_ANSWER, collector="acme", debts=(debtor,),
        )
        for hours in (3, 2.5)
    ]  # fmt: skip


@asynccontextmanager
async def shared(url, name, prefix, clock, record=None):
    """One cell's handle on the ledger that cells share at this URL: Redis, or the database itself."""
    if not url.startswith("postgresql"):
        async with cell(url, name, record, prefix=prefix, clock=clock) as ledger:
            yield ledger
        return
    engine = await open_database(Place(Path(), url))
    writer = Writer(engine, name)
    task = asyncio.create_task(writer.run())
    try:
        yield SqlLedger(engine, writer, clock)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()


async def racer(url, prefix, name, answers):
    clock = clock_at(NOON)
    async with shared(url, name, prefix, clock) as handle:
        ledger = Counting(handle)
        gate = Gate(Law({PACK: Shelf().load(PACK)}), ledger, NoDisk(), clock, Ids(Random(name)))
        gate.pbx_ready = True
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        say = os.fdopen(int(answers), "w", buffering=1)  # logs go to the standard output
        say.write("ready\n")
        while line := await reader.readline():
            late = ledger.late
            answer = await gate.clear(intent_about(int(line)))
            won = isinstance(answer, Clearance)
            if won:
                gate.watch.drop(answer.reservation.attempt)
            words = answer.reservation.attempt if won else ",".join(answer.reasons)
            say.write(f"{int(won)} {ledger.late - late} {words}\n")


@dataclass
class Tally:
    rounds: int = 0
    by_cell: tuple[int, ...] = (0, 0)
    close: int = 0
    """Rounds in which both saw the place free and one came too late."""


@asynccontextmanager
async def racers(url, prefix):
    """Two processes; asked about a debtor they answer (won, late, words) each."""
    children = []
    for name in ("a", "b"):
        end, child_end = os.pipe()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.contract.race", url, prefix, name, str(child_end),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, pass_fds=(child_end,),
        )  # fmt: skip
        os.close(child_end)
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda reader=reader: asyncio.StreamReaderProtocol(reader), os.fdopen(end, "rb")
        )
        children.append((process, reader, transport))

    async def ask(debtor):
        for process, _, _ in children:
            process.stdin.write(f"{debtor}\n".encode())
        answers = []
        for _, reader, _ in children:
            won, late, words = (await reader.readline()).decode().split(maxsplit=2)
            answers.append((won == "1", int(late), words.strip()))
        return answers

    try:
        for _, reader, _ in children:
            assert await reader.readline() == b"ready\n"
        yield ask
    finally:
        for process, _, transport in children:
            process.stdin.close()
            await process.wait()
            transport.close()


async def race(url, prefix, rounds, first=0):
    """So many debtors, one call left for each: one and only one of the two cells may have it."""
    tally = Tally()
    wins = [0, 0]
    async with shared(url, "parent", prefix, clock_at(NOON), MemoryRecord()) as ledger, racers(url, prefix) as ask:
        for debtor in range(first + 1, first + rounds + 1):
            ledger.put(*calls_before(debtor))
            await ledger.flush()
            answers = await ask(debtor)
            won = [answer[0] for answer in answers]
            assert sum(won) == 1, answers
            wins[won.index(True)] += 1
            tally.rounds += 1
            tally.close += any(late for _, late, _ in answers)
            if debtor % 50 == 0:
                # the last call was made: there is none left
                (entry,) = (await ledger.read(Subject(debtor, None))).in_flight
                ledger.put(replace(entry, revision=1, in_flight=False, result=EntryResult.NO_ANSWER))
                await ledger.flush()
                assert all("attempts-per-day" in words for _, _, words in await ask(debtor))
    tally.by_cell = tuple(wins)
    return tally


if __name__ == "__main__":
    for place, seconds in PATIENT.items():
        module, _, variable = place.rpartition(".")
        setattr(import_module(module), variable, seconds)
    asyncio.run(racer(*sys.argv[1:]))
