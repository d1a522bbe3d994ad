"""A supervisor on an agent's line, by ear: who hears whom in each mode, from call to call, with the engine killed."""

import json

import pytest

from tests.asterisk.room import AGENT, BASIS, DEBTOR, OTHER, UNIT, heard, room
from tests.asterisk.stage import attempts, dialer, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]


async def test_who_hears_whom_in_each_mode_from_call_to_call_and_with_the_engine_killed(tmp_path, asterisk_tree):
    async with room(tmp_path, asterisk_tree) as it:
        await import_numbers(it.stage, "+393471234567", "+393471234568")
        await it.hears(agent=DEBTOR, debtor=AGENT)
        await listen(it, "listen")
        await it.hears(agent=DEBTOR, debtor=AGENT, other=DEBTOR + AGENT)
        await it.ask("supervisors/agent02/mode", {"mode": "whisper"})
        await it.hears(agent=DEBTOR + OTHER, debtor=AGENT, other=DEBTOR + AGENT)
        await it.ask("supervisors/agent02/mode", {"mode": "barge"})
        await it.hears(agent=DEBTOR + OTHER, debtor=AGENT + OTHER, other=DEBTOR + AGENT)

        await it.kill()
        await it.hears(agent=DEBTOR + OTHER, debtor=AGENT + OTHER, other=DEBTOR + AGENT)
        await it.stage.start_daemon()
        await it.hears(agent=DEBTOR + OTHER, debtor=AGENT + OTHER, other=DEBTOR + AGENT)
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
        await it.hears(agent=DEBTOR, debtor=AGENT, other=DEBTOR + AGENT)
        second = it.public.calls[1]
        assert not any(round(level / UNIT) & OTHER for _, level in second.levels)

        (leg,) = it.other.talking
        leg.hang_up()  # the agent's call isn't touched
        await it.hears(agent=DEBTOR, debtor=AGENT)
        assert await in_state(it, "talking")
        await until(lambda: ended(it))
        (one,) = await log(it)
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
        await listen(it, "whisper")
        await until(lambda: [call for call in it.agent.talking if heard(call) == OTHER])
        await it.kill()
        (leg,) = it.other.talking
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


async def listen(it, mode):
    await it.ask("supervisors/agent02/listen", {"agent": "agent01", "mode": mode})


async def log(it):
    code, out, err = await dialer("listen", "log", "--json", "-c", it.stage.config)
    assert code == 0, out + err
    return json.loads(out)["listenings"]


async def in_state(it, state):
    return (await it.floor.live())["agents"][0]["state"] == state


async def ended(it):
    lines = (await it.floor.client.get("/api/v1/listenings"))["listenings"]
    return lines if lines[0]["ended_at"] else None


async def all_ended(stage):
    lines = await attempts(stage)
    return lines if len(lines) == 2 and all(line["ended_at"] for line in lines) else None
