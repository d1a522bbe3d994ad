"""A real Asterisk as a child process: the configuration of the repository plus the files that a site writes."""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dialer.adapters.asterisk_files import CONF
from dialer.agents.phones import Kind, section
from dialer.kernel.errors import AwayError

BOOT_SECONDS = 20.0
STOP_SECONDS = 10.0
LOOPBACK = "127.0.0.1"
_UNUSED = frozenset(
    "acl.conf ccss.conf cdr.conf features.conf indications.conf pjproject.conf udptl.conf".split()  # noqa: SIM905
)


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM, host: str = LOOPBACK) -> int:
    """A port that nobody holds right now."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def free_port_range(length: int) -> tuple[int, int]:
    """A stretch of UDP ports, probably free: the ends and the middle are probed."""
    for start in range(20_000, 60_000, length):
        try:
            for port in (start, start + length // 2, start + length - 1):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return start, start + length - 1
    raise AwayError("no free range of UDP ports", "end other programs that hold UDP ports")


@dataclass
class AsteriskProcess:
    """One Asterisk in a folder of its own.

    name: its system name. folder: where its files go. tree: what `setup/fetch-asterisk` made.
    conf: the folder of asterisk-conf that it runs (`pbx`, `phone-network`). site: the files that a site writes,
    by name; they replace the examples of `conf`.
    """

    name: str
    folder: Path
    tree: Path
    conf: str
    site: Mapping[str, str]
    rtp: tuple[int, int]
    process: asyncio.subprocess.Process | None = None
    _run_dir: Path = field(init=False)

    def write(self) -> None:
        """Lay out the folder."""
        if not (self.tree / "asterisk").exists():
            raise AwayError(f"no Asterisk in {self.tree}", "run make setup")
        etc = self.folder / "etc"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(CONF / self.conf, etc)
        # sockets have short names: the control socket goes where the path is short
        self._run_dir = Path(tempfile.mkdtemp(prefix="dialer-"))
        for name in ("lib", "db", "keys/keys", "data/sounds", "agi", "spool", "log/cdr-custom", "log/cel-custom"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "data/documentation").symlink_to(self.tree / "data/documentation")
        for name in ("dialer", "network"):
            (self.folder / "data/sounds" / name).symlink_to(CONF / "sounds" / name)
        (etc / "asterisk.conf").write_text(
            f"[directories]\nastetcdir = {etc}\nastmoddir = {self.tree / 'modules'}\nastvarlibdir = {self.folder / 'lib'}\n"
            f"astdbdir = {self.folder / 'db'}\nastkeydir = {self.folder / 'keys'}\nastdatadir = {self.folder / 'data'}\n"
            f"astagidir = {self.folder / 'agi'}\nastspooldir = {self.folder / 'spool'}\nastrundir = {self._run_dir}\n"
            f"astlogdir = {self.folder / 'log'}\n[options]\nsystemname = {self.name}\nentityid = {self._entity_id()}\n"
            "maxfiles = 65536\nnocolor = yes\ndefaultlanguage = en\n"
        )
        (etc / "logger.conf").write_text("[general]\n[logfiles]\nmessages.log = error,warning,notice\n")
        (etc / "rtp.conf").write_text(f"[general]\nrtpstart = {self.rtp[0]}\nrtpend = {self.rtp[1]}\n")
        for name in _UNUSED - set(self.site):
            if not (etc / name).exists():
                (etc / name).touch()  # or Asterisk's log begins with errors
        for name, text in self.site.items():
            (etc / name).parent.mkdir(exist_ok=True)
            (etc / name).write_text(text)
        script = self.folder / "agi/dialer-opt-out"  # with this Python, which has pyst2
        script.write_text((CONF / "agi/dialer-opt-out").read_text().replace("/usr/bin/env python3", sys.executable, 1))
        script.chmod(0o755)

    async def start(self) -> None:
        """Run it and wait until it is fully booted. Raises AwayError with its own words where it doesn't come up."""
        with (self.folder / "log/boot.log").open("wb") as boot:
            self.process = await asyncio.create_subprocess_exec(
                *die_with_parent(),
                str(self.tree / "asterisk"), "-f", "-C", str(self.folder / "etc/asterisk.conf"),
                stdin=asyncio.subprocess.DEVNULL, stdout=boot, stderr=boot, start_new_session=True,
            )  # fmt: skip
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                while "has fully booted" not in await self.cli("core waitfullybooted"):
                    if self.process.returncode is not None:
                        raise AwayError(f"the Asterisk {self.name!r} ended at once: {self.last_words()}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AwayError(f"the Asterisk {self.name!r} doesn't come up: {self.last_words()}") from None

    async def cli(self, command: str) -> str:
        """What its console answers."""
        console = await asyncio.create_subprocess_exec(
            str(self.tree / "asterisk"), "-C", str(self.folder / "etc/asterisk.conf"), "-rx", command,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await console.communicate()
        return output.decode(errors="replace")

    def last_words(self) -> str:
        """The last complaints of its log and of its start."""
        words = []
        for name, telling in (("messages.log", "ERROR"), ("boot.log", "EXITING")):
            path = self.folder / "log" / name
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            words += [re.sub(r"^\[[^\]]*\] ", "", line) for line in lines if telling in line][-2:]
        return "; ".join(words) or "it left no word"

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def stop(self) -> None:
        """End it, politely at first."""
        if self.process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.kill(number)
            try:
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
                break
            except TimeoutError:
                continue
        self.process = None
        shutil.rmtree(self._run_dir, ignore_errors=True)

    def read_csv(self, name: str) -> list[list[str]]:
        """The rows of one of its CDR or CEL files."""
        path = self.folder / "log" / name
        return [line.split(",") for line in path.read_text().splitlines()] if path.exists() else []

    def _entity_id(self) -> str:
        tail = abs(hash((self.name, os.getpid()))) % (1 << 40)
        return ":".join(f"{byte:02x}" for byte in (0x02, *tail.to_bytes(5, "big")))


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> Sequence[str]:
    """The start of a command line: a killed test or demo leaves no child behind, where util-linux can promise it."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", number.name.removeprefix("SIG"), "--") if setpriv else ()


def phone_network(folder: Path, tree: Path, sip_port: int) -> AsteriskProcess:
    """The simulated public network, on loopback."""
    return AsteriskProcess(
        name="network",
        folder=folder,
        tree=tree,
        conf="phone-network",
        site={"pjsip_transport.conf": _transport("network-udp", sip_port)},
        rtp=free_port_range(2_000),
    )


@dataclass(frozen=True, slots=True)
class Phone:
    """An agent's phone as the PBX knows it."""

    name: str
    password: str


def pbx(
    folder: Path,
    tree: Path,
    *,
    sip_port: int,
    ami_port: int,
    secret: str,
    trunk_host: str,
    trunk_port: int,
    phones: Sequence[Phone],
    trunk_from: str = LOOPBACK,
    observer_secret: str = "",
) -> AsteriskProcess:
    """The dialer's PBX, on loopback but for a trunk that is reached from elsewhere (`trunk_from`), with the files that an operator installs and its own site's values.

    observer_secret: of a second, read-only AMI user, for an independent witness.
    """
    manager = (
        f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {ami_port}\ntimestampevents = yes\n"
        "displayconnects = no\nauthtimeout = 5\n"
        '#include "manager_dialer.conf"\n'
    )
    if observer_secret:
        manager += f"[observer]\nsecret = {observer_secret}\nread = call,user\nwrite = \n"
    transports, elsewhere = _transport("dialer-udp", sip_port), ""
    if trunk_from != LOOPBACK:
        transports = _udp("trunk-udp", free_port(host=trunk_from), trunk_from) + transports
        elsewhere = "transport = trunk-udp\n"
    trunk = (
        f"[trunk](dialer-trunk)\naors = trunk\n{elsewhere}\n"
        f"[trunk]\ntype = aor\ncontact = sip:{trunk_host}:{trunk_port}\n\n"
        f"[trunk]\ntype = identify\nendpoint = trunk\nmatch = {trunk_host}\n"
    )
    endpoints = {f"pjsip_phones.d/{phone.name}.conf": section(phone.name, Kind.UDP, phone.password) for phone in phones}
    return AsteriskProcess(
        name="pbx",
        folder=folder,
        tree=tree,
        conf="pbx",
        site={
            "manager.conf": manager,
            "manager_dialer_secret.conf": f"secret = {secret}\n",
            "extensions.conf": '#include "extensions_dialer.conf"\n',
            "pjsip.conf": '#include "pjsip_dialer.conf"\n',
            "musiconhold.conf": '#include "musiconhold_dialer.conf"\n',
            "pjsip_transport.conf": transports,
            "pjsip_trunk.conf": trunk,
            **endpoints,
            "cel.conf": "[general]\nenable = yes\nevents = CHAN_START,ANSWER,BRIDGE_ENTER,HANGUP,CHAN_END\ndateformat = %s.%6q\n",
            "cel_custom.conf": "[mappings]\nlegs.csv = ${CHANNEL(uniqueid)},${eventtype},${eventtime}\n",
        },
        rtp=free_port_range(4_000),
    )


def _transport(name: str, port: int) -> str:
    return _udp(name, port, LOOPBACK) + "[system]\ntype = system\ntimer_t1 = 250\ntimer_b = 16000\n"


def _udp(name: str, port: int, host: str) -> str:
    return f"[{name}]\ntype = transport\nprotocol = udp\nbind = {host}:{port}\n"
