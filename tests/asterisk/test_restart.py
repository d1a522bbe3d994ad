"""The engine frozen or killed with calls up: whoever answers is treated, everything is counted, and it dials on."""

import asyncio
import signal

import pytest

from dialer.demo import witness
from dialer.demo.stage import standing
from dialer.testing.public import Behaviour
from tests.asterisk.stage import Floor, attempts, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
LEGAL_SECONDS = 3.0
STALL_SECONDS = 1.0  # of the machine that runs the tests; the figure itself is measured by make bench-abandoned


def number(n, behaviour, pace=99):
    return f"+39347{n:03d}{pace:02d}{behaviour.value.code}"


async def cdr(stage):
    """The network's witness: number to (answered seconds, heard a voice)."""
    calls = witness.network_calls(stage.network.read_csv("cdr-custom/network.csv"))
    return {
        f"+{call.key}": (call.ended_at - call.answered_at if call.answered_at else None, call.bridged) for call in calls
    }


async def settled(stage, count):
    lines = await attempts(stage)
    return lines if len(lines) >= count and all(line["ended_at"] for line in lines) else None


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_who_answers_meanwhile_is_treated_within_the_limit_and_counted(tmp_path, asterisk_tree, how):
    """Four debtors ring when the engine stops; two answer, one is busy talking, one never answers."""
    numbers = [
        number(1, Behaviour.PERSON),
        number(2, Behaviour.PERSON_HANGS_UP),
        number(3, Behaviour.PERSON, pace=0),
        number(4, Behaviour.NEVER_ANSWERS),
        number(5, Behaviour.BUSY),
    ]
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=4) as stage, Floor(stage) as floor:
        await import_numbers(stage, *numbers[:4])
        await stage.start_daemon()
        await floor.staff()
        await floor.command("start")

        async def all_up():
            return (await floor.campaign())["calls"] == {"talking": 1, "ringing": 3}

        await until(all_up)
        stage.daemon.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        await until(lambda: answered_and_gone(stage, numbers[:2]))
        if how == "killed":
            await stage.daemon.wait()
            await stage.start_daemon()
        else:
            stage.daemon.send_signal(signal.SIGCONT)

        async def counted():
            lines = {line["number"]: line for line in await attempts(stage)}
            return lines if all(lines[n]["result"] == "abandoned" for n in numbers[:2]) else None

        lines = await until(counted)
        assert all(line["abandoned_at"] for n, line in lines.items() if n in numbers[:2])
        seen = await cdr(stage)
        for n in numbers[:2]:
            lasted, heard = seen[n]
            assert lasted <= LEGAL_SECONDS + STALL_SECONDS
            assert heard is False
        # the conversation went on without the engine, and both its ends are known again
        states = await floor.states()
        assert states.count("talking") == 1
        assert (await floor.campaign())["calls"]["talking"] == 1

        # the marks were counted, then forgotten, and the engine dials on without another command
        async def forgotten():
            return "dialer_abandoned" not in await stage.pbx.cli("database show")

        await until(forgotten)
        await import_numbers(stage, *numbers)
        await until(lambda: stage_has(stage, numbers[4]))
        (talker,) = [line["agent"] for line in (await floor.live())["agents"] if line["state"] == "talking"]
        await floor.client.post(f"/api/v1/agents/{talker}/hang-up")
        lines = {line["number"]: line for line in await until(lambda: settled(stage, 5))}
        assert lines[numbers[2]]["result"] == "connected"
        assert lines[numbers[2]]["agent"] == talker
        assert (await cdr(stage))[numbers[2]][1] is True
        assert len(await cdr(stage)) == 5  # nobody was called twice


async def answered_and_gone(stage, numbers):
    seen = await cdr(stage)
    return all(n in seen for n in numbers)


async def stage_has(stage, n):
    return n in await cdr(stage)


async def test_seats_survive_a_kill_and_no_phone_rings_again(tmp_path, asterisk_tree):
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=3) as stage, Floor(stage) as floor:
        await stage.start_daemon()
        await floor.staff()
        await floor.client.post("/api/v1/agents/agent02/pause", {"reason": "lunch"})
        for _ in range(2):
            await asyncio.sleep(0.5)
            stage.daemon.send_signal(signal.SIGKILL)
            await stage.daemon.wait()
            await stage.start_daemon()
            assert await floor.states() == ["ready", "paused", "ready"]
        assert [len(phone.calls) for phone in stage.phones] == [1, 1, 1]


async def test_an_asterisk_that_restarts_under_the_engine_gets_its_seats_back(tmp_path, asterisk_tree):
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=2) as stage, Floor(stage) as floor:
        await import_numbers(stage, number(1, Behaviour.PERSON, pace=0), number(2, Behaviour.NEVER_ANSWERS))
        await stage.start_daemon()
        await floor.staff()
        await floor.command("start")

        async def both_up():
            return (await floor.campaign())["calls"] == {"talking": 1, "ringing": 1}

        await until(both_up)
        stage.pbx.kill()
        await stage.pbx.process.wait()

        async def noticed():
            return not (await floor.client.get("/readyz"))["ready"]

        await until(noticed)
        await stage.pbx.start()
        for phone, password in zip(stage.phones, stage.passwords, strict=True):
            await phone.register(("127.0.0.1", stage.sip_port), password)

        async def seated():
            return set(await floor.states()) <= {"ready", "wrapping"}

        await until(seated)
        lines = {line["number"]: line["result"] for line in await until(lambda: settled(stage, 2))}
        assert lines == {
            number(1, Behaviour.PERSON, pace=0): "connected",
            number(2, Behaviour.NEVER_ANSWERS): "unknown",
        }
