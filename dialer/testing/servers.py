"""PostgreSQL and Redis as child processes on loopback: killed, they start again on the same port and data."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from socket import SOCK_STREAM
from typing import IO, Any

from dialer.kernel.errors import AwayError
from dialer.testing.asterisk import die_with_parent, free_port

BOOT_SECONDS = 20.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01


class Server(ABC):
    """One server in a temporary folder of its own. It belongs to no event loop: a session of tests shares it."""

    polite: signal.Signals
    """What ends it in good order."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.port = free_port(SOCK_STREAM)
        self.folder = Path(tempfile.mkdtemp(prefix="dialer-"))
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Run it and wait until it serves. Raises AwayError with its own words where it doesn't come up.

        Call it from the main thread: the child is told to end with the thread that started it.
        """
        await self._prepare()
        self._process = self._spawn()
        try:
            async with asyncio.timeout(BOOT_SECONDS):
                while not await self._serves(self._process.pid):
                    if self._process.poll() is not None:
                        raise AwayError(f"{self._name} ended at once: {self.last_words()}")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise AwayError(f"{self._name} doesn't come up: {self.last_words()}") from None

    @property
    def pid(self) -> int:
        """The process that was started; its own children work beside it."""
        assert self._process is not None, "not started"
        return self._process.pid

    async def stop(self) -> None:
        """End it, politely at first; the data stay."""
        if self._process is None:
            return
        self._process.send_signal(self.polite)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it and its children at once, as a power cut would; `start` finds what was on the disk."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # it can't start another child meanwhile
            for child in _children(self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.kill()
        self._process.wait()
        self._process = None

    def freeze(self, *, thaw: bool = False) -> None:
        """Stop it and its children from answering, without ending a connection; or let them go on."""
        assert self._process is not None
        for process in (self._process.pid, *_children(self._process.pid)):
            os.kill(process, signal.SIGCONT if thaw else signal.SIGSTOP)

    async def discard(self) -> None:
        """Stop it and remove its folder."""
        await self.stop()
        shutil.rmtree(self.folder)

    def last_words(self) -> str:
        """The end of its log."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return "; ".join(lines[-3:]) or "it left no word"

    @property
    def _name(self) -> str:
        return type(self).__name__.removesuffix("Server")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as words:
            return subprocess.Popen(  # noqa: S603 -- our own command line
                [*die_with_parent(self.polite), *self._command()], **self._circumstances(words)
            )

    def _circumstances(self, words: IO[bytes]) -> dict[str, Any]:
        # a session of its own: Ctrl-C at a terminal is for the parent, who ends it in good order
        return {
            "stdin": subprocess.DEVNULL, "stdout": words, "stderr": words, "cwd": self.folder, "start_new_session": True,
        }  # fmt: skip

    @abstractmethod
    async def _prepare(self) -> None:
        """Make ready for the first start."""

    @abstractmethod
    def _command(self) -> Sequence[str]: ...

    @abstractmethod
    async def _serves(self, pid: int) -> bool: ...


class PostgresServer(Server):
    """A PostgreSQL that trusts everybody on loopback, and that keeps its promises to the disk.

    tree: what `setup/fetch-postgres` made. PostgreSQL refuses to run as root: then it runs as nobody, from a copy,
    because nobody may not see the folder of the checkout.
    """

    polite = signal.SIGINT  # the fast shutdown; SIGTERM would wait for every client to leave

    def __init__(self, tree: Path) -> None:
        super().__init__(tree)
        self._data = self.folder / "data"
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}

    def url(self, database: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    async def _prepare(self) -> None:
        if self._data.exists():
            return
        if not (self.tree / "ready").exists():
            raise AwayError(f"no PostgreSQL in {self.tree}", "run make test")
        self._data.mkdir(mode=0o700)
        if self._user:
            self.folder.chmod(0o755)
            for part in ("usr/lib", "usr/share/postgresql"):
                shutil.copytree(self.tree / "tree" / part, self.folder / "tree" / part, symlinks=True)
            self.tree = self.folder
            os.chown(self._data, self._user["user"], self._user["group"])
        with self._log.open("ab") as words:
            initdb = await asyncio.create_subprocess_exec(
                self._program("initdb"), "--pgdata", str(self._data), "--username", "postgres", "--auth", "trust",
                "--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions", **self._circumstances(words),
            )  # fmt: skip
            if await initdb.wait():
                raise AwayError(f"PostgreSQL makes no database: {self.last_words()}")

    def _circumstances(self, words: IO[bytes]) -> dict[str, Any]:
        return super()._circumstances(words) | self._user

    def _program(self, name: str) -> str:
        (program,) = self.tree.glob(f"tree/usr/lib/postgresql/*/bin/{name}")
        return str(program)

    def _command(self) -> Sequence[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "on",
            "jit": "off",  # its library isn't unpacked
            "dynamic_shared_memory_type": "mmap",  # a bare chroot has no /dev/shm
        }
        return (
            self._program("postgres"), "-D", str(self._data),
            *(word for name, value in options.items() for word in ("-c", f"{name}={value}")),
        )  # fmt: skip

    async def _serves(self, pid: int) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # a killed one leaves its file behind; the eighth line is the state
        return len(lines) > 7 and int(lines[0]) == pid and lines[7].strip() == "ready"


class RedisServer(Server):
    """A Redis on loopback that keeps nothing, or with `appendonly` every write.

    tree: what `setup/fetch-debs` made.
    """

    polite = signal.SIGTERM

    def __init__(self, tree: Path, *, appendonly: bool = False) -> None:
        super().__init__(tree)
        self._appendonly = appendonly

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    async def _prepare(self) -> None:
        if not (self.tree / "run").exists():
            raise AwayError(f"no Redis in {self.tree}", "run make test")

    def _command(self) -> Sequence[str]:
        return (
            str(self.tree / "run"), "usr/bin/redis-server", "--bind", "127.0.0.1", "--port", str(self.port),
            "--save", "", "--appendonly", "yes" if self._appendonly else "no", "--appendfsync", "always",
        )  # fmt: skip

    async def _serves(self, pid: int) -> bool:  # noqa: ARG002
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"  # or -LOADING, while it reads its file
        finally:
            writer.close()


def _children(parent: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state_and_parent = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(state_and_parent[1]) == parent:
            found.append(int(path.parent.name))
    return found
