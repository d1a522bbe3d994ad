"""Everything that the demonstration stands on, in one folder: two Asterisks, the agents' phones, the daemon."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from dialer.compliance.calendars import Calendars
from dialer.demo.client import Client
from dialer.kernel.errors import AwayError, InputError
from dialer.testing import asterisk
from dialer.testing.asterisk import AsteriskProcess, Phone
from dialer.testing.sip import SipEndpoint, pick_up

CAMPAIGN = "demo"
CALLER_ID = "+390694801234"
READY_SECONDS = 60.0
"""A busy machine takes long over a first start; a daemon that ends is noticed at once."""
STOP_SECONDS = 15.0
AGENT_VOICE = 0x33
ROME = ZoneInfo("Europe/Rome")
TUESDAY = 1
MARK = ".made-by-the-demo"


@dataclass(frozen=True, slots=True)
class Trunk:
    """A SIP address that takes our calls."""

    host: str
    port: int


@dataclass(slots=True)
class Stage:
    """What stands, once `standing` has set it up."""

    folder: Path
    config: Path
    pbx: AsteriskProcess
    network: AsteriskProcess | None
    phones: list[SipEndpoint]
    passwords: list[str]
    secret: str
    sip_port: int
    ami_port: int
    api_port: int
    token: str
    offset_seconds: float
    daemon: asyncio.subprocess.Process | None = None

    async def spawn_daemon(self) -> asyncio.subprocess.Process:
        """Run `dialer run`."""
        log = (self.folder / "daemon.log").open("ab")
        self.daemon = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dialer", "run", "-c", str(self.config),
            stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        log.close()
        return self.daemon

    async def start_daemon(self) -> None:
        """Run `dialer run` and wait until it answers. Raises DialerError with its own words."""
        daemon = await self.spawn_daemon()
        async with Client(self.api_port, self.token) as client:
            for _ in range(int(READY_SECONDS / 0.05)):
                if daemon.returncode is not None:
                    break
                try:
                    if (await client.get("/readyz"))["ready"]:
                        return
                except AwayError:
                    pass
                await asyncio.sleep(0.05)
        words = (self.folder / "daemon.log").read_text(errors="replace").strip().splitlines()[-3:]
        raise AwayError("the daemon doesn't come up:\n" + "\n".join(words), f"read {self.folder / 'daemon.log'}")

    async def stop_daemon(self) -> int:
        """Drain it and wait for its end; its exit code."""
        if self.daemon is None:
            return 0
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.daemon.returncode is None:
                self.daemon.send_signal(number)
            try:
                return await asyncio.wait_for(self.daemon.wait(), STOP_SECONDS)
            except TimeoutError:
                continue
        return await self.daemon.wait()


def tuesday_morning(now: datetime) -> float:
    """Seconds from `now` to a Tuesday 10:00 in Rome near it, no holiday: the constant shift of the engine's clock."""
    local = now.astimezone(ROME)
    day = (local - timedelta(days=(local.weekday() - TUESDAY) % 7)).date()
    while Calendars().name("IT", day):
        day -= timedelta(days=7)
    return (datetime(day.year, day.month, day.day, 10, tzinfo=ROME) - now).total_seconds()


