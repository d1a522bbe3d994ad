"""What every storey shares."""

import asyncio
import functools
import os
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import typer.testing
from hypothesis import settings

from dialer.adapters.store import database as databases
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.testing.servers import PostgresServer, RedisServer
from dialer.testing.virtual_time import VirtualTimeLoop

ROOT = Path(__file__).parents[1]
GIVES_WAY = 5
"""The niceness of a worker without the PBX."""

# the same examples every time, so that a change is to blame for a failure, and no wall-clock time; DIALER_CHANCE=1
# looks for new ones
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.register_profile("chance", deadline=None)
settings.load_profile("chance" if os.environ.get("DIALER_CHANCE") else "same")


def pytest_asyncio_loop_factories(config, item):
    """Tests marked `virtual_time` run on a loop that never waits."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Sound is real time: where workers share the tests, one has all that need the PBX, one after the other."""
    for item in items:
        if item.get_closest_marker("asterisk"):
            item.add_marker(pytest.mark.xdist_group("asterisk"))


def pytest_runtest_setup(item):
    """What needs the processor alone gives way to what runs in real time beside it: the largest group comes first."""
    if "PYTEST_XDIST_WORKER" in os.environ and not item.get_closest_marker("asterisk"):
        os.nice(max(0, GIVES_WAY - os.nice(0)))


@pytest.fixture(scope="session")
def asterisk_tree():
    """What `setup/fetch-asterisk` made. Without it the tests fail: a PBX that isn't there proves nothing."""
    tree = Path(os.environ.get("DIALER_ASTERISK", ROOT / ".cache/asterisk"))
    assert (tree / "asterisk").exists(), f"no Asterisk in {tree}: run make setup"
    return tree


@pytest.fixture(scope="session")
def run():
    """Runs a coroutine for a fixture of the session. (pytest-asyncio makes its own anew for every test here.)"""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner.run


@pytest.fixture(scope="session")
def postgres_server(run):
    """One PostgreSQL for all tests; each takes a database of its own. Who kills it starts it again."""
    yield from serving(run, PostgresServer(Path(os.environ.get("DIALER_POSTGRES", ROOT / ".cache/postgres"))))


@pytest.fixture(scope="session")
def redis_server(run):
    """One Redis for all tests; each takes a prefix of its own for its keys."""
    yield from serving(run, RedisServer(Path(os.environ.get("DIALER_REDIS", ROOT / ".cache/redis"))))


def serving(run, server):
    try:
        run(server.start())
        yield server
    finally:
        run(server.discard())


async def made(place):
    """Make a record."""
    await (await open_database(place)).dispose()


@pytest.fixture(scope="session", autouse=True)
def sqlite_template(tmp_path_factory, run):
    """The first new SQLite file is migrated; every later one of this process is filled with its pages (5 ms in place
    of 300). What opens, checks and keeps the file is the product's own, and a command that a test starts migrates.
    """
    path = tmp_path_factory.mktemp("template") / "dialer.db"
    run(made(Place(path)))
    template = sqlite3.connect(path, check_same_thread=False)
    migrate = databases._upgrade

    def upgrade(connection):
        if connection.dialect.name != "sqlite" or databases._revision(connection):
            return migrate(connection)
        theirs = connection.connection.dbapi_connection
        return theirs.run_async(lambda new: new._execute(template.backup, new._conn))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(databases, "_upgrade", upgrade)
        yield
    template.close()


@pytest.fixture(scope="session", autouse=True)
def one_tree_of_commands():
    """typer's runner would make all commands anew for each that a test runs (40 ms)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.testing, "_get_command", functools.cache(typer.testing._get_command))
        yield


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
        await made(Place(Path(), postgres_server.url("template_record")))
        return "template_record"

    return run(make())


@pytest.fixture
async def postgres_place(postgres_server, postgres_template):
    async with database(postgres_server, postgres_template) as url:
        yield Place(Path(), url)
