"""What the debtor hears, measured by SIP endpoints that know whom they hear."""

import asyncio
import sqlite3

import pytest

from dialer.demo.stage import AGENT_VOICE, Trunk, standing
from dialer.testing.sip import SipEndpoint
from tests.asterisk.stage import Floor, attempts, import_numbers, until

pytestmark = pytest.mark.asterisk
DEBTOR_VOICE = 0x2A
NUMBER = "+393471234567"
# mean amplitudes of a frame: comfort noise is quiet and never silent, speech is loud
NOISE, SPEECH = (12, 400), 800
STALL_SECONDS = 1.0  # of the machine that runs the tests; the figure itself is measured by make bench-abandoned
LEGAL_SECONDS = {"it-unirec": 3.0, "us-tsr": 2.0}


class Public:
    """Debtors: each answers, listens, and keeps what it heard."""

    def __init__(self, ring_seconds=0.3):
        self.ring_seconds = ring_seconds
        self.calls = []
        self.press = None

    async def answer(self, call):
        self.calls.append(call)
        call.ring()
        await asyncio.sleep(self.ring_seconds)
        await call.answer()
        if self.press:
            await asyncio.sleep(3.0)
            await call.press(self.press)


class Ear:
    """A stage whose trunk leads to our own debtors."""

    def __init__(self, tmp_path, tree, voice=DEBTOR_VOICE, **settings):
        self.public, self.voice = Public(), voice
        self.settings = {"folder": tmp_path / "stage", "tree": tree, "agents": 1} | settings

    async def __aenter__(self):
        self.network = await SipEndpoint(
            "network", self.public.answer, voice=self.voice, measures=True
        ).start_listening()
        self.standing = standing(trunk=Trunk("127.0.0.1", self.network.port), **self.settings)
        self.stage = await self.standing.__aenter__()
        await self.stage.start_daemon()
        self.floor = await Floor(self.stage).__aenter__()
        return self

    async def __aexit__(self, *exc):
        await self.floor.__aexit__(*exc)
        await self.standing.__aexit__(*exc)
        await self.network.close()

    async def one_call(self, number=NUMBER):
        await import_numbers(self.stage, number)
        await self.floor.staff()
        await self.floor.command("start")
        return await until(lambda: next((call for call in self.public.calls if call.answered_at), None))


async def test_debtor_and_agent_hear_each_other_and_nobody_else(tmp_path, asterisk_tree):
    async with Ear(tmp_path, asterisk_tree, agents=2) as ear:
        call = await ear.one_call()
        await until(lambda: AGENT_VOICE in call.heard)
        phone = await until(
            lambda: next((p for p in ear.stage.phones if any(DEBTOR_VOICE in c.heard for c in p.calls.values())), None)
        )
        others = [c for p in ear.stage.phones if p is not phone for c in p.calls.values()]
        assert not any(DEBTOR_VOICE in c.heard for c in others)
        assert call.number == NUMBER
        assert "+390694801234" in call.invite.get("from")
        (line,) = [line for line in (await ear.floor.live())["agents"] if line["state"] == "talking"]
        card = await ear.floor.client.get(f"/api/v1/agents/{line['agent']}/call")
        assert (card["number"], card["case"]["debtor_name"]) == (NUMBER, "Name 0")
        await ear.floor.client.post(f"/api/v1/agents/{line['agent']}/hang-up")
        await until(call.ended.is_set)
        assert not call.ended_by_us


@pytest.mark.parametrize("pack", ["it-unirec", "us-tsr", "us-tsr with a broken script"])
async def test_an_answer_that_nobody_takes_is_treated_as_the_law_demands(tmp_path, asterisk_tree, pack):
    """Italy: comfort noise from the answer on, the leg down by 3.0 s, no message. US: a message within 2 s, and its
    key stops the calls."""
    pack, _, broken = pack.partition(" ")
    async with Ear(tmp_path, asterisk_tree, packs=(pack,)) as ear:
        if broken:  # the dialplan keeps the opt-out by itself
            (ear.stage.folder / "pbx/agi/dialer-opt-out").write_text("#!/bin/sh\nexit 1\n")
        ear.public.press = "9" if pack == "us-tsr" else None
        ear.public.ring_seconds = 2.0
        await import_numbers(ear.stage, NUMBER)
        await ear.floor.staff()
        await ear.floor.command("start")
        await until(lambda: ear.public.calls)
        await ear.floor.client.post("/api/v1/agents/agent01/pause", {"reason": "coffee"})
        (call,) = ear.public.calls
        await until(call.ended.is_set)
        assert AGENT_VOICE not in call.heard
        assert not call.ended_by_us
        (line,) = await until(lambda: ended(ear.stage))
        assert line["result"] == "abandoned"
        noise = [at - call.answered_at for at, level in call.levels if NOISE[0] < level < NOISE[1]]
        speech = [at - call.answered_at for at, level in call.levels if level >= SPEECH]
        if pack == "it-unirec":
            assert call.ended_at - call.answered_at <= LEGAL_SECONDS[pack] + STALL_SECONDS
            assert min(noise) < 0.5 + STALL_SECONDS
            assert max(noise) > 2.4
            assert speech == []
        else:
            assert min(speech) <= LEGAL_SECONDS[pack] + STALL_SECONDS
            assert min(noise) > 1.5  # the pauses of the message
            assert await until(lambda: forbidden(ear.stage)) == [NUMBER]
            await until(lambda: no_marks(ear.stage))


async def ended(stage):
    lines = await attempts(stage)
    return lines if lines and all(line["ended_at"] for line in lines) else None


async def forbidden(stage):
    with sqlite3.connect(stage.folder / "dialer.db") as database:
        return [number for (number,) in database.execute("select number from ledger where kind = 'flag'")]


async def no_marks(stage):
    """The engine has counted them and told the PBX to forget them."""
    return "dialer_" not in await stage.pbx.cli("database show")
