"""The daemon's interface as the demo's agents and view use it."""

from typing import Any, Self

import aiohttp

from dialer.kernel.errors import AwayError, DialerError

REQUEST_SECONDS = 10.0


class Client:
    """One connection pool to one daemon: use it as `async with Client(...) as client`."""

    def __init__(self, port: int, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        return await self._ask("POST", path, body)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        """Raises AwayError where the daemon doesn't answer, DialerError where it says no."""
        assert self._session is not None
        try:
            async with self._session.request(method, self._base + path, json=body) as response:
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise AwayError(f"the daemon doesn't answer: {type(error).__name__}") from None
        if response.status >= 400 and path != "/readyz":
            raise DialerError(answer.get("title", "the daemon says no"), answer.get("remedy", ""))
        return answer
