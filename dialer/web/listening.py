"""Listening to agents by the interface: who starts it, changes its mode, ends it; and who listened to whom."""

from typing import Any, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from dialer.agents.listening import Listening, Listenings
from dialer.kernel.errors import InputError
from dialer.kernel.events import SpyMode
from dialer.kernel.plain import plain
from dialer.web.api import HOLDER, body_of

LISTENINGS = "/api/v1/listenings"
SUPERVISOR = "/api/v1/supervisors/{supervisor}"
MOST_SHOWN = 1_000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListenBody(_Body):
    """agent: to whom. mode: who hears the supervisor."""

    agent: str
    mode: SpyMode = SpyMode.LISTEN


class ModeBody(_Body):
    mode: SpyMode


class PastListenings(Protocol):
    """Who listened to whom, on record."""

    async def listenings(self, agent: str | None, most: int) -> list[Listening]: ...


class ListeningRoutes:
    """Beside those of `dialer.web.api`, under the same guard."""

    def __init__(self, listenings: Listenings, past: PastListenings) -> None:
        self._listenings = listenings
        self._past = past

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(LISTENINGS, self._all),
            web.post(f"{SUPERVISOR}/listen", self._listen),
            web.post(f"{SUPERVISOR}/mode", self._mode),
            web.post(f"{SUPERVISOR}/stop", self._stop),
        ]

    async def _listen(self, request: web.Request) -> web.Response:
        body = ListenBody.model_validate(await body_of(request))
        supervisor = request.match_info["supervisor"]
        by = request[HOLDER].signs(supervisor)
        return _answer(await self._listenings.start(supervisor, body.agent, body.mode, by))

    async def _mode(self, request: web.Request) -> web.Response:
        body = ModeBody.model_validate(await body_of(request))
        supervisor = request.match_info["supervisor"]
        return _answer(await self._listenings.switch(supervisor, body.mode, request[HOLDER].signs(supervisor)))

    async def _stop(self, request: web.Request) -> web.Response:
        return _answer(await self._listenings.stop(request.match_info["supervisor"]))

    async def _all(self, request: web.Request) -> web.Response:
        """The last first. Query: `agent`, and `most`."""
        most = request.query.get("most", "100")
        if not most.isdecimal() or not 1 <= int(most[:5]) <= MOST_SHOWN:
            raise InputError(f"most: {most[:20]!r} is no number up to {MOST_SHOWN}", "write most=100")
        found = await self._past.listenings(request.query.get("agent"), int(most))
        return web.json_response({"listenings": [plain(one) for one in found]})


def _answer(listening: Listening) -> web.Response:
    said: dict[str, Any] = plain(listening)
    return web.json_response(said)
