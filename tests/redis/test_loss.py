"""Redis loses everything, or goes back in time: nobody is called until the ledger is whole again."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from dialer.adapters.redis import ledger as ledgers
from dialer.adapters.redis import rebuild as rebuilding
from dialer.adapters.redis.ledger import RedisLedger
from dialer.compliance.entry import EntryResult, Flag
from dialer.compliance.ledger import WINDOW, LedgerAwayError, Subject
from dialer.testing.servers import RedisServer
from tests.redis.house import (
    NOON,
    MemoryRecord,
    attempt,
    cell,
    clock_at,
    command,
    is_away,
    lines_of,
    subject_of,
    until,
)
from tests.redis.proxy import Proxy

FLAG = Flag("f1", 0, 1, name="do-not-call")


@pytest.fixture
async def server(redis_server):
    """A Redis that may be killed without harm to other tests."""
    server = RedisServer(redis_server.tree)
    await server.start()
    yield server
    await server.discard()


def settled(entry, result=EntryResult.NO_ANSWER):
    return replace(entry, revision=1, in_flight=False, result=result)


async def keep(record, ledger, *lines):
    record.keep(*lines)
    ledger.put(*lines)
    await ledger.flush()


async def flushed(server, proxy, ledger):
    await ledger._commands._wire._client.flushall()


async def restarted_empty(server, proxy, ledger):
    server.kill()
    await server.start()


async def restarted_from_an_old_snapshot(server, proxy, ledger):
    # the snapshot was taken by `lose`, before the last line
    server.kill()
    await server.start()


async def replaced_by_a_lagging_replica(server, proxy, ledger):
    proxy.lead_to(proxy.replica.port)


@pytest.fixture(
    params=[flushed, restarted_empty, restarted_from_an_old_snapshot, replaced_by_a_lagging_replica],
    ids=lambda loss: loss.__name__,
)
async def lose(request, server):
    """Two steps: from `before` on what is written will be lost; then the loss itself."""
    loss = request.param
    async with Proxy(server.port) as proxy:
        replica = RedisServer(server.tree) if loss is replaced_by_a_lagging_replica else None

        if replica:
            await replica.start()
            proxy.replica = replica
            await command(server.port, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
            await command(replica.port, "REPLICAOF", "127.0.0.1", str(server.port))
            await _until_synced(replica.port)

        async def before(ledger):
            client = ledger._commands._wire._client
            if loss is restarted_from_an_old_snapshot:
                await client.save()
            if replica:
                assert await client.wait(1, 5000) == 1
                await command(replica.port, "REPLICAOF", "NO", "ONE")

        yield proxy.url, before, lambda ledger: loss(server, proxy, ledger)
        if replica:
            await replica.discard()


async def _until_synced(port):
    async with asyncio.timeout(20):
        while "master_link_status:up" not in await command(port, "INFO", "replication"):
            await asyncio.sleep(0.01)


async def test_nothing_is_cleared_until_it_is_rebuilt_and_then_all_is_there(lose):
    url, before, loss = lose
    record = MemoryRecord()
    old, late, other = attempt("a1"), attempt("a2"), attempt("b1", 2, "+390212345678")
    async with cell(url, "a", record, prefix="p") as mine, cell(url, "b", record, prefix="p") as theirs:
        await keep(record, mine, settled(old), FLAG, other)
        await before(mine)
        stale = await theirs.read(subject_of(late))
        await keep(record, mine, settled(late, EntryResult.CONVERSATION))
        record.gate.clear()
        await loss(mine)
        for _ in range(20):
            assert await is_away(mine, attempt("x1", 3, None))
            assert await is_away(theirs, attempt("x2", 3, None))
        record.gate.set()
        await until(lambda: mine.ready and theirs.ready)
        for ledger in (mine, theirs):
            standing = await ledger.read(subject_of(late))
            assert set(standing.lines) == {settled(old), settled(late, EntryResult.CONVERSATION), FLAG}
            assert (await ledger.read(subject_of(other))).in_flight == (other,)
        # what was read before the loss is worth nothing, even if the versions came out the same
        assert not await theirs.reserve(attempt("x3"), stale)
        assert await theirs.reserve(attempt("x4"), await theirs.read(subject_of(late)))
        assert record.passes == 2  # at the start, and now: one cell did it for both


async def test_the_first_replica_costs_a_rebuild_and_no_more(server):
    await command(server.port, "CONFIG", "SET", "repl-diskless-sync-delay", "0")
    # Redis takes a new replication id for it; to be told apart from a promotion that would need trust
    replica = RedisServer(server.tree)
    await replica.start()
    try:
        record = MemoryRecord(settled(attempt("a1")))
        async with cell(server.url, "a", record, prefix="p") as ledger:
            await command(replica.port, "REPLICAOF", "127.0.0.1", str(server.port))
            await _until_synced(replica.port)
            await until(lambda: record.passes == 2 and ledger.ready)
            assert list(await lines_of(ledger, attempt("x"))) == ["a1"]
    finally:
        await replica.discard()


async def test_one_that_was_idle_notices_by_itself(server):
    async with cell(server.url, "a", prefix="p") as ledger:
        generation = ledger._generation
        await flushed(server, None, ledger)
        await until(lambda: ledger.ready and ledger._generation != generation)


async def test_own_lines_that_the_record_lacked_are_written_again(server):
    record = MemoryRecord()
    async with cell(server.url, "a", record, prefix="p") as mine, cell(server.url, "b", record, prefix="p") as theirs:
        mine.put(late := settled(attempt("a1")))
        await mine.flush()
        record.gate.clear()
        await flushed(server, None, mine)
        while not await is_away(mine, attempt("x")) or not await is_away(theirs, attempt("x")):
            pass
        mine.put(waiting := settled(attempt("a2")))
        record.gate.set()
        await until(lambda: mine.ready and theirs.ready)
        await mine.flush()
        assert set((await theirs.read(subject_of(late))).lines) == {late, waiting}


async def test_a_record_that_is_away_keeps_the_ledger_away(server):
    record = MemoryRecord(settled(attempt("a1")))
    record.away = True
    async with cell(server.url, "a", record, prefix="p", wait=False) as ledger:
        await asyncio.sleep(0.5)
        assert await is_away(ledger, attempt("x"))
        record.away = False
        await until(lambda: ledger.ready)
        assert "a1" in await lines_of(ledger, attempt("x"))


async def test_the_record_is_read_only_after_every_lost_reservation_is_in_it_or_void(server):
    record = MemoryRecord()
    asked = []
    whole = record.watermark

    async def watermark():
        asked.append(await server_time(server))
        return await whole()

    record.watermark = watermark
    began = await server_time(server)
    async with cell(server.url, "a", record, prefix="p", quiet=timedelta(seconds=0.3)) as ledger:
        assert asked[0] - began >= 0.3
        assert ledger.ready


async def server_time(server):
    seconds, micros = (line for line in (await command(server.port, "TIME")).split("\r\n") if line.isdigit())
    return int(seconds) + int(micros) / 1e6


async def test_redis_lost_while_it_is_rebuilt_is_rebuilt_again(server):
    record = MemoryRecord(*(settled(attempt(f"a{i}")) for i in range(12)))
    record.gate.clear()
    async with cell(server.url, "a", record, prefix="p", wait=False) as ledger:
        await until(lambda: record.passes == 1)
        await restarted_empty(server, None, ledger)
        record.gate.set()
        await until(lambda: ledger.ready)
        assert record.passes >= 2
        assert len(await lines_of(ledger, attempt("x"))) == 12


REBUILDER = """
import asyncio, sys
from tests.redis.house import MemoryRecord, attempt, cell
async def main(url):
    record = MemoryRecord(*(attempt(f"a{i}", in_flight=False) for i in range(6)), page=2)
    pages = record.pages
    async def slow():
        async for page in pages():
            yield page
            print("loaded", flush=True)
            await asyncio.sleep(60)
    record.pages = slow
    async with cell(url, "killed", record, prefix="p"):
        pass
