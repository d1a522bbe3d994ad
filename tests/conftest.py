"""What every storey shares."""

import asyncio
import os
from pathlib import Path

import pytest

from dialer.testing.servers import PostgresServer, RedisServer
from dialer.testing.virtual_time import VirtualTimeLoop

ROOT = Path(__file__).parents[1]


def pytest_asyncio_loop_factories(config, item):
    """Tests marked `virtual_time` run on a loop that never waits."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


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
