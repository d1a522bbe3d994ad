"""A record of each kind, for the contract."""

import asyncio

import pytest

from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.floor import SqlFloor
from dialer.adapters.store.writer import Writer
from dialer.testing.memory_record import MemoryRecord


class Store:
    """The three ports over one record."""

    def __init__(self, book, attempts, floor, writer=None, engine=None, work=None):
        self.book, self.attempts, self.floor = book, attempts, floor
        self.writer, self.engine, self.work = writer, engine, work


@pytest.fixture
async def sqlite(tmp_path):
    engine = await open_database(tmp_path / "dialer.db")
    writer = Writer(engine)
    task = asyncio.create_task(writer.run())
    yield Store(
        SqlCaseBook(engine, writer), SqlAttempts(engine, writer), SqlFloor(engine, writer), writer, engine, task
    )
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await engine.dispose()


@pytest.fixture(params=["memory", "sqlite"])
def store(request):
    if request.param == "memory":
        record = MemoryRecord()
        return Store(record, record, record)
    return request.getfixturevalue("sqlite")