asyncio.run(main(sys.argv[1]))
"""


def _start(code, url):
    return subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def _hear_loaded(process):
    assert any(line == b"loaded\n" for line in process.stdout)  # its log comes before


async def test_the_cell_that_rebuilds_is_killed_and_another_one_begins_anew(server, monkeypatch):
    monkeypatch.setattr(rebuilding, "LOCK_SECONDS", 1.0)
    record = MemoryRecord(*(settled(attempt(f"a{i}")) for i in range(6)))
    code = f"import dialer.adapters.redis.rebuild as r; r.LOCK_SECONDS = 1.0\n{REBUILDER}"
    process = _start(code, server.url)
    try:
        await asyncio.to_thread(_hear_loaded, process)
        async with cell(server.url, "b", record, prefix="p", wait=False) as ledger:
            await asyncio.sleep(1.5)
            assert record.passes == 0  # it lives, so it is left in peace
            assert await is_away(ledger, attempt("x"))
            process.send_signal(signal.SIGKILL)
            await until(lambda: ledger.ready)
            assert record.passes == 1
            assert len(await lines_of(ledger, attempt("x"))) == 6
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


async def test_a_rebuilder_that_slept_through_its_lock_does_nothing_more(server, monkeypatch):
    monkeypatch.setattr(rebuilding, "LOCK_SECONDS", 0.3)
    record = MemoryRecord(settled(attempt("a1")))
    code = (
        f"import dialer.adapters.redis.rebuild as r; r.LOCK_SECONDS = 0.3\n{REBUILDER.replace('sleep(60)', 'sleep(0)')}"
    )
    code = code.replace('print("loaded", flush=True)', 'print("loaded", flush=True); sys.stdin.readline()')
    process = _start(code, server.url)
    try:
        await asyncio.to_thread(_hear_loaded, process)
        os.kill(process.pid, signal.SIGSTOP)
        async with cell(server.url, "b", record, prefix="p") as ledger:
            generation = ledger._generation
            assert set(await lines_of(ledger, attempt("x"))) == {"a0", "a1"}  # what it had loaded until then is true
            os.kill(process.pid, signal.SIGCONT)
            process.stdin.write(b"\n" * 10)
            process.stdin.flush()
            assert await asyncio.to_thread(process.wait) == 0  # it joined
            assert ledger.ready
            assert ledger._generation == generation
            assert set(await lines_of(ledger, attempt("x"))) == {"a0", "a1"}
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


async def test_what_a_killed_cell_left_in_flight_is_settled_unless_the_record_knows_it(server):
    record = MemoryRecord()
    recorded, unrecorded, others = attempt("a1"), attempt("a2", 2, None), attempt("b1", 3, None)
    async with cell(server.url, "b", record, prefix="p") as theirs:
        async with cell(server.url, "a", record, prefix="p") as mine:
            for entry in (recorded, unrecorded):
                assert await mine.reserve(entry, await mine.read(subject_of(entry)))
            assert await theirs.reserve(others, await theirs.read(subject_of(others)))
            record.keep(recorded)
        async with cell(server.url, "a", record, prefix="p") as mine:
            await mine.flush()
            assert (await mine.read(subject_of(recorded))).in_flight == (recorded,)  # recovery asks the PBX about it
            nobody = replace(unrecorded, revision=1, in_flight=False, result=EntryResult.TRUNK_FAILURE)
            assert (await mine.read(subject_of(unrecorded))).lines == (nobody,)
            assert (await theirs.read(subject_of(others))).in_flight == (others,)
            assert await mine.settle_unknown("b") == 1  # whoever takes over a dead cell's cases says so


async def test_a_live_reservation_is_never_taken_for_a_dead_one(server):
    record = MemoryRecord()
    async with cell(server.url, "a", record, prefix="p") as mine:
        entry = attempt("a1")
        assert await mine.reserve(entry, await mine.read(subject_of(entry)))
        assert await mine.settle_unknown("a") == 0
        await mine.flush()
        assert (await mine.read(subject_of(entry))).in_flight == (entry,)


async def test_lines_over_the_bound_are_dropped_and_the_ledger_is_rebuilt_from_the_record(server, monkeypatch):
    monkeypatch.setattr(ledgers, "MOST_WAITING", 50)
    record = MemoryRecord()
    async with cell(server.url, "a", record, prefix="p") as mine, cell(server.url, "b", record, prefix="p") as theirs:
        lines = [settled(attempt(f"a{i}")) for i in range(60)]
        record.keep(*lines)
        mine.put(*lines)
        assert not mine.ready
        await until(lambda: record.passes == 2 and mine.ready)
        assert len(await lines_of(mine, attempt("x"))) == 60
        await until(lambda: theirs._generation == mine._generation)
        assert len(await lines_of(theirs, attempt("x"))) == 60


async def test_a_redis_that_does_not_answer_is_not_ready_until_it_does(server, impatient):
    record = MemoryRecord()
    async with cell(server.url, "a", record, prefix="p") as ledger:
        server.freeze()
        await until(lambda: not ledger.ready)
        assert await is_away(ledger, attempt("x"))
        server.freeze(thaw=True)
        await until(lambda: ledger.ready)
        assert record.passes == 1  # it had lost nothing


async def test_a_redis_that_may_drop_keys_is_refused(server):
    async with cell(server.url, "a", prefix="p") as ledger:
        client = ledger._commands._wire._client
        await client.config_set("maxmemory", "100mb")
        await client.config_set("maxmemory-policy", "allkeys-lru")
        await until(lambda: not ledger.ready)
        assert await is_away(ledger, attempt("x"))
        await client.config_set("maxmemory-policy", "noeviction")
        await until(lambda: ledger.ready)


async def test_a_redis_that_is_full_is_away(server):
    async with cell(server.url, "a", prefix="p") as ledger:
        seen = await ledger.read(subject_of(attempt("x")))
        client = ledger._commands._wire._client
        await client.config_set("maxmemory", "1mb")
        with pytest.raises(LedgerAwayError):
            await ledger.reserve(attempt("x"), seen)
        await client.config_set("maxmemory", "0")
        assert await ledger.reserve(attempt("x"), seen)


async def test_what_no_rule_looks_at_any_more_is_swept_and_keys_expire(server):
    old = [settled(attempt(f"old{i}", at=NOON - WINDOW - timedelta(days=i))) for i in range(1, 40)]
    flag = Flag("f", 0, 1, name="dispute", until=NOON - WINDOW - timedelta(days=1))
    async with cell(server.url, "a", prefix="p", clock=clock_at(NOON - timedelta(days=36))) as before:
        before.put(*old, flag, flying := attempt("flying", at=NOON - WINDOW - timedelta(days=9)))
        await before.flush()
    async with cell(server.url, "b", prefix="p") as ledger:
        new = [settled(attempt(f"new{i}")) for i in range(40)]
        ledger.put(*new)
        await ledger.flush()
        assert await lines_of(ledger, flying) == {line.id: line for line in (*new, flying)}
        client = ledger._commands._wire._client
        for key in ("d:1", "n:+393471234567"):
            left = timedelta(milliseconds=await client.pttl(f"cadenza:{{p}}:{key}"))
            assert WINDOW * 1.09 < left <= WINDOW * 1.11
        ledger.put(FLAG)
        await ledger.flush()
        assert await client.pttl("cadenza:{p}:d:1") == -1  # a flag without an end holds for ever
        ledger.put(replace(FLAG, revision=1, until=NOON))
        await ledger.flush()
        assert timedelta(milliseconds=await client.pttl("cadenza:{p}:d:1")) > WINDOW


async def test_a_line_that_waits_for_years_is_kept(server):
    async with cell(server.url, "a", prefix="p") as ledger:
        until_then = NOON + timedelta(days=4000)
        ledger.put(Flag("f", 0, 1, name="vulnerable", until=until_then))
        await ledger.flush()
        left = timedelta(milliseconds=await ledger._commands._wire._client.pttl("cadenza:{p}:d:1"))
        assert left > timedelta(days=4000)
        ledger.put(Flag("g", 0, 2, name="vulnerable", until=datetime.max.replace(tzinfo=NOON.tzinfo)))
        await ledger.flush()
        assert len((await ledger.read(Subject(2, None))).lines) == 1


async def test_cells_that_name_their_collector_differently_read_the_same(server):
    record = MemoryRecord()
    ours, others = settled(attempt("a1", collector="acme")), settled(attempt("a2", collector="other"))
    other = RedisLedger(server.url, "b", record, clock_at(NOON), prefix="p", house="other", quiet=timedelta())
    async with cell(server.url, "a", record, prefix="p") as mine:
        task = asyncio.create_task(other.run())
        await until(lambda: other.ready)
        await keep(record, mine, ours)
        await keep(record, other, others)
        for ledger in (mine, other):
            assert set((await ledger.read(subject_of(ours))).lines) == {ours, others}
        # and after a loss, whichever of them rebuilds
        before = mine._generation
        await restarted_empty(server, None, mine)
        await until(lambda: mine._generation == other._generation not in ("", before))
        for ledger in (mine, other):
            assert set((await ledger.read(subject_of(ours))).lines) == {ours, others}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await other.close()


async def test_a_master_that_was_demoted_is_away_and_its_return_costs_a_rebuild(server):
    # it runs on, and its data may be those of a master that knew less
    record = MemoryRecord()
    async with cell(server.url, "a", record, prefix="p") as ledger:
        await keep(record, ledger, late := settled(attempt("a1")))
        await command(server.port, "REPLICAOF", "127.0.0.1", "1")
        assert await is_away(ledger, attempt("x"))
        await asyncio.sleep(0.5)
        assert await is_away(ledger, attempt("x"))
        await command(server.port, "REPLICAOF", "NO", "ONE")
        await until(lambda: ledger.ready)
        assert record.passes == 2
        assert set((await ledger.read(subject_of(late))).lines) == {late}
