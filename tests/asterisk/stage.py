"""The stage of the end-to-end tests: a real PBX, real SIP at both ends, the daemon as a process of its own."""

import asyncio
import sys

from dialer import settings
from dialer.cli import report
from dialer.demo.client import Client
from dialer.demo.stage import CAMPAIGN

WAIT_SECONDS = 150.0
"""For what comes at once or within seconds where nobody else uses the machine, and is late elsewhere."""
COMMAND_SECONDS = 200.0


async def dialer(*arguments, env=None):
    """Run a command; its exit code, standard output and standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialer", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
    return process.returncode, out.decode(), err.decode()


async def import_numbers(stage, *numbers):
    """One case for each number."""
    lines = ["creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"]
    lines += [f"Luce;D{n};Name {n};F{n};10,00;{number}" for n, number in enumerate(numbers)]
    file = stage.folder / "cases.csv"
    file.write_text("\n".join(lines))
    code, out, err = await dialer("cases", "import", file, "--campaign", CAMPAIGN, "-c", stage.config)
    assert code == 0, out + err


async def attempts(stage):
    """The record's own lines, as the report has them (no command: it is asked again and again)."""
    lines = await report.read(settings.place(settings.load(stage.config).store))
    return [line.as_json() for line in lines]


async def until(condition, seconds=WAIT_SECONDS):
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            value = condition()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.05)


class Floor:
    """What tests ask of a running daemon."""

    def __init__(self, stage):
        self.stage = stage
        self.client = Client(stage.api_port, stage.token)

    async def __aenter__(self):
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *exc):
        await self.client.__aexit__(*exc)

    async def live(self):
        return await self.client.get("/api/v1/live")

    async def campaign(self):
        return (await self.live())["campaigns"][0]

    async def states(self):
        return [line["state"] for line in (await self.live())["agents"]]

    async def staff(self):
        """Everybody logs in and is ready."""
        for line in (await self.live())["agents"]:
            await self.client.post(f"/api/v1/agents/{line['agent']}/log-in", {"ready": True})

        async def ready():
            return set(await self.states()) == {"ready"}

        await until(ready)

    async def command(self, signal):
        await self.client.post(f"/api/v1/campaigns/{CAMPAIGN}/{signal}")
