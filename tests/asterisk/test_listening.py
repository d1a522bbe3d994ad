"""A supervisor on an agent's line, by ear: who hears whom in each mode, from call to call, with the engine killed."""

import json
import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

import pytest

from dialer.demo.stage import AGENT_VOICE, CAMPAIGN, Trunk, standing
from dialer.testing.sip import SipEndpoint
from tests.asterisk.stage import Floor, attempts, dialer, import_numbers, until
from tests.asterisk.test_by_ear import Public

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]
# steady tones whose amplitudes are 1, 2 and 4 units: what is heard of several is their sum, and tells which they are
UNIT = 2880
DEBTOR, SUPERVISOR, AGENT = 1, 2, 4
DEBTOR_VOICE, SUPERVISOR_VOICE = 0x13, 0x03
FRAMES = 15
BASIS = "agreement with the works council"


def heard(call):
    """Who is heard now, as the sum of their units; None while that isn't steady."""
    last = [level for at, level in call.levels[-FRAMES:] if at > time.time() - 2 * FRAMES * 0.02]
    if len(last) < FRAMES or max(last) - min(last) > UNIT / 4:
        return None
    return round(median(last) / UNIT)


class Room:
    """One agent, one supervisor, and debtors who talk until they are hung up on."""

    def __init__(self, stage, public):
        self.stage, self.public = stage, public
        self.agent, self.supervisor = stage.phones
        self.floor = None

    async def listen(self, mode):
        await self.floor.client.post("/api/v1/supervisors/agent02/listen", {"agent": "agent01", "mode": mode})

    async def mode(self, mode):
        await self.floor.client.post("/api/v1/supervisors/agent02/mode", {"mode": mode})

    async def hears(self, *, agent, debtor, supervisor=None):
        """Wait until each of them hears these, and nobody else."""
        wanted = {"agent": agent, "debtor": debtor} | ({} if supervisor is None else {"supervisor": supervisor})

        def now():
            nonlocal found
            lines = {"agent": self.agent, "supervisor": self.supervisor}
            calls = {name: next(iter(lines[name].talking), None) for name in lines.keys() & wanted.keys()}
            calls["debtor"] = next((call for call in self.public.calls if not call.ended.is_set()), None)
            found = {name: call and heard(call) for name, call in calls.items()}
            return found == wanted

        found = {}
        try:
            await until(now, 20)
        except TimeoutError:
            pytest.fail(f"heard {found}, not {wanted}")

    async def log(self):
        code, out, err = await dialer("listen", "log", "--json", "-c", self.stage.config)
        assert code == 0, out + err
        return json.loads(out)["listenings"]


@asynccontextmanager
async def room(tmp_path, tree):
    async with AsyncExitStack() as stack:
        public = Public()
        network = SipEndpoint("network", public.answer, voice=DEBTOR_VOICE, measures=True)
        await network.start_listening()
        stack.push_async_callback(network.close)
        stage = await stack.enter_async_context(
            standing(
                tmp_path / "stage",
                tree=tree,
                agents=2,
                trunk=Trunk("127.0.0.1", network.port),
                sections=f'[supervision]\nbasis = "{BASIS}"',
            )
        )
        text = stage.config.read_text().replace('name = "agent02"', 'name = "agent02"\nsupervisor = true')
        stage.config.write_text(text)
        for phone, voice in zip(stage.phones, (AGENT_VOICE, SUPERVISOR_VOICE), strict=True):
            phone.voice, phone.measures = voice, True
        await stage.start_daemon()
        it = Room(stage, public)
        it.floor = await stack.enter_async_context(Floor(stage))
        await it.floor.client.post("/api/v1/agents/agent01/log-in", {"ready": True})
        await it.floor.client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
        yield it


