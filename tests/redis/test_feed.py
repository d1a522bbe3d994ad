"""What other cells write arrives, in order; where something may be missing, that is known."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from dialer.compliance.entry import EntryResult, Flag
from tests.redis.house import MemoryRecord, attempt, cell, fresh_prefix, subject_of, until
from tests.redis.proxy import Proxy


class Listener:
    """Hears the feed of one cell through a wire that can be cut."""

    def __init__(self):
        self.heard = []
        self.missed = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def on_missed(self):
        self.missed += 1
        await self.may_go_on.wait()

    def ids(self):
        return [line.id for line in self.heard]


@pytest.fixture
async def proxy(redis_server):
    async with Proxy(redis_server.port) as proxy:
        yield proxy


@asynccontextmanager
async def speaker_and_listener(url, proxy, record=None):
    prefix, listener = fresh_prefix(), Listener()
    record = record or MemoryRecord()
    listens = cell(proxy.url, "b", record, prefix=prefix, feed=listener.heard, missed=listener.on_missed)
    async with cell(url, "a", record, prefix=prefix) as speaker, listens as listener.ledger:
        yield speaker, listener


async def say(ledger, *lines):
    ledger.put(*lines)
    await ledger.flush()


async def test_every_line_arrives_in_order_own_ones_too(redis_server, proxy):
    async with speaker_and_listener(redis_server.url, proxy) as (speaker, listener):
        entry = attempt("a0")
        assert await speaker.reserve(entry, await speaker.read(subject_of(entry)))
        await say(speaker, *(attempt(f"a{i}", i, in_flight=False) for i in range(1, 400)))
        await say(listener.ledger, Flag("f", 0, 1, name="cease"))
        await until(lambda: len(listener.heard) == 401)
        assert listener.ids() == [f"a{i}" for i in range(400)] + ["f"]
        assert listener.heard[0] == entry
        assert listener.missed == 1
        assert listener.ledger.feed_fresh


async def test_what_changes_nothing_is_not_told(redis_server, proxy):
    async with speaker_and_listener(redis_server.url, proxy) as (speaker, listener):
        line = attempt("a", revision=1, in_flight=False)
        await say(speaker, line, line, replace(line, revision=0), replace(line, revision=2, result=EntryResult.BUSY))
        await say(speaker, attempt("last", 2))
        await until(lambda: "last" in listener.ids())
        assert [(line.id, line.revision) for line in listener.heard] == [("a", 1), ("a", 2), ("last", 0)]


async def test_while_the_wire_is_cut_it_is_not_fresh_and_says_what_it_missed(redis_server, proxy):
    async with speaker_and_listener(redis_server.url, proxy) as (speaker, listener):
        there = proxy.target
        proxy.lead_to(1)  # nobody listens there
        await until(lambda: not listener.ledger.feed_fresh)
        await say(speaker, attempt("while away"))
        listener.may_go_on.clear()
        proxy.lead_to(there)
        await until(lambda: listener.missed == 2)
        # whoever reads again now sees it; what comes meanwhile is delivered after
        assert not listener.ledger.feed_fresh
        await say(speaker, attempt("meanwhile", 2))
        assert not listener.ledger.feed_fresh
        listener.may_go_on.set()
        await until(lambda: "meanwhile" in listener.ids())
        assert listener.ledger.feed_fresh
        assert listener.ids() == ["meanwhile"]


async def test_a_feed_that_was_cut_behind_the_reader_is_noticed(redis_server, proxy):
    async with speaker_and_listener(redis_server.url, proxy) as (speaker, listener):
        client = speaker._commands._wire._client
        feed = speaker._commands._names.feed
        # the reader sees nothing of this: it is over before Redis serves anybody else
        await client.eval(
            "redis.call('HINCRBY', KEYS[2], 'fed', 1) redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)", 2, feed,
            speaker._commands._names.meta,
        )  # fmt: skip
        await until(lambda: listener.missed == 2 and listener.ledger.feed_fresh)
        await client.hincrby(speaker._commands._names.meta, "fed", 3)
        await say(speaker, attempt("after"))
        await until(lambda: listener.missed == 3 and listener.ledger.feed_fresh)
        await say(speaker, attempt("later", 2))
        await until(lambda: "later" in listener.ids())


async def test_after_a_flush_it_is_fresh_only_in_the_new_generation(redis_server, proxy):
    async with speaker_and_listener(redis_server.url, proxy) as (speaker, listener):
        await say(speaker, *(attempt(f"a{i}", i) for i in range(20)))
        await until(lambda: len(listener.heard) == 20)
        meta = speaker._commands._names.meta
        await speaker._commands._wire._client.delete(meta)
        await until(lambda: listener.missed == 2 and listener.ledger.feed_fresh)
        await until(lambda: speaker.ready and speaker._generation == listener.ledger._generation)
        await speaker.flush()
        await say(speaker, attempt("after", 99))
        await until(lambda: "after" in listener.ids())


async def test_the_feed_keeps_a_bounded_number_of_lines(redis_server, monkeypatch):
    monkeypatch.setattr("dialer.adapters.redis.commands.LONGEST_FEED", 200)
    async with cell(redis_server.url, "a", prefix=fresh_prefix()) as ledger:
        await say(ledger, *(attempt(f"a{i}", i) for i in range(2_000)))
        assert await ledger._commands._wire._client.xlen(ledger._commands._names.feed) < 400
