"""What both benchmarks stand on: one PBX, endpoints in another process, the daemon, and a look at their CPU."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dialer import settings
from dialer.cases import importing
from dialer.cli.cases import add
from dialer.demo.client import Client
from dialer.demo.stage import CALLER_ID, CAMPAIGN, tuesday_morning
from dialer.kernel.percentiles import percentiles
from dialer.testing import asterisk
from dialer.testing.asterisk import AsteriskProcess, Phone

TREE = Path(os.environ.get("DIALER_ASTERISK", ".cache/asterisk")).resolve()


@dataclass
class Lab:
    """A PBX with registered phones; its trunk leads to `network_port`."""

    folder: Path
    pbx: AsteriskProcess
    phones: list[Phone]
    sip_port: int
    ami_port: int
    secret: str
    endpoints: asyncio.subprocess.Process

    async def ears(self) -> list[dict[str, Any]]:
        """End the endpoints; what each debtor heard."""
        assert self.endpoints.stdin
        assert self.endpoints.stdout
        self.endpoints.stdin.close()
        ears: list[dict[str, Any]] = json.loads(await self.endpoints.stdout.readline())
        await self.endpoints.wait()
        return ears

    def waits(self, since: int = 0) -> list[float]:
        """Seconds from answer to bridge of each trunk leg, by the PBX's own clock; rows of its log from `since` on."""
        legs: dict[str, dict[str, float]] = {}
        for leg, kind, at in self.rows()[since:]:
            if leg.startswith("dla-"):
                legs.setdefault(leg, {}).setdefault(kind, float(at))
        return sorted(
            seen["BRIDGE_ENTER"] - seen["ANSWER"]
            for seen in legs.values()
            if "BRIDGE_ENTER" in seen and "ANSWER" in seen
        )

    def rows(self) -> list[list[str]]:
        return self.pbx.read_csv("cel-custom/legs.csv")


@asynccontextmanager
async def standing(
    name: str, phones: int, *, network_port: int | None = None, talk_seconds: float = 2.0, frame_seconds: float = 0.02
) -> AsyncIterator[Lab]:
    """Set it up. Without `network_port` the trunk leads to debtors among the endpoints."""
    folder = Path("build") / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder = folder.resolve()
    accounts = [Phone(f"agent{n:03d}", secrets.token_hex(8)) for n in range(1, phones + 1)]
    sip_port, ami_port = asterisk.free_port(), asterisk.free_port(socket.SOCK_STREAM)
    secret = secrets.token_hex(16)
    # the endpoints choose the debtors' port, which the PBX must know first: so it is held for them
    trunk_port = network_port or asterisk.free_port()
    pbx = asterisk.pbx(
        folder / "pbx", TREE, sip_port=sip_port, ami_port=ami_port, secret=secret, trunk_host="127.0.0.1",
        trunk_port=trunk_port, phones=accounts,
    )  # fmt: skip
    pbx.write()
    await pbx.start()
    order = {
        "sip_port": sip_port, "network_port": 0 if network_port else trunk_port, "talk_seconds": talk_seconds,
        "frame_seconds": frame_seconds, "phones": [(phone.name, phone.password) for phone in accounts],
    }  # fmt: skip
    endpoints = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.endpoints", json.dumps(order),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26,
    )  # fmt: skip
    try:
        assert endpoints.stdout
        if not await endpoints.stdout.readline():
            sys.exit("the endpoints didn't come up")
        yield Lab(folder, pbx, accounts, sip_port, ami_port, secret, endpoints)
    finally:
        if endpoints.returncode is None:
            endpoints.kill()
            await endpoints.wait()
        await pbx.stop()


@asynccontextmanager
async def daemon(lab: Lab, numbers: list[str], calls_per_second: float) -> AsyncIterator[tuple[Client, int]]:
    """The daemon with its agents ready and its campaign stopped; its interface and its process id."""
    api_port, token = asterisk.free_port(socket.SOCK_STREAM), secrets.token_hex(16)
    folder = lab.folder / "daemon"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    lines = [
        f'[pbx]\nport = {lab.ami_port}\nsecret = "{lab.secret}"',
        f'[trunk]\ncountry = "IT"\nchannels = 5000\ncalls_per_second = {calls_per_second}',
        "[collector]\nlicence_valid_until = 2099-12-31",
        f'[api]\nport = {api_port}\ntoken = "{token}"',
        f"[demo]\nclock_offset_seconds = {tuesday_morning(datetime.now(UTC)):.3f}",
        '[log]\nlevel = "warning"',
        f'[campaigns.{CAMPAIGN}]\ncaller_id = "{CALLER_ID}"\ncaller_id_registered = true\nauto_ready_after_seconds = 0\nring_timeout_seconds = 20',
    ]
    lines += [
        f'[[agents]]\nname = "{phone.name}"\nseat = {seat}\nphone = "PJSIP/{phone.name}"\ncampaigns = ["{CAMPAIGN}"]'
        for seat, phone in enumerate(lab.phones, start=1001)
    ]
    config = folder / "dialer.toml"
    config.write_text("\n".join(lines))
    header = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"
    rows = [f"Luce;D{n};Name {n};F{n};10,00;{number}" for n, number in enumerate(numbers)]
    parsed = importing.parse("\n".join([header, *rows]).encode(), importing.Defaults())
    await add(settings.load(config), CAMPAIGN, parsed)
    with (folder / "daemon.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dialer", "run", "-c", str(config), stdout=log, stderr=log
        )
    try:
        async with Client(api_port, token) as client:
            await _until_ready(client, process)
            for phone in lab.phones:
                await client.post(f"/api/v1/agents/{phone.name}/log-in", {"ready": True})
            async with asyncio.timeout(120):
                while {line["state"] for line in (await client.get("/api/v1/agents"))["agents"]} != {"ready"}:
                    await asyncio.sleep(0.2)
            yield client, process.pid
            for phone in lab.phones:
                await client.post(f"/api/v1/agents/{phone.name}/log-out")
            await asyncio.sleep(1)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


async def _until_ready(client: Client, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(30):
        while True:
            if process.returncode is not None:
                sys.exit("the daemon didn't come up: see build/*/daemon/daemon.log")
            try:
                if (await client.get("/readyz"))["ready"]:
                    return
            except Exception:  # noqa: BLE001 -- it isn't listening yet
                pass
            await asyncio.sleep(0.1)


async def placed(client: Client) -> dict[str, Any]:
    """The campaign's line."""
    line: dict[str, Any] = (await client.get("/api/v1/campaigns"))["campaigns"][0]
    return line


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def asterisk_pid(pbx: AsteriskProcess) -> int:
    assert pbx.process
    return pbx.process.pid


def milliseconds(values: list[float]) -> str:
    """p50, p95, p99 and maximum as a row."""
    found = percentiles(values)
    return "  ".join(f"{found[name] * 1000:7.1f}" for name in ("p50", "p95", "p99", "max")) if found else "none"


def numbers() -> Iterator[str]:
    """Italian mobile numbers, each once."""
    for prefix in ("320", "328", "333", "338", "340", "347", "349", "366", "380", "388"):
        for tail in range(1_000_000, 1_050_000):
            yield f"+39{prefix}{tail}"
