"""A call that goes on with another agent, by ear: warm, blind, and with the engine killed in the middle."""

import pytest

from dialer.demo.stage import CALLER_ID, CAMPAIGN
from tests.asterisk.room import AGENT, DEBTOR, OTHER, room
from tests.asterisk.stage import attempts, dialer, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(400)]
NOBODY = 0
HOLD_SECONDS = 45


async def both(it, *, came_in=False):
    """The first agent talks, the second one is ready."""
    if came_in:
        await it.ask(f"campaigns/{CAMPAIGN}/pause")
    await import_numbers(it.stage, "+393471234567")
    if came_in:
        pbx = ("127.0.0.1", it.stage.sip_port)
        it.public.calls.append(await it.network.call(CALLER_ID, pbx, "+393471234567"))
    await it.hears(agent=DEBTOR, debtor=AGENT)
    await it.ask("agents/agent02/log-in", {"ready": True})
    await until(lambda: are(it, "talking", "ready"))


async def are(it, *states):
    return await it.states() == list(states)


async def warm(it):
    await it.ask("agents/agent01/transfer", {"to": "agent02"})
    await it.hears(agent=OTHER, debtor=NOBODY, other=AGENT)


async def test_two_agents_speak_first_and_a_dead_engine_loses_nobody(tmp_path, asterisk_tree):
    async with room(tmp_path, asterisk_tree) as it:
        await both(it)
        await warm(it)
        await it.kill()  # the dialplan brings the debtor back
        await it.hears(agent=DEBTOR, debtor=AGENT, other=NOBODY, seconds=HOLD_SECONDS + 20)
        await it.stage.start_daemon()
        await until(lambda: are(it, "talking", "ready"))

        await warm(it)
        await it.ask("agents/agent01/take-back")
        await it.hears(agent=DEBTOR, debtor=AGENT, other=NOBODY)
        await until(lambda: are(it, "talking", "ready"))

        await warm(it)
        await it.ask("agents/agent01/hand-over")
        await it.hears(agent=NOBODY, debtor=OTHER, other=DEBTOR)
        await until(lambda: are(it, "wrapping", "talking"))
        await it.kill()
        await it.hears(agent=NOBODY, debtor=OTHER, other=DEBTOR)
        await it.stage.start_daemon()
        await it.hears(agent=NOBODY, debtor=OTHER, other=DEBTOR)
        assert (await it.states())[1] == "talking"

        await it.ask("agents/agent02/hang-up")
        (call,) = it.public.calls
        await until(call.ended.is_set)
        await until(lambda: wraps(it))
        await it.ask("agents/agent02/outcome", {"code": "refuses", "note": ""})
        (line,) = await until(lambda: ended(it.stage))
        assert (line["agent"], line["result"], line["outcome"]) == ("agent02", "connected", "refuses")
        code, out, err = await dialer("case", "show", "1", "-c", it.stage.config)
        assert code == 0, err
        assert "handed over from agent01 to agent02" in " ".join(out.split())


async def test_who_rang_us_goes_on_with_another_agent_and_a_restart_finds_the_caller_on_hold(tmp_path, asterisk_tree):
    async with room(tmp_path, asterisk_tree) as it:
        await both(it, came_in=True)
        await warm(it)
        await it.kill()
        await it.stage.start_daemon()  # which takes the debtor back at once
        await it.hears(agent=DEBTOR, debtor=AGENT, other=NOBODY)
        await until(lambda: are(it, "talking", "ready"))
        await it.ask("agents/agent01/transfer", {"to": "agent02", "warm": False})
        await it.hears(agent=NOBODY, debtor=OTHER, other=DEBTOR)
        await until(lambda: are(it, "wrapping", "talking"))
        card = await it.floor.client.get("/api/v1/agents/agent02/call")
        assert (card["case"]["id"], card["inbound"]["called"]) == (1, CALLER_ID)
        (call,) = it.public.calls
        call.hang_up()
        await until(lambda: are(it, "wrapping", "wrapping"))
        await it.ask("agents/agent01/wrapped")
        await until(lambda: are(it, "ready", "wrapping"))


async def wraps(it):
    return (await it.states())[1] == "wrapping"


async def ended(stage):
    lines = await attempts(stage)
    return lines if lines and all(line["ended_at"] and line["outcome"] for line in lines) else None
