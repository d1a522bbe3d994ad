"""A campaign on the real PBX whose configuration changes again and again while calls are up."""

import re
import signal
from collections import Counter

import aiohttp
import pytest

from dialer.demo.stage import standing
from dialer.testing.public import Behaviour, behaviour_of
from tests.asterisk.stage import Floor, attempts, dialer, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(300)]
CAMPAIGN = "ring_timeout_seconds = 20\nauto_ready_after_seconds = 0"


def behaviour(n):
    """The first ones ring long, so that calls are up while the file changes."""
    if n < 8:
        return Behaviour.NEVER_ANSWERS
    return Behaviour.BUSY if n % 3 else Behaviour.PERSON_HANGS_UP


NUMBERS = [f"+39347{n:03d}{n:02d}{behaviour(n).value.code}" for n in range(44)]


class Operator:
    """Whoever edits the file, and looks at what comes of it."""

    def __init__(self, stage, client):
        self.stage, self.client = stage, client
        self.reloads = Counter()

    def edit(self, pattern, new):
        text = self.stage.config.read_text()
        edited = re.sub(pattern, new, text, count=1)
        assert edited != text
        self.stage.config.write_text(edited)

    async def metrics(self):
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.stage.api_port}/metrics") as response,
        ):
            lines = (await response.text()).splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))

    async def shows(self, metric, value):
        async def shown():
            return float((await self.metrics())[metric]) == value

        await until(shown)

    async def reload(self):
        """At once, before the daemon itself looks at the file."""
        return await self.client.post("/api/v1/reloads?by=anna")

    async def counted(self, result):
        """One more reload has ended so."""
        self.reloads[result] += 1
        await self.shows(f'dialer_config_reloads_total{{result="{result}"}}', self.reloads[result])


async def test_ten_reloads_one_of_them_broken_and_a_tune_while_calls_are_up(tmp_path, asterisk_tree):
    async with (
        standing(tmp_path / "stage", tree=asterisk_tree, agents=4, campaign=CAMPAIGN) as stage,
        Floor(stage) as floor,
    ):
        operator = Operator(stage, floor.client)
        await import_numbers(stage, *NUMBERS)
        daemon = await dialing(stage, floor)
        code, out, err = await dialer("tune", "demo", "trunk.channels=1", "--yes", "-c", stage.config, "--by", "anna")
        assert (code, out.splitlines()[0]) == (0, "trunk.channels: 60 → 1"), out + err
        await operator.shows('dialer_pacing_limit_info{campaign="demo",limit="channels"}', 1)
        await operator.counted("applied")
        for n in range(4):  # the file alone
            operator.edit(r"channels = \d+", f"channels = {51 + n}")
            await operator.shows('dialer_trunk_channels{trunk="trunk"}', 51 + n)
            await operator.counted("applied")
        for n in range(4):
            operator.edit(r"ring_timeout_seconds = \d+", f"ring_timeout_seconds = {21 + n}")
            daemon.send_signal(signal.SIGHUP)
            await operator.counted("applied")
        operator.edit("channels = 54", "channels = many")
        told = await operator.reload()
        assert (told["result"], told["by"]) == ("refused", "anna")
        line = stage.config.read_text().splitlines().index("channels = many") + 1
        assert f"dialer.toml:{line}: not TOML" in told["why"]
        await operator.counted("refused")
        assert (await operator.metrics())["dialer_config_last_reload_successful"] == "0.0"
        assert (await operator.metrics())['dialer_trunk_channels{trunk="trunk"}'] == "54.0"
        operator.edit("channels = many", "channels = 54")
        operator.edit("ring_timeout_seconds = 24", 'ring_timeout_seconds = 24\nmode = "predictive"')
        told = await operator.reload()
        assert [change["key"] for change in told["changed"]] == ["campaigns.demo.mode"]
        await operator.counted("applied")
        assert (await floor.client.get("/api/v1/campaigns/demo/tune"))["mode"] == "predictive"

        async def over():
            lines = await attempts(stage)
            return lines if len(lines) >= len(NUMBERS) and all(line["ended_at"] for line in lines) else None

        lines = await until(over, 200)
        assert Counter(line["number"] for line in lines) == Counter(NUMBERS)
        for line in lines:
            assert line["result"] in behaviour_of(line["number"]).value.results
        answered = [line for line in lines if behaviour_of(line["number"]) is Behaviour.PERSON_HANGS_UP]
        assert all(line["bridged_at"] for line in answered), "a call was lost"
        code, out, _ = await dialer("reload", "-c", stage.config, "--past", "20")
        assert code == 0
        told = re.findall(r"^\S+ by (\w+): (\w+)", out, re.MULTILINE)
        assert Counter(result for _, result in told) == {"applied": 10, "refused": 1}
        assert {who for who, _ in told} == {"file", "signal", "anna"}


async def dialing(stage, floor):
    """The daemon, with calls under way."""
    await stage.start_daemon()
    await floor.staff()
    await floor.command("start")

    async def under_way():
        return sum((await floor.campaign())["calls"].values())

    await until(under_way)
    return stage.daemon
