"""The AMI connection: panoramisk as codec and ActionID matcher; lifetime, deadlines and order are ours.

What panoramisk 1.4 does by itself and must not do here: send unanswered actions again after a reconnect (a debtor
called twice), drop the connection when a callback raises, never notice a silent peer, spoil characters split
over two reads, let a line break in a value smuggle in an action, retry a refused login for ever.
Each has its test in tests/ami.
"""

import asyncio
import logging
import ssl
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.manager import Manager
from panoramisk.message import Message

from dialer.kernel.errors import AwayError, PbxAwayError, PbxUnsureError, RefusedError
from dialer.kernel.histogram import Histogram

log = structlog.get_logger(__name__)
# it prints whole actions, numbers and variables included
logging.getLogger("panoramisk").setLevel(logging.WARNING)

MOST_LINE_BYTES = 1_000
"""Asterisk drops an action that holds a line of more than 1024 bytes."""
MOST_BLOCK_BYTES = 1 << 20
MOST_PENDING = 5_000
CONNECT_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

Value = str | Sequence[str]


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Where the manager interface is, and how long to wait for it."""

    host: str
    port: int
    username: str
    secret: str
    request_seconds: float = 5.0
    ping_seconds: float = 2.0
    tls: ssl.SSLContext | None = None
    """With it the PBX must prove that it is `host`."""


class _Protocol(AMIProtocol):  # type: ignore[misc]
    """Bytes in, whole messages out."""

    version: str | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.raw = bytearray()

    def data_received(self, data: bytes) -> None:
        self.raw += data
        if self.version is None:
            self._greeting()
        end = self.raw.rfind(b"\r\n\r\n")
        if end < 0:
            if len(self.raw) > MOST_BLOCK_BYTES:
                log.error("ami.block_refused", bytes=len(self.raw))
                self.transport.abort()
            return
        whole, self.raw = bytes(self.raw[: end + 4]), self.raw[end + 4 :]
        super().data_received(whole)

    def _greeting(self) -> None:
        line, newline, rest = bytes(self.raw).partition(b"\r\n")
        if newline:
            self.version = line.partition(b"/")[2].decode("ascii", "replace") or "?"
            if line.startswith(b"Asterisk Call Manager/"):
                self.raw = bytearray(rest)

    def handle_message(self, message: Message) -> None:
        try:
            if message.get("event") == "OriginateResponse":
                # it carries the action's id and may overtake the acknowledgement, which it is not
                self.factory.dispatch(message)
            else:
                super().handle_message(message)
        except Exception:
            self.factory.malformed += 1
            log.exception("ami.message_failed", kind=str(message.get("event", "response")))

    def close(self) -> None:
        pending = list(self.responses.values())
        self.responses.clear()
        for action in pending:
            if not action.future.done():
                action.future.set_exception(PbxUnsureError("the connection was lost before the PBX answered"))
                action.future.exception()  # whoever waits sees it; nobody else needs to
        super().close()  # nothing is left that it could send again


class AmiLink(Manager):  # type: ignore[misc]
    """One connection at a time, kept up until told to stop.

    on_event gets every event, synchronously and in order; what it raises is counted and logged. on_ping gets the
    answer to each ping, and the seconds that it took.
    """

    def __init__(
        self,
        settings: LinkSettings,
        on_event: Callable[[Message], None],
        chance: Random,
        on_ping: Callable[[Message, float], None] = lambda *_: None,
    ) -> None:
        super().__init__(protocol_factory=_Protocol)
        self.callbacks.clear()
        self.patterns.clear()  # FullyBooted would send old actions again
        self.settings = settings
        self.malformed = 0
        self.connects = 0
        self.up = False
        self.hears_system = False
        """Whether a word of that class came: the first one does right after the log-in."""
        self._trouble = ""
        self.requests: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(REQUEST_BUCKETS))
        """How long each took to be answered, or given up, in seconds, by action."""
        self._on_event = on_event
        self._on_ping = on_ping
        self._chance = chance
        self._lost: asyncio.Future[None] | None = None

    def dispatch(self, event: Message) -> None:
        self.hears_system |= event.get("event") == "FullyBooted"
        self._on_event(event)

    def connection_lost(self, _: object) -> None:
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)

    @property
    def absent(self) -> PbxAwayError:
        """What to raise where it never came up."""
        settings, why = self.settings, f": {self._trouble}" if self._trouble else ""
        remedy = "start Asterisk, or correct [pbx] host and port; manager.conf needs enabled = yes"
        if settings.tls is not None:
            remedy += ", tlsenable = yes, and a certificate for that host of the authority in [pbx] ca_file"
        return PbxAwayError(f"no manager interface answers at {settings.host}:{settings.port}{why}", remedy)

    async def request(self, action: Mapping[str, Value], *, as_list: bool = False) -> Any:
        """Send one action and return its answer, or with `as_list` the answer and the events of its list.

        Raises PbxAwayError when nothing was sent, PbxUnsureError when no answer came, ValueError for a value
        that must never reach the wire. Nothing is ever sent twice.
        """
        _refuse_smuggling(action)
        protocol = self.protocol
        if protocol is None or protocol.closed or protocol.transport.is_closing():
            raise PbxAwayError("not connected to the PBX")
        if len(protocol.responses) > MOST_PENDING:
            raise PbxAwayError(f"the PBX owes {MOST_PENDING} answers")
        # with None the library asks the answer itself whether a list follows: a refusal has none
        future = protocol.send(dict(action), as_list=None if as_list else False)
        sent = self.loop.time()
        try:
            async with asyncio.timeout(self.settings.request_seconds):
                return await future
        except TimeoutError:
            raise PbxUnsureError(f"the PBX didn't answer within {self.settings.request_seconds:g} s") from None
        finally:
            self.requests[str(action["Action"])].add(self.loop.time() - sent)
            if not future.done() or future.cancelled():
                for key in [key for key, pending in protocol.responses.items() if pending.future is future]:
                    del protocol.responses[key]

    async def run(self, on_up: Callable[[], Awaitable[None]], on_down: Callable[[], None]) -> None:
        """Connect, call `on_up`, watch, and connect again after a loss, until cancelled.

        An `on_up` that meets something away, the PBX or the record, counts as a loss. Raises RefusedError when the PBX knows us and says no: trying again
        would only get us banned.
        """
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                async with self._session() as lost:
                    await on_up()
                    pause = FIRST_PAUSE_SECONDS
                    await self._watch(lost)
            except (OSError, TimeoutError, AwayError) as error:
                self._trouble = str(error) or type(error).__name__
                log.warning("ami.lost", error=self._trouble)
            finally:
                if self.up:
                    self.up = False
                    on_down()
            await asyncio.sleep(self._chance.uniform(pause / 2, pause))
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncio.Future[None]]:
        loop = asyncio.get_running_loop()
        self.loop = loop
        self._lost = lost = loop.create_future()
        async with asyncio.timeout(CONNECT_SECONDS):
            _, protocol = await loop.create_connection(
                _Protocol, self.settings.host, self.settings.port, ssl=self.settings.tls
            )
        protocol.factory, protocol.encoding, protocol.queue = self, "utf-8", deque()
        self.protocol = protocol
        try:
            await self._log_in()
            self.connects += 1
            self.up = True
            log.info("ami.connected", version=protocol.version, connects=self.connects)
            yield lost
        finally:
            self.protocol = None  # type: ignore[assignment]  # panoramisk has no types: between sessions there is none
            protocol.close()

    async def _log_in(self) -> None:
        settings = self.settings
        answer = await self.request(
            {"Action": "Login", "Username": settings.username, "Secret": settings.secret, "Events": "on"}
        )
        if answer.response != "Success":
            raise RefusedError(
                f"Asterisk at {settings.host}:{settings.port} refuses the user {settings.username!r}",
                "compare the secret with manager_dialer_secret.conf, and the permit lines with this host's address",
            )

    async def _watch(self, lost: asyncio.Future[None]) -> None:
        """Return when the connection is lost. Raises PbxUnsureError when the PBX falls silent."""
        while not lost.done():
            await asyncio.wait([lost], timeout=self.settings.ping_seconds)
            if not lost.done():
                sent = self.loop.time()
                answer = await self.request({"Action": "Ping"})
                self._on_ping(answer, self.loop.time() - sent)


def variable(name: str, value: str) -> str:
    """One `Variable` of an originate: Asterisk splits it at commas and honours quotes and backslashes.

    Names come from our code alone: `FILE(...)` or `DB(...)` as a name would write to disk.
    """
    if not name.replace("_", "").isalnum():
        msg = f"not a variable name: {name!r}"
        raise ValueError(msg)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace(",", "\\,")
    return f"{name}={escaped}"


def _refuse_smuggling(action: Mapping[str, Value]) -> None:
    for key, value in action.items():
        for text in (value,) if isinstance(value, str) else value:
            if any(sign in key + text for sign in "\r\n\0"):
                msg = f"a control character in the AMI header {key!r}"
                raise ValueError(msg)
            if len(key) + len(text.encode()) > MOST_LINE_BYTES:
                msg = f"the AMI header {key!r} is longer than {MOST_LINE_BYTES} bytes"
                raise ValueError(msg)
