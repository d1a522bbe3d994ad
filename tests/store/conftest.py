"""A record of each kind, for the contract."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.floor import SqlFloor
from dialer.adapters.store.ledger import SqlLines
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
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
        self.book, self.attempts, self.floor, self._lines = book, attempts, floor, lines
        self.writer, self.engine, self.work = writer, engine, work

    async def open(self, held):
        """Put a reservation on record, as the gate does."""
        decision = Decision(held.cleared_at, held.intent, Verdict(), held.attempt)
        await self.attempts.open(held, entry_of(held), decision)

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


@asynccontextmanager
async def database(server, template="template0"):
    """A database of the test's own. It goes again: the more there are, the slower the next is made (0.2 to 2 s)."""
    name = f"test_{uuid4().hex}"
    connection = await asyncpg.connect(server.url())
    try:
        await connection.execute(f"create database {name} template {template}")
        yield server.url(name)
    finally:
        if connection.is_closed():  # the test killed the server
            connection = await asyncpg.connect(server.url())
        await connection.execute(f"drop database {name} with (force)")
        await connection.close()


@pytest.fixture(scope="session")
def postgres_template(postgres_server, run):
    """A database with our schema, to be copied."""

    async def make():
        connection = await asyncpg.connect(postgres_server.url())
        await connection.execute("create database template_record")
        await connection.close()
        await (await open_database(Place(Path(), postgres_server.url("template_record")))).dispose()
        return "template_record"

    return run(make())


@pytest.fixture
async def postgres_place(postgres_server, postgres_template):
    async with database(postgres_server, postgres_template) as url:
        yield Place(Path(), url)


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