async def test_who_hears_whom_in_each_mode_from_call_to_call_and_with_the_engine_killed(tmp_path, asterisk_tree):
    async with room(tmp_path, asterisk_tree) as it:
        await import_numbers(it.stage, "+393471234567", "+393471234568")
        await it.hears(agent=DEBTOR, debtor=AGENT)
        await it.listen("listen")
        await it.hears(agent=DEBTOR, debtor=AGENT, supervisor=DEBTOR + AGENT)
        await it.mode("whisper")
        await it.hears(agent=DEBTOR + SUPERVISOR, debtor=AGENT, supervisor=DEBTOR + AGENT)
        await it.mode("barge")
        await it.hears(agent=DEBTOR + SUPERVISOR, debtor=AGENT + SUPERVISOR, supervisor=DEBTOR + AGENT)

        it.stage.daemon.send_signal(signal.SIGKILL)
        await it.stage.daemon.wait()
        await it.hears(agent=DEBTOR + SUPERVISOR, debtor=AGENT + SUPERVISOR, supervisor=DEBTOR + AGENT)
        await it.stage.start_daemon()
        await it.hears(agent=DEBTOR + SUPERVISOR, debtor=AGENT + SUPERVISOR, supervisor=DEBTOR + AGENT)
        (line, _) = (await it.floor.live())["agents"]
        assert (line["state"], line["heard_by"]) == ("talking", ["agent02 (barge)"])

        (first,) = it.public.calls
        first.hang_up()
        await until(lambda: in_state(it, "wrapping"))
        await it.floor.client.post("/api/v1/agents/agent01/outcome", {"code": "refuses", "note": ""})
        await it.floor.client.post("/api/v1/agents/agent01/wrapped")
        await until(
            lambda: len(it.public.calls) == 2
        )  # the next debtor hears the agent alone: a barge ends with its call
        await it.hears(agent=DEBTOR, debtor=AGENT, supervisor=DEBTOR + AGENT)
        second = it.public.calls[1]
        assert not any(round(level / UNIT) & SUPERVISOR for _, level in second.levels)

        (leg,) = it.supervisor.talking
        leg.hang_up()  # the agent's call isn't touched
        await it.hears(agent=DEBTOR, debtor=AGENT)
        assert await in_state(it, "talking")
        await until(lambda: ended(it))
        (one,) = await it.log()
        assert (one["supervisor"], one["agent"], one["basis"]) == ("agent02", "agent01", BASIS)
        assert [turn["mode"] for turn in one["turns"]] == ["listen", "whisper", "barge", "listen"]
        assert all(turn["asked_at"] <= turn["on_at"] < one["ended_at"] for turn in one["turns"])
        assert one["ended"] == "seen"
        await it.floor.client.post("/api/v1/agents/agent01/hang-up")
        await until(second.ended.is_set)
        results = [line["result"] for line in await until(lambda: all_ended(it.stage))]
        assert results == ["connected", "connected"]


async def test_a_listening_that_ends_while_the_engine_is_dead_is_ended_by_the_next_one(tmp_path, asterisk_tree):
    async with room(tmp_path, asterisk_tree) as it:
        await until(lambda: in_state(it, "ready"))
        await it.listen("whisper")
        await until(lambda: [call for call in it.agent.talking if heard(call) == SUPERVISOR])
        it.stage.daemon.send_signal(signal.SIGKILL)
        await it.stage.daemon.wait()
        (leg,) = it.supervisor.talking
        for key in "1*":  # no key leads to another seat: the one that looks for one ends the leg
            await leg.press(key)
        await until(leg.ended.is_set)
        assert not leg.ended_by_us
        await it.stage.start_daemon()
        (one,) = await until(lambda: ended(it))
        assert [turn["mode"] for turn in one["turns"]] == ["whisper"]
        assert one["ended"] == "found"
        (line, _) = (await it.floor.live())["agents"]
        assert (line["state"], line["heard_by"]) == ("ready", [])


async def in_state(it, state):
    return (await it.floor.live())["agents"][0]["state"] == state


async def ended(it):
    lines = (await it.floor.client.get("/api/v1/listenings"))["listenings"]
    return lines if lines[0]["ended_at"] else None


async def all_ended(stage):
    lines = await attempts(stage)
    return lines if len(lines) == 2 and all(line["ended_at"] for line in lines) else None
