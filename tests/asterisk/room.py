"""Two phones and a debtor who know whom they hear."""

import signal
import time
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median

import pytest

from dialer.demo.stage import AGENT_VOICE, CAMPAIGN, Trunk, standing
from dialer.testing.sip import SipEndpoint
from tests.asterisk.stage import Floor, until
from tests.asterisk.test_by_ear import Public

# steady tones whose amplitudes are 1, 2 and 4 units: what is heard of several is their sum, and tells which they are
UNIT = 2880
DEBTOR, OTHER, AGENT = 1, 2, 4
DEBTOR_VOICE, OTHER_VOICE = 0x13, 0x03
FRAMES = 15
STEADY_FRAMES = 11
"""A busy machine mixes some frames late: there one of the voices is missing."""
FRESH_SECONDS = 1.0
OFFICE = "+390612340010"
BASIS = "agreement with the works council"


def heard(call):
    """Who is heard now, as the sum of their units; None while that isn't steady."""
    last = [level for at, level in call.levels[-FRAMES:] if at > time.time() - FRESH_SECONDS]
    middle = median(last) if len(last) == FRAMES else 0.0
    alike = sum(abs(level - middle) < UNIT / 4 for level in last)
    return round(middle / UNIT) if alike >= STEADY_FRAMES else None


class Room:
    """One agent, one supervisor, and debtors who talk until they are hung up on."""

    def __init__(self, stage, public, network, office):
        self.stage, self.public, self.network, self.office = stage, public, network, office
        self.agent, self.other = stage.phones
        self.floor = None

    async def ask(self, path, body=None):
        return await self.floor.client.post(f"/api/v1/{path}", body)

    async def states(self):
        return [line["state"] for line in (await self.floor.live())["agents"]]

    async def kill(self):
        self.stage.daemon.send_signal(signal.SIGKILL)
        await self.stage.daemon.wait()

    async def hears(self, *, agent, debtor, other=None, office=None, seconds=60):
        """Wait until each of them hears these, and nobody else."""
        wanted = {"agent": agent, "debtor": debtor, "other": other, "office": office}
        wanted = {name: units for name, units in wanted.items() if units is not None}

        def now():
            nonlocal found
            lines = {"agent": self.agent, "other": self.other}
            calls = {name: next(iter(lines[name].talking), None) for name in lines.keys() & wanted.keys()}
            calls["debtor"] = next((call for call in self.public.calls if not call.ended.is_set()), None)
            if office is not None:
                calls["office"] = next((call for call in self.office if not call.ended.is_set()), None)
            found = {name: call and heard(call) for name, call in calls.items()}
            return found == wanted

        found = {}
        try:
            await until(now, seconds)
        except TimeoutError:
            pytest.fail(f"heard {found}, not {wanted}")


@asynccontextmanager
async def room(tmp_path, tree):
    async with AsyncExitStack() as stack:
        public, office = Public(), []

        async def answer(call):
            if call.number != OFFICE:
                await public.answer(call)
                return
            office.append(call)
            call.voice = OTHER_VOICE
            await call.answer()

        network = SipEndpoint("network", answer, voice=DEBTOR_VOICE, measures=True)
        await network.start_listening()
        stack.push_async_callback(network.close)
        stage = await stack.enter_async_context(
            standing(
                tmp_path / "stage",
                tree=tree,
                agents=2,
                trunk=Trunk("127.0.0.1", network.port),
                sections=f'[supervision]\nbasis = "{BASIS}"\n[[campaigns.{CAMPAIGN}.destinations]]\n'
                f'name = "office"\nlabel = "the creditor\'s office"\nnumber = "{OFFICE}"',
            )
        )
        text = stage.config.read_text().replace('name = "agent02"', 'name = "agent02"\nsupervisor = true')
        stage.config.write_text(text)
        for phone, voice in zip(stage.phones, (AGENT_VOICE, OTHER_VOICE), strict=True):
            phone.voice, phone.measures = voice, True
        await stage.start_daemon()
        it = Room(stage, public, network, office)
        it.floor = await stack.enter_async_context(Floor(stage))
        await it.ask("agents/agent01/log-in", {"ready": True})
        await it.floor.client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
        yield it
