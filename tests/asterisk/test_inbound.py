"""Debtors ring us on the real PBX, by ear; and with the engine killed in the middle nothing is lost."""

import asyncio
import signal
import sqlite3

import pytest

from dialer.demo.stage import AGENT_VOICE, CALLER_ID, standing
from dialer.kernel.errors import RefusedError
from dialer.testing.sip import SipEndpoint, pick_up
from tests.asterisk.stage import import_numbers, until
from tests.asterisk.test_by_ear import DEBTOR_VOICE, SPEECH, Ear

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
NUMBERS = ("+393471234567", "+393477654321", "+393471112223")
CAMPAIGN = "ring_timeout_seconds = 20\nauto_ready_after_seconds = 0\ninbound_wait_seconds = 120"


class Callers(Ear):
    """A stage whose public rings us."""

    async def ring(self, number, called=CALLER_ID):
        return await self.network.call(called, ("127.0.0.1", self.stage.sip_port), number)

    def hearing(self):
        """The agents' phones that hear a debtor's voice now, by index."""
        return [
            n for n, phone in enumerate(self.stage.phones) if any(DEBTOR_VOICE in c.heard for c in phone.calls.values())
        ]

    def forget(self):
        for phone in self.stage.phones:
            for call in phone.calls.values():
                call.heard.clear()

    def kept(self):
        """The calls that came in, on record, in their order."""
        with sqlite3.connect(self.stage.folder / "dialer.db") as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute("select * from inbound_calls order by arrived_at")]

    async def talking(self):
        return [line["agent"] for line in (await self.floor.live())["agents"] if line["state"] == "talking"]


async def test_a_caller_hears_one_agent_and_has_the_case_there_and_the_same_agent_again(tmp_path, asterisk_tree):
    async with Callers(tmp_path, asterisk_tree, agents=3, campaign=CAMPAIGN) as house:
        await import_numbers(house.stage, *NUMBERS[:2])
        await house.floor.staff()
        seats = []
        for _ in range(2):
            house.forget()
            call = await house.ring(NUMBERS[0])
            await until(lambda call=call: AGENT_VOICE in call.heard)
            (phone,) = await until(house.hearing)
            (agent,) = await house.talking()
            assert agent == house.stage.phones[phone].name
            card = await house.floor.client.get(f"/api/v1/agents/{agent}/call")
            assert (card["number"], card["case"]["debtor_name"]) == (NUMBERS[0], "Name 0")
            assert (card["inbound"]["called"], card["inbound"]["candidates"]) == (CALLER_ID, [])
            await house.floor.client.post(f"/api/v1/agents/{agent}/outcome", {"code": "refuses"})
            seats.append(agent)
            call.hang_up()
            await until(lambda: not house.hearing() or house.kept()[-1]["ended_at"])

            async def free():
                return set(await house.floor.states()) == {"ready"}

            await until(free)
        assert seats[0] == seats[1]
        assert [(row["result"], row["agent"], row["case_id"]) for row in house.kept()] == [
            ("connected", seats[0], 1)
        ] * 2
        # who withholds the number is asked, and a number that is nobody's is announced
        call = await house.ring("anonymous")
        await until(lambda: AGENT_VOICE in call.heard)
        (agent,) = await house.talking()
        assert (await house.floor.client.get(f"/api/v1/agents/{agent}/call"))["case"] is None
        card = await house.floor.client.post(f"/api/v1/agents/{agent}/caller", {"case": 2})
        assert card["case"]["debtor_name"] == "Name 1"
        await house.floor.client.post(f"/api/v1/agents/{agent}/hang-up")
        await until(call.ended.is_set)
        nobody = await house.ring(NUMBERS[0], called="+390699999999")
        await until(nobody.ended.is_set)
        assert AGENT_VOICE not in nobody.heard
        assert max(level for _, level in nobody.levels) >= SPEECH
        await until(lambda: house.kept()[-1]["result"] == "not_ours")


async def test_only_the_carriers_address_is_the_carrier_whatever_name_a_stranger_gives(tmp_path, asterisk_tree):
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=1) as stage:
        stranger = await SipEndpoint("stranger", pick_up, voice=None, host="127.0.0.2").start_listening()
        carrier = await SipEndpoint("carrier", pick_up, voice=None).start_listening()
        try:
            with pytest.raises(RefusedError, match="401"):
                await stranger.call(CALLER_ID, ("127.0.0.1", stage.sip_port), "trunk")
            assert (await carrier.call(CALLER_ID, ("127.0.0.1", stage.sip_port), "trunk")).answered_at
        finally:
            await stranger.close()
            await carrier.close()


async def test_an_engine_that_is_killed_loses_neither_who_talks_nor_who_waits_nor_who_rings(tmp_path, asterisk_tree):
    async with Callers(tmp_path, asterisk_tree, agents=1, campaign=CAMPAIGN) as house:
        await import_numbers(house.stage, *NUMBERS)
        await house.floor.staff()
        talks = await house.ring(NUMBERS[0])
        await until(lambda: AGENT_VOICE in talks.heard)
        waits = await house.ring(NUMBERS[1])
        await until(lambda: [row["state"] for row in house.kept()] == ["talking", "waiting"])
        house.stage.daemon.send_signal(signal.SIGKILL)
        await house.stage.daemon.wait()
        rings = await house.ring(NUMBERS[2])
        await until(lambda: any(level >= SPEECH for _, level in rings.levels))
        await asyncio.sleep(1)
        await rings.press("1")
        await until(rings.ended.is_set)
        assert not rings.ended_by_us
        frames = talks.frames
        await until(lambda: talks.frames > frames + 50)  # the conversation goes on
        assert not waits.ended.is_set()
        await house.stage.start_daemon()
        assert await house.talking() == ["agent01"]
        await until(lambda: len(house.kept()) == 3 and house.kept()[2]["call_back_due_at"])
        late = house.kept()[2]
        assert (late["number"], late["case_id"], late["result"]) == (NUMBERS[2], 3, "away")
        await house.floor.client.post("/api/v1/agents/agent01/outcome", {"code": "refuses"})
        await house.floor.client.post("/api/v1/agents/agent01/hang-up")
        await until(talks.ended.is_set)
        await until(lambda: AGENT_VOICE in waits.heard)
        card = await house.floor.client.get("/api/v1/agents/agent01/call")
        assert card["case"]["debtor_name"] == "Name 1"
        waits.hang_up()
        await until(lambda: all(row["ended_at"] for row in house.kept()))
        assert [row["result"] for row in house.kept()] == ["connected", "connected", "away"]

        async def forgotten():
            return "dli-" not in await house.stage.pbx.cli("database show")

        await until(forgotten)
