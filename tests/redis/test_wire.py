"""Replies get lost, connections break, Redis freezes: what was asked happens once, or is known as unknown."""

import asyncio
from contextlib import asynccontextmanager
from random import Random
from socket import SOCK_STREAM

import pytest

from dialer.adapters.redis.wire import Script, Wire
from dialer.compliance.entry import EntryResult
from dialer.compliance.ledger import LedgerAwayError, Subject
from dialer.kernel.errors import InputError
from dialer.testing.asterisk import free_port
from dialer.testing.servers import RedisServer
from tests.redis.house import MemoryRecord, attempt, cell, command, fresh_prefix, is_away, lines_of, subject_of, until
from tests.redis.proxy import Proxy


@pytest.fixture
async def proxy(redis_server):
    async with Proxy(redis_server.port) as proxy:
        yield proxy


async def test_a_reservation_whose_reply_was_lost_is_one_reservation(proxy):
    prefix = fresh_prefix()
    heard = []
    async with cell(proxy.url, "a", prefix=prefix) as ledger, cell(proxy.url, "b", prefix=prefix, feed=heard):
        for i in range(20):
            entry = attempt(f"a{i}", debtor=i, number=f"+39347{i:07}")
            seen = await ledger.read(subject_of(entry))
            proxy.word, proxy.lose = Script.RESERVE.sha.encode(), 1
            assert await ledger.reserve(entry, seen)
            assert list(await lines_of(ledger, entry)) == [entry.id]
            after = (await ledger.read(subject_of(entry))).versions
            assert [now - before for now, before in zip(after, seen.versions, strict=True)] == [0, 1, 1]
        assert proxy.lost == 20
        await until(lambda: len(heard) >= 20)
        assert [line.id for line in heard] == [f"a{i}" for i in range(20)]


async def test_a_lost_refusal_stays_a_refusal(proxy):
    async with cell(proxy.url, "a", prefix=fresh_prefix()) as ledger:
        seen = await ledger.read(subject_of(attempt("a")))
        assert await ledger.reserve(attempt("a"), seen)
        proxy.word, proxy.lose = Script.RESERVE.sha.encode(), 1
        assert not await ledger.reserve(attempt("b"), seen)
        assert proxy.lost == 1


async def test_after_two_lost_replies_nobody_knows_and_it_can_be_settled(proxy):
    async with cell(proxy.url, "a", prefix=fresh_prefix()) as ledger:
        entry = attempt("a")
        seen = await ledger.read(subject_of(entry))
        proxy.word, proxy.lose = Script.RESERVE.sha.encode(), 2
        with pytest.raises(LedgerAwayError):
            await ledger.reserve(entry, seen)
        assert proxy.lost == 2
        ledger.put(settled := attempt("a", revision=1, in_flight=False, result=EntryResult.TRUNK_FAILURE))
        standing = await ledger.read(subject_of(entry))
        assert standing.lines == (settled,)
        assert await ledger.reserve(attempt("b"), standing)


async def test_lines_are_written_once_and_in_order_whatever_breaks(proxy):
    prefix = fresh_prefix()
    heard = []
    async with cell(proxy.url, "a", prefix=prefix) as ledger, cell(proxy.url, "b", prefix=prefix, feed=heard):
        for i in range(300):
            if i % 60 == 30:
                proxy.word, proxy.lose = Script.PUT.sha.encode(), 1
            if i % 60 == 59:
                proxy.cut()
            ledger.put(attempt(f"a{i}", in_flight=False))
            await asyncio.sleep(0.001)
        await until(lambda: ledger.backlog == 0)
        assert len(await lines_of(ledger, attempt("a"))) == 300
        versions = (await ledger.read(subject_of(attempt("a")))).versions
        assert versions[1:] == (300, 300)
        assert proxy.lost == 5


async def test_a_frozen_redis_is_away_and_lines_wait(redis_server, impatient):
    async with cell(redis_server.url, "a", prefix=fresh_prefix()) as ledger:
        redis_server.freeze()
        try:
            entry = attempt("a")
            ledger.put(attempt("b", debtor=2, in_flight=False))
            assert await is_away(ledger, entry)
            with pytest.raises(LedgerAwayError):
                await ledger.read(subject_of(attempt("b", debtor=2)))
        finally:
            redis_server.freeze(thaw=True)
        await until(lambda: ledger.backlog == 0 and ledger.ready)
        assert "b" in await lines_of(ledger, attempt("b", debtor=2))


async def test_a_cell_sees_what_it_put_itself_at_once(redis_server):
    async with cell(redis_server.url, "a", prefix=fresh_prefix()) as ledger:
        entry = attempt("a")
        seen = await ledger.read(subject_of(entry))
        ledger.put(attempt("b", in_flight=False))
        assert not await ledger.reserve(entry, seen)
        assert list(await lines_of(ledger, entry)) == ["b"]


