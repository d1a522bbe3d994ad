"""Tuning by the interface: what a setting would come to, then the file and the daemon take it.

The floor is simulated by the command in a process of its own, lest a call wait for it.
"""

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from dialer.flow import Flow
from dialer.kernel.errors import EXIT_INPUT, AwayError, DialerError, InputError, UnknownNameError
from dialer.web.api import HOLDER, body_of, viewer_of

LONGEST_SECONDS = 120.0
NICE = "10"
KEY = re.compile(
    r"mode|share|priority|value|abandonment_target|abandonment_cap|patience_seconds|ring_timeout_seconds|preview_seconds"
    r"|auto_ready_after_seconds|inbound_wait_seconds|(?:trunk|trunks\.[a-z0-9_-]{1,32})\.(?:channels|calls_per_second|weight)"
)
"""What a token may tune: pacing. Who may listen, what is recorded, which files are read is for whoever may write the file."""
_TOLD = re.compile(r"dialer: (.*?)(?:\n  remedy: (.*))?\n?", re.DOTALL)

log = structlog.get_logger(__name__)


class TuneBody(BaseModel):
    """changes: by `KEY`; null: as by default. apply: else it is only told."""

    model_config = ConfigDict(extra="forbid")

    changes: dict[str, bool | int | float | str | None] = Field(min_length=1, max_length=20)
    apply: bool = False


class TuningRoutes:
    """Beside those of `dialer.web.api`, under the same guard. config: the daemon's own."""

    def __init__(self, flow: Flow, config: Path) -> None:
        self._flow = flow
        self._config = config
        self._one_at_a_time = asyncio.Lock()

    def routes(self) -> list[web.RouteDef]:
        path = "/api/v1/campaigns/{campaign}/tune"
        return [web.get(path, self._holding), web.post(path, self._tune)]

    async def _holding(self, request: web.Request) -> web.Response:
        """What pacing is to reach now."""
        campaign = self._flow.campaigns[self._name(request)]
        return web.json_response({"campaign": campaign.name, **self._flow.pacer.targets.tuned(campaign)})

    async def _tune(self, request: web.Request) -> web.Response:
        """What the changes would come to; applied only where the body wants it. Query: `by`, who asks."""
        name, by = self._name(request), request[HOLDER].signs(viewer_of(request))
        body = TuneBody.model_validate(await body_of(request))
        words = [_word(key, value) for key, value in body.changes.items()]
        how = "--yes" if body.apply else "--dry-run"
        async with self._one_at_a_time:
            code, said, errors = await self._ask([how, f"--by={by}", "--", name, *words])
        if code != 0:
            raise _refusal(code, errors)
        return web.json_response(json.loads(said))

    def _name(self, request: web.Request) -> str:
        name = request.match_info["campaign"]
        if name not in self._flow.campaigns:
            raise UnknownNameError(f"no campaign is named {name!r}", "dialer campaign list has the names")
        return name

    async def _ask(self, words: list[str]) -> tuple[int, bytes, str]:
        command = ["nice", "-n", NICE, sys.executable, "-m", "dialer", "tune", "--json", "-c", str(self._config)]
        process = await asyncio.create_subprocess_exec(
            *command, *words, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                said, errors = await process.communicate()
        except TimeoutError:
            raise AwayError("the simulation takes too long", "run dialer tune beside the daemon") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return process.returncode, said, errors.decode(errors="replace")


def _word(key: str, value: bool | float | str | None) -> str:
    """One change as the command takes it. Raises InputError."""
    if not KEY.fullmatch(key):
        raise InputError(
            f"{key[:40]!r} can't be tuned by the interface", "tune pacing, as abandonment_target or trunk.channels"
        )
    return f"{key}={'default' if value is None else json.dumps(value)}"


def _refusal(code: int, said: str) -> DialerError:
    """The command's own error, in its words."""
    told = _TOLD.fullmatch(said)
    if told is None:
        log.error("tune.failed", exit_code=code)
        return AwayError("it couldn't be tried", "run dialer tune beside the daemon: it tells why")
    kind = InputError if code == EXIT_INPUT else AwayError
    return kind(told[1], (told[2] or "").strip())
