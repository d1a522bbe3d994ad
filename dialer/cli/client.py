"""Talking to the running daemon."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp

from dialer import settings
from dialer.kernel.errors import AwayError, DialerError, RefusedError

REQUEST_SECONDS = 10.0
_AWAY = (502, 503, 504)


class DaemonAwayError(AwayError):
    """Nobody listens where the daemon should."""


class NobodyListensError(DaemonAwayError):
    """The connection was refused: no daemon runs there, and nothing reached one."""


def ask(config: Path, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One request to the daemon that this configuration describes. Raises DialerError."""
    loaded = settings.load(config).api
    token = settings.secret(loaded.token, loaded.token_file, "api.token", "DIALER_API__TOKEN")
    return asyncio.run(_ask(f"http://{loaded.host}:{loaded.port}{path}", method, token, body))


async def _ask(url: str, method: str, token: str, body: dict[str, Any] | None) -> Any:
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"Authorization": f"Bearer {token}"}) as session,
            session.request(method, url, json=body) as response,
        ):
            answer = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError)
        away = NobodyListensError if refused else DaemonAwayError
        raise away("the daemon doesn't answer", "start it with dialer run, or correct [api]") from None
    if response.status in _AWAY:
        raise AwayError(answer.get("title", "the daemon can't do it now"), answer.get("remedy", "look at its log"))
    if response.status == 401:
        raise RefusedError("the daemon refuses the token", "use the token of its own configuration")
    if response.status >= 400:
        raise DialerError(answer.get("title", "the daemon says no"), answer.get("remedy", ""))
    return answer
