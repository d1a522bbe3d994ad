"""A record of each kind, for the contract."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.dossiers import SqlDossiers
from dialer.adapters.store.floor import SqlFloor
from dialer.adapters.store.ledger import SqlLines
from dialer.adapters.store.payments import SqlPayments
from dialer.adapters.store.place import Place
from dialer.adapters.store.waiting import SqlWaiting
from dialer.adapters.store.writer import Writer
from dialer.cases.model import CaseState
from dialer.cases.waiting import Course, Decided
from dialer.compliance.gate import Decision, entry_of
from dialer.compliance.verdict import Verdict
from dialer.testing.memory_record import MemoryRecord


class Noon:
    """A clock that stands."""

    def now(self):
        return datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


class Store:
    """The ports over one record."""

    def __init__(self, book, attempts, floor, lines, writer=None, engine=None, work=None):
        if engine is not None:
            self.dossiers, self.payments = SqlDossiers(engine), SqlPayments(engine)
        self.book, self.attempts, self.floor, self._lines = book, attempts, floor, lines
        self.writer, self.engine, self.work = writer, engine, work

    async def open(self, held):
        """Put a reservation on record, as the gate does."""
        decision = Decision(held.cleared_at, held.intent, Verdict(), held.attempt)
        await self.attempts.open(held, entry_of(held), decision)

    async def reopen(self, case_id, now):
        """A person has a case called again that isn't open."""
        await self.attempts.flush()
        if self.engine is None:
            case = self.book.cases[case_id]
            case.state, case.due_at = CaseState.OPEN, now
        else:
            await SqlWaiting(self.engine).decide(Decided(case_id, Course.OPEN, "it was settled", "anna"), now)

    async def lines(self):
        """The ledger's lines on record, by id."""
        return {line.id: line async for page in self._lines.pages() for line in page}


@asynccontextmanager
async def opened(place, **options):
    engine = await open_database(place, **options)
    writer = Writer(engine)
    task = asyncio.create_task(writer.run())
    attempts = SqlAttempts(engine, writer, Noon())
    yield Store(
        SqlCaseBook(engine, writer), attempts, SqlFloor(engine, writer), SqlLines(engine, Noon()), writer, engine, task
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await engine.dispose()


@pytest.fixture
async def sqlite(tmp_path):
    async with opened(Place(tmp_path / "dialer.db")) as store:
        yield store


@pytest.fixture
async def postgres(postgres_place):
    async with opened(postgres_place) as store:
        yield store


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request):
    if request.param == "memory":
        record = MemoryRecord()
        return Store(record, record, record, record)
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["sqlite", "postgres"])
def sql(request):
    return request.getfixturevalue(request.param)
