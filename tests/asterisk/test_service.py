"""The daemon as a service manager has it: what it tells, a frozen one, a drain, and an end at once that cuts nobody off."""

import asyncio
import signal

import pytest

from dialer.demo.stage import standing
from dialer.testing.public import Behaviour
from tests.asterisk.stage import Floor, attempts, import_numbers, until
from tests.unit.test_systemd import Listener

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
TALKS = f"+3934700100{Behaviour.PERSON.value.code}"
BUSY = f"+3934700299{Behaviour.BUSY.value.code}"
TICKS = 12
"""More than enough for a free agent to be given a call."""


@pytest.fixture
def manager(tmp_path):
    with Listener(str(tmp_path / "notify")) as listener:
        yield listener


async def test_a_service_tells_how_it_is_drains_at_the_first_signal_and_ends_at_the_second(
    tmp_path, asterisk_tree, monkeypatch, manager
):
    told = []

    def hears(word):
        told.extend(manager.heard())
        return any(word in lines[0] for lines in told)

    async def next_told(word):
        told.clear()
        await until(lambda: hears(word))

    async def talking():
        return sorted(await floor.states()) == ["ready", "talking"]

    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=2) as stage, Floor(stage) as floor:
        # from here on: an Asterisk would tell the manager of itself
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        await import_numbers(stage, TALKS)
        await stage.start_daemon()
        await until(lambda: hears("READY=1"))
        assert told[0] == ["READY=1", "STATUS=0 calls, 0 agents"]
        await floor.staff()
        await floor.command("start")
        await until(talking)
        await next_told("WATCHDOG=1")

        # a frozen loop feeds no watchdog
        stage.daemon.send_signal(signal.SIGSTOP)
        manager.heard()
        await asyncio.sleep(1.5)
        assert manager.heard() == []
        stage.daemon.send_signal(signal.SIGCONT)
        await next_told("WATCHDOG=1")

        # the first signal: an agent is free, and nobody is called
        stage.daemon.send_signal(signal.SIGTERM)
        await next_told("STOPPING=1")
        assert told[-1][1] == "STATUS=1 calls, 2 agents; the daemon is stopping"
        await import_numbers(stage, TALKS, BUSY)
        for _ in range(TICKS):
            await next_told("WATCHDOG=1")
        assert stage.daemon.returncode is None
        assert [line["number"] for line in await attempts(stage)] == [TALKS]

        # the second one: the daemon goes, the talk doesn't
        stage.daemon.send_signal(signal.SIGTERM)
        assert await stage.daemon.wait() == 0
        assert [call.ended.is_set() for phone in stage.phones for call in phone.calls.values()] == [False, False]
        await stage.start_daemon()
        await until(talking)
        await until(lambda: stage_calls(stage, BUSY))

        # the last talker's end is the daemon's
        stage.daemon.send_signal(signal.SIGTERM)
        (talker,) = [line["agent"] for line in (await floor.live())["agents"] if line["state"] == "talking"]
        await floor.client.post(f"/api/v1/agents/{talker}/hang-up")
        assert await stage.daemon.wait() == 0
        results = {line["number"]: line["result"] for line in await attempts(stage)}
        assert results[TALKS] == "connected"
        assert None not in results.values()
        assert "Traceback" not in (stage.folder / "daemon.log").read_text()


async def stage_calls(stage, number):
    return number in [line["number"] for line in await attempts(stage)]
