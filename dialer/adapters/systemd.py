"""What the service manager is told, and what keeps it from a restart: sd_notify(3), datagrams on the socket that it names.

Without one (`NOTIFY_SOCKET` is unset) nobody is told anything.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from time import monotonic_ns

LONGEST_TICK_SECONDS = 600.0
"""A record that hangs makes each campaign's turn wait: that is no reason for a restart, which would lose what is still to be
written. A tick that takes longer never ends.
"""
STATUS_SECONDS = 2.0
FED_PER_PERIOD = 4
MOST_STATUS_LETTERS = 500


class ServiceManager:
    """Systemd, as its environment describes it; `pid` is this process, of which alone a watchdog may be meant."""

    def __init__(self, environment: Mapping[str, str], pid: int) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):
            self._address = "\0" + self._address[1:]
        self._up = False
        period = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        watched = ours and period.isdigit() and int(period) > 0
        self.feed_seconds = min(STATUS_SECONDS, int(period) / 1e6 / FED_PER_PERIOD) if watched else STATUS_SECONDS

    def ready(self, status: str) -> None:
        """The start is over."""
        self._up = True
        self._tell("READY=1", _status(status))

    @contextmanager
    def reloading(self) -> Iterator[None]:
        """The configuration is being read again, whatever comes of it. Told only while up: its end says READY."""
        told = self._up
        if told:
            self._tell("RELOADING=1", f"MONOTONIC_USEC={monotonic_ns() // 1_000}")
        try:
            yield
        finally:
            if told and self._up:
                self._tell("READY=1")

    def stopping(self, status: str) -> None:
        """No new call: those under way end, then the process does."""
        self._up = False
        self._tell("STOPPING=1", _status(status))

    async def keep(self, ticked_at: Callable[[], float], status: Callable[[], str]) -> None:
        """Feed the watchdog and tell how it goes, until cancelled: a loop that is frozen doesn't, nor do we for a tick that
        never ends. ticked_at: when the last tick began, by the loop's clock.
        """
        while True:
            if asyncio.get_running_loop().time() - ticked_at() < LONGEST_TICK_SECONDS:
                self._tell("WATCHDOG=1", _status(status()))
            await asyncio.sleep(self.feed_seconds)

    def _tell(self, *words: str) -> None:
        if not self._address:
            return
        # no call depends on whether it is heard
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as way:
            way.sendto("\n".join(words).encode(), self._address)


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.split())[:MOST_STATUS_LETTERS]
