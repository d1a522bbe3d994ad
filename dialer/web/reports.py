"""The reports by the interface: each is made by a process of its own, lest a call wait for it, and handed on as it comes."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from aiohttp import web

from dialer.kernel.errors import EXIT_INPUT, EXIT_NO, AwayError, DialerError, InputError, UnknownNameError
from dialer.web.api import HOLDER, REPORTS

MOST_AT_ONCE = 2
LONGEST_SECONDS = 3_600.0
CHUNK_BYTES = 64 * 1024
NICE = "10"
OPTIONS = ("campaign", "creditor", "since", "until", "currency", "case", "by")
FORMS = {"json": "application/json", "csv": "text/csv"}
_VALUE = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_TOLD = re.compile(r"dialer: (.*?)(?:\n  remedy: (.*))?\n?", re.DOTALL)

log = structlog.get_logger(__name__)


class Reports:
    """The handlers. config: the daemon's own configuration, by which the reports are made."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._making = 0

    def routes(self) -> list[web.RouteDef]:
        """Beside those of `dialer.web.api`, under the same guard."""
        return [
            web.get(REPORTS, self._report),
            web.get(f"{REPORTS}/{{report:[a-z][a-z-]{{0,39}}}}", self._report),
        ]

    async def _report(self, request: web.Request) -> web.StreamResponse:
        """A report, or which there are. Query: as the options of `dialer report`; `format` is json or csv."""
        name, form, words = _command(request)
        async with asyncio.timeout(LONGEST_SECONDS), self._made(words) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            errors = asyncio.create_task(process.stderr.read())
            first = await process.stdout.read(CHUNK_BYTES)
            if not first or first.startswith(b'{\n  "error"'):
                raise _refusal(await process.wait(), (await errors).decode(errors="replace"))
            response = web.StreamResponse(headers={"Content-Type": f"{FORMS[form]}; charset=utf-8"})
            response.headers["Cache-Control"] = "no-store"
            if form == "csv":
                response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
            await response.prepare(request)
            while first:
                await response.write(first)
                first = await process.stdout.read(CHUNK_BYTES)
            if await process.wait() != 0:
                log.error("report.broken_off", report=name)
                if request.transport is not None:
                    request.transport.abort()  # half a report must not look like a whole one
            await errors
            return response

    @asynccontextmanager
    async def _made(self, words: list[str]) -> AsyncIterator[Process]:
        if self._making >= MOST_AT_ONCE:
            raise AwayError(f"{MOST_AT_ONCE} reports are being made", "ask again when one of them is done")
        self._making += 1
        process = None
        try:
            command = ["nice", "-n", NICE, sys.executable, "-m", "dialer", "report", *words, "-c", str(self._config)]
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
            )
            yield process
        finally:
            self._making -= 1
            if process is not None and process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


def _command(request: web.Request) -> tuple[str, str, list[str]]:
    """The report's name and form, and the command's words. Raises InputError."""
    name = request.match_info.get("report", "")
    words = [name] if name else []
    query = request.query
    for key in query:
        if key not in (*OPTIONS, "numbers", "format") or len(query.getall(key)) > 1:
            raise InputError(
                f"{key}: not known, or said twice", f"known are {', '.join((*OPTIONS, 'numbers', 'format'))}"
            )
        if not _VALUE.fullmatch(query[key]):
            raise InputError(f"{key}: empty, too long, or no text", "leave it out, or correct it")
        if key in OPTIONS:
            value = request[HOLDER].signs(query[key]) if key == "by" else query[key]
            words.append(f"--{key}={value}")
    form = query.get("format", "json")
    if form not in FORMS or (form == "csv" and not name):
        raise InputError(f"format: {form!r} isn't known here", "ask for json, or of one report for csv")
    if query.get("numbers", "false") not in ("true", "false"):
        raise InputError("numbers: neither true nor false", "write numbers=true")
    numbers = query.get("numbers") == "true"
    if (numbers or "case" in query) and "by" not in query:
        raise InputError("by: missing", "say who looks, as by=anna: it is put on record")
    return name, form, [*words, *(["--numbers"] if numbers else []), f"--{form}"]


def _refusal(code: int, said: str) -> DialerError:
    """The command's own error, in its words."""
    told = _TOLD.fullmatch(said)
    if told is None:
        log.error("report.failed", exit_code=code)
        return AwayError("the report couldn't be made", "run dialer report beside the daemon: it tells why")
    kind = {EXIT_INPUT: InputError, EXIT_NO: UnknownNameError}.get(code, AwayError)
    return kind(told[1], told[2] or "")