@asynccontextmanager
async def standing(
    folder: Path,
    *,
    tree: Path,
    agents: int,
    trunk: Trunk | None = None,
    most_calls: int | None = None,
    calls_per_second: float = 5.0,
    channels: int = 60,
    packs: tuple[str, ...] = ("it-unirec",),
    campaign: str = "",
    store: str = 'path = "dialer.db"',
    sections: str = "",
    observer_secret: str = "",
    begun: bool = False,
) -> AsyncIterator[Stage]:
    """Set the stage, without the daemon; take everything down at the end.

    begun: the configuration only begins: how to reach the PBX, and the clock; campaigns and agents are the user's to add.
    trunk: a foreign network; None starts the simulated one. campaign: further lines of the campaign's settings.
    store: the lines of `[store]`. sections: further sections of the configuration.
    """
    _empty(folder)
    sip_port, network_port = asterisk.free_port(), asterisk.free_port()
    ami_port, api_port = (asterisk.free_port(socket.SOCK_STREAM) for _ in range(2))
    secret, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    names = [f"agent{number:02d}" for number in range(1, agents + 1)]
    accounts = [Phone(name, secrets.token_urlsafe(12)) for name in names]
    to = trunk or Trunk("127.0.0.1", network_port)
    offset_seconds = tuesday_morning(datetime.now(UTC))
    async with AsyncExitStack() as stack:
        network = None if trunk else asterisk.phone_network(folder / "network", tree, network_port)
        pbx = asterisk.pbx(
            folder / "pbx", tree, sip_port=sip_port, ami_port=ami_port, secret=secret,
            trunk_host=to.host, trunk_port=to.port, trunk_from=_address_towards(to), phones=accounts,
            observer_secret=observer_secret,
        )  # fmt: skip
        for process in filter(None, (network, pbx)):
            process.write()
            stack.push_async_callback(process.stop)
        await asyncio.gather(*(process.start() for process in (network, pbx) if process))
        config = folder / "dialer.toml"
        stage = Stage(
            folder=folder,
            config=config,
            pbx=pbx,
            network=network,
            phones=[],
            passwords=[account.password for account in accounts],
            secret=secret,
            sip_port=sip_port,
            ami_port=ami_port,
            api_port=api_port,
            token=token,
            offset_seconds=offset_seconds,
        )
        stack.push_async_callback(stage.stop_daemon)
        _write_secret(folder / "ami-secret", secret)
        _write_secret(folder / "api-token", token)
        reached = _reached(ami_port, api_port, offset_seconds, store)
        config.write_text(
            reached
            if begun
            else reached + _config(names, most_calls, calls_per_second, channels, packs, campaign, sections)
        )
        for account in accounts:
            phone = await SipEndpoint(account.name, pick_up, voice=AGENT_VOICE).start_listening()
            stage.phones.append(phone)
            stack.push_async_callback(phone.close)
        await asyncio.gather(
            *(phone.register(("127.0.0.1", sip_port), account.password)
              for phone, account in zip(stage.phones, accounts, strict=True))
        )  # fmt: skip
        yield stage


def _reached(ami_port: int, api_port: int, offset_seconds: float, store: str) -> str:
    """What only the stage knows."""
    lines = [
        "[pbx]", f"port = {ami_port}", 'secret_file = "ami-secret"', "",
        "[recordings]", 'folder = "pbx/spool/monitor/dialer"', "",
        "[store]", store, "",
        "[api]", f"port = {api_port}", 'token_file = "api-token"', "",
        "[demo]", f"clock_offset_seconds = {offset_seconds:.3f}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _config(
    names: list[str],
    most_calls: int | None,
    calls_per_second: float,
    channels: int,
    packs: tuple[str, ...],
    campaign: str,
    sections: str,
) -> str:
    lines = [
        *([f"most_calls = {most_calls}"] if most_calls else []), "",
        "[trunk]", 'country = "IT"', f"channels = {channels}", f"calls_per_second = {calls_per_second}", "",
        "[collector]", 'name = "Recupero Demo"', "licence_valid_until = 2099-12-31", "",
        sections, "",
        f"[campaigns.{CAMPAIGN}]", f"packs = {list(packs)!r}", f'caller_id = "{CALLER_ID}"',
        "caller_id_registered = true",
        campaign or "ring_timeout_seconds = 20", "",
    ]  # fmt: skip
    for number, name in enumerate(names, start=1001):
        lines += [
            "[[agents]]", f'name = "{name}"', f"seat = {number}", f'phone = "PJSIP/{name}"',
            f'campaigns = ["{CAMPAIGN}"]', "",
        ]  # fmt: skip
    return "\n".join(lines)


def _address_towards(trunk: Trunk) -> str:
    """The address of this machine from which the trunk is reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((trunk.host, trunk.port))
        except OSError as error:
            raise AwayError(f"no way to {trunk.host}: {error.strerror}", "name a --trunk that can be reached") from None
        return str(probe.getsockname()[0])


def _empty(folder: Path) -> None:
    """Make room, but only where a stage stood before: somebody's own folder is never emptied."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise InputError(f"{folder}: holds something that isn't a demo's", "name another folder, or one that is empty")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def _write_secret(path: Path, secret: str) -> None:
    """Readable by its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
