"""The servers that tests kill: they come back on the same port, with what they promised to keep."""

import asyncio

import pytest

from dialer.testing.servers import RedisServer
from tests.conftest import ROOT


async def ask(server, line):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(f"{line}\r\n".encode())
        return (await reader.readline()).strip()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("appendonly", "kept"), [(True, b"$1"), (False, b"$-1")])
async def test_a_killed_redis_keeps_every_write_or_none(appendonly, kept):
    server = RedisServer(ROOT / ".cache/redis", appendonly=appendonly)
    try:
        await server.start()
        assert await ask(server, "SET key 1") == b"+OK"
        server.kill()
        with pytest.raises(OSError):
            await ask(server, "PING")
        await server.start()
        assert await ask(server, "GET key") == kept
    finally:
        await server.discard()
    assert not server.folder.exists()


async def test_the_sessions_redis_serves(redis_server):
    assert await ask(redis_server, "PING") == b"+PONG"
    assert redis_server.url.endswith(f":{redis_server.port}/0")
