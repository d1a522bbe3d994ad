"""A manager interface at the level of bytes: it does to its client what networks and PBXs do."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Self

GREETING = b"Asterisk Call Manager/11.0.0\r\n"
Headers = dict[str, str]
Script = Callable[["FakeAmiServer", Headers], Awaitable[None]]


class FakeAmiServer:
    """Use it as `async with FakeAmiServer() as server`.

    received: every action, with the connection's number. script: what it does with an action; the default logs in,
    pongs and acknowledges. silent: it reads and says nothing more. tls: with a certificate it speaks nothing else.
    """

    def __init__(self, script: Script | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[tuple[int, Headers]] = []
        self.raw = b""
        self.connections = 0
        self.silent = False
        self.secret = "s3cret"  # noqa: S105 -- of a server that exists in tests alone
        self.port = 0
        self.ahead_seconds = 0.0
        self._script = script or FakeAmiServer.usual
        self._tls = tls
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    async def usual(self, action: Headers) -> None:
        """What a healthy Asterisk does."""
        match action.get("Action"):
            case "Login" if action.get("Secret") != self.secret:
                self.respond(action, "Error", Message="Authentication failed")
            case "Login":
                self.respond(action, "Success", Message="Authentication accepted")
                self.send("Event: FullyBooted\r\nPrivilege: system,all\r\n\r\n")
            case "Ping":
                self.respond(action, "Success", Ping="Pong", Timestamp=f"{time.time() + self.ahead_seconds:.6f}")
            case _:
                self.respond(action, "Success", Message="Originate successfully queued")

    def respond(self, action: Headers, response: str, **headers: str) -> None:
        """Answer an action."""
        lines = [f"Response: {response}", f"ActionID: {action.get('ActionID', '')}"]
        self.send("\r\n".join([*lines, *(f"{key}: {value}" for key, value in headers.items())]) + "\r\n\r\n")

    def event(self, name: str, **headers: str) -> None:
        """Send an event."""
        self.send("\r\n".join([f"Event: {name}", *(f"{key}: {value}" for key, value in headers.items())]) + "\r\n\r\n")

    def send(self, text: str | bytes) -> None:
        """Send bytes as they are, on the newest connection."""
        if self._writers and not self._writers[-1].is_closing():
            self._writers[-1].write(text.encode() if isinstance(text, str) else text)

    def cut(self) -> None:
        """Cut every connection at once."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    def actions(self, name: str) -> list[Headers]:
        """Every action of this name that ever arrived."""
        return [action for _, action in self.received if action.get("Action") == name]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection = self.connections
        self._writers.append(writer)
        writer.write(GREETING)
        try:
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                self.raw += block
                action = dict(line.split(": ", 1) for line in block.decode().strip().split("\r\n") if ": " in line)
                self.received.append((connection, action))
                if not self.silent:
                    await self._script(self, action)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
