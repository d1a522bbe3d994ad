"""Why, by the interface: why nothing rings, why an agent is idle, why a debtor isn't called."""

from aiohttp import web

from dialer.cases.dossier import Dossiers
from dialer.explaining import Explaining
from dialer.kernel.clock import Clock
from dialer.web.api import HOLDER, viewer_of

EXPLAIN = "/api/v1/explain"
HOW = "explain"
"""How the case was looked at, among the looks at it."""


class ExplainRoutes:
    """Beside those of `dialer.web.api`, under the same guard."""

    def __init__(self, explaining: Explaining, dossiers: Dossiers, clock: Clock) -> None:
        self._explaining, self._dossiers, self._clock = explaining, dossiers, clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(EXPLAIN, self._everything),
            web.get(f"{EXPLAIN}/agents/{{agent}}", self._agent),
            web.get(f"{EXPLAIN}/cases/{{case:[0-9]{{1,9}}}}", self._case),
        ]

    async def _everything(self, _: web.Request) -> web.Response:
        return web.json_response(await self._explaining.everything())

    async def _agent(self, request: web.Request) -> web.Response:
        return web.json_response(await self._explaining.agent(request.match_info["agent"]))

    async def _case(self, request: web.Request) -> web.Response:
        """`by` says who looks: that is on record before anything is shown."""
        by, case = request[HOLDER].signs(viewer_of(request)), int(request.match_info["case"])
        answer = await self._explaining.case(case)
        await self._dossiers.viewed(case, by, HOW, self._clock.now())
        return web.json_response(answer)
