"""Reserved calls on the real PBX: the agent who was held gets the debtor, and without one nobody is left to answer."""

import pytest

from dialer.demo.stage import standing
from dialer.testing.public import Behaviour
from tests.asterisk.stage import Floor, attempts, import_numbers, until
from tests.asterisk.test_restart import cdr, number, settled

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
RESERVED = 'ring_timeout_seconds = 20\nmode = "reserved"'


async def agents(floor):
    return {line["agent"]: line for line in (await floor.live())["agents"]}


async def ringing(floor):
    """Who is held for the call that rings."""
    if (await floor.campaign())["calls"].get("ringing") != 1:
        return None
    return next((name for name, line in (await agents(floor)).items() if line["state"] == "reserved"), None)


async def test_the_held_agent_is_replaced_talks_at_once_and_without_one_the_call_is_hung_up(tmp_path, asterisk_tree):
    served, hung_up = number(1, Behaviour.PERSON), number(2, Behaviour.PERSON)
    async with (
        standing(tmp_path / "stage", tree=asterisk_tree, agents=2, campaign=RESERVED) as stage,
        Floor(stage) as floor,
    ):
        await import_numbers(stage, served)
        await stage.start_daemon()
        await floor.staff()
        await floor.command("start")
        first = await until(lambda: ringing(floor))
        await floor.client.post(f"/api/v1/agents/{first}/pause", {"reason": "coffee"})
        second = await ringing(floor)
        assert second not in (None, first)
        assert (await agents(floor))[first]["state"] == "paused"

        async def talking():
            return (await agents(floor))[second]["state"] == "talking"

        await until(talking)
        await import_numbers(stage, served, hung_up)
        await floor.client.post(f"/api/v1/agents/{first}/ready")
        assert await until(lambda: ringing(floor)) == first
        await floor.client.post(f"/api/v1/agents/{first}/pause", {"reason": "coffee"})

        async def gone():
            lines = {line["number"]: line for line in await attempts(stage)}
            return lines.get(hung_up, {}).get("ended_at")

        await until(gone)
        await floor.client.post(f"/api/v1/agents/{second}/hang-up")
        lines = {line["number"]: line for line in await until(lambda: settled(stage, 2))}
        assert (lines[served]["result"], lines[served]["agent"]) == ("connected", second)
        assert lines[hung_up]["result"] == "no_answer"
        seen = await cdr(stage)
        assert seen[served][1] is True
        assert seen[hung_up][0] is None  # the network saw it end unanswered
