"""Reloads by the interface: take up the configuration now, and which there were."""

from typing import Any, Protocol

from aiohttp import web

from dialer.kernel.errors import InputError
from dialer.kernel.plain import plain
from dialer.kernel.reloads import Reload, ReloadRecord
from dialer.web.api import HOLDER, viewer_of

RELOADS = "/api/v1/reloads"
MOST_SHOWN = 1_000


class Reloads(Protocol):
    """What takes up the configuration."""

    async def reload(self, by: str) -> Reload: ...


class ReloadRoutes:
    """Beside those of `dialer.web.api`, under the same guard."""

    def __init__(self, reloading: Reloads, past: ReloadRecord) -> None:
        self._reloading = reloading
        self._past = past

    def routes(self) -> list[web.RouteDef]:
        return [web.post(RELOADS, self._reload), web.get(RELOADS, self._all)]

    async def _reload(self, request: web.Request) -> web.Response:
        """Query: `by`, who asks. A refusal is an answer like another: `result` says it."""
        by = request[HOLDER].signs(viewer_of(request))
        said: dict[str, Any] = plain(await self._reloading.reload(by))
        return web.json_response(said)

    async def _all(self, request: web.Request) -> web.Response:
        """The last first. Query: `most`."""
        most = request.query.get("most", "100")
        if not most.isdecimal() or not 1 <= int(most[:5]) <= MOST_SHOWN:
            raise InputError(f"most: {most[:20]!r} is no number up to {MOST_SHOWN}", "write most=100")
        return web.json_response({"reloads": [plain(one) for one in await self._past.reloads(int(most))]})