async def test_what_is_asked_before_the_ledger_runs_is_refused(redis_server):
    async with cell(redis_server.url, "a", prefix=fresh_prefix(), wait=False) as ledger:
        assert await is_away(ledger, attempt("a"))


async def test_a_line_that_cannot_be_read_forbids_the_call(redis_server):
    prefix = fresh_prefix()
    async with cell(redis_server.url, "a", prefix=prefix) as ledger:
        entry = attempt("a")
        await ledger._commands._wire._client.hset(f"cadenza:{{{prefix}}}:d:1", "x", "0|z|||from|later")
        with pytest.raises(LedgerAwayError, match="can't be read"):
            await ledger.read(subject_of(entry))


async def test_errors_and_logs_hold_no_number(proxy, redis_server, caplog):
    record = MemoryRecord()
    async with cell(proxy.url, "a", record, prefix=fresh_prefix()) as ledger:
        entry = attempt("a")
        seen = await ledger.read(subject_of(entry))
        proxy.word, proxy.lose = Script.RESERVE.sha.encode(), 2
        with pytest.raises(LedgerAwayError) as error:
            await ledger.reserve(entry, seen)
    assert entry.number not in f"{error.value!r} {error.value.__cause__!r} {caplog.text}"


@pytest.mark.parametrize("url", ["http://there", "redis+sentinel://there:x/main", "redis+cluster://there:x", "there"])
async def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(url):
    with pytest.raises(InputError) as error:
        Wire(url.replace("://", "://:secret@"))
    assert "secret" not in str(error.value)


async def test_whoever_stops_waiting_never_gets_others_the_wrong_answer(proxy):
    chance = Random(1)
    async with cell(proxy.url, "a", prefix=fresh_prefix()) as ledger:
        ledger.put(*(attempt(f"a{i}", i, None) for i in range(50)))
        await ledger.flush()
        for turn in range(100):
            tasks = [asyncio.create_task(ledger.read(Subject(i, None))) for i in range(chance.randrange(1, 20))]
            await asyncio.sleep(chance.random() * 0.003)
            for task in tasks:
                task.cancel()
            if turn % 10 == 0:
                proxy.cut()  # new connections greet, and are left alone while they do
            i = chance.randrange(50)
            found = await ledger.read(Subject(i, None))
            assert [line.id for line in found.lines] == [f"a{i}"]
            await asyncio.gather(*tasks, return_exceptions=True)


class ClusterServer(RedisServer):
    """A Cluster of one node."""

    def _command(self):
        # its own choice for the bus, 10000 above its port, may be above what there is
        return (*super()._command(), "--cluster-enabled", "yes", "--cluster-port", str(free_port(SOCK_STREAM)))


class SentinelServer(RedisServer):
    """A Sentinel that knows one master, which never fails over."""

    def __init__(self, tree, master):
        super().__init__(tree)
        self._master = master

    def _command(self):
        config = self.folder / "sentinel.conf"
        config.write_text(f"port {self.port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {self._master} 1\n")
        return (str(self.tree / "run"), "usr/bin/redis-server", str(config), "--sentinel")


@asynccontextmanager
async def a_cluster(redis):
    server = ClusterServer(redis.tree)
    await server.start()
    assert "OK" in await command(server.port, "CLUSTER", "ADDSLOTSRANGE", "0", "16383")
    while "cluster_state:ok" not in await command(server.port, "CLUSTER", "INFO"):
        await asyncio.sleep(0.01)
    yield f"redis+cluster://127.0.0.1:{server.port}"
    await server.discard()


@asynccontextmanager
async def a_sentinel(redis):
    server = SentinelServer(redis.tree, redis.port)
    await server.start()
    yield f"redis+sentinel://127.0.0.1:{server.port}/main?db=0"
    await server.discard()


@pytest.mark.parametrize("setting", [a_cluster, a_sentinel])
async def test_it_works_on_a_cluster_and_behind_a_sentinel(setting, redis_server):
    async with setting(redis_server) as url:
        await works_at(url)


async def works_at(url):
    prefix, heard = fresh_prefix(), []
    async with cell(url, "a", prefix=prefix) as mine, cell(url, "b", prefix=prefix, feed=heard) as theirs:
        entry = attempt("a", household="house")
        seen = await theirs.read(subject_of(entry))
        assert await mine.reserve(entry, seen)
        assert not await theirs.reserve(attempt("b", household="house"), seen)
        mine.put(settled := attempt("a", household="house", revision=1, in_flight=False))
        await mine.flush()
        assert (await theirs.read(subject_of(entry))).lines == (settled,)
        await until(lambda: heard == [entry, settled])
        assert await mine.settle_unknown("b") == 0
