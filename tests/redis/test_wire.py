"""Replies get lost, connections break, Redis freezes: what was asked happens once, or is known as unknown."""

import asyncio

import pytest

from dialer.adapters.redis.wire import Script, Wire
from dialer.compliance.entry import EntryResult
from dialer.compliance.ledger import LedgerAwayError
from dialer.kernel.errors import InputError
from tests.redis.house import MemoryRecord, attempt, cell, fresh_prefix, is_away, lines_of, subject_of, until
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
            proxy.word, proxy.lose = b"publish(meta", 0
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


async def test_a_frozen_redis_is_away_and_lines_wait(redis_server):
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
        await ledger.flush()
        assert not await is_away(ledger, entry)
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
