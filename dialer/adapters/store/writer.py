"""One writer with group commit: what is asked while a commit runs goes with the next one."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from sqlalchemy import Executable
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.write import Write
from dialer.kernel.errors import AwayError

MOST_QUEUED = 50_000
"""Writes that may wait; dialling stops long before, because a store that is away clears nothing."""
RETRY_SECONDS = 1.0

log = structlog.get_logger(__name__)


class Chain(Protocol):
    """Rows of one statement that are linked to those before, in the order in which they are committed."""

    statement: Executable

    async def link(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]: ...
    def committed(self) -> None: ...
    def failed(self) -> None: ...


@dataclass(slots=True)
class _Job:
    writes: tuple[Write, ...]
    done: asyncio.Future[None] | None


class Writer:
    """Writes in order. `commit` waits for the disk; `put` doesn't, and is never lost while the process lives."""

    def __init__(self, engine: AsyncEngine, chain: Chain) -> None:
        self._engine = engine
        self._chain = chain
        self._jobs: deque[_Job] = deque()
        self._work = asyncio.Event()
        self.healthy = True
        """False from a failed commit to the next good one: nothing is cleared meanwhile."""
        self.commits = 0

    @property
    def backlog(self) -> int:
        """Jobs that wait."""
        return len(self._jobs)

    def put(self, *writes: Write) -> None:
        """Write soon."""
        self._add(_Job(writes, None))

    async def commit(self, *writes: Write) -> None:
        """Return once it is on the disk. Raises AwayError when it can't be written now: then nothing of it is."""
        if not self.healthy:
            raise AwayError("the record can't be written")
        done = asyncio.get_running_loop().create_future()
        self._add(_Job(writes, done))
        await done

    async def flush(self) -> None:
        """Return once everything asked so far is on the disk. Raises AwayError where it can't be now."""
        done = asyncio.get_running_loop().create_future()
        self._add(_Job((), done))
        await done

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._jobs:
                jobs, self._jobs = self._jobs, deque()
                await self._write(jobs)

    def _add(self, job: _Job) -> None:
        if len(self._jobs) >= MOST_QUEUED:
            raise AwayError(f"{MOST_QUEUED} writes wait for the disk")
        self._jobs.append(job)
        self._work.set()

    async def _write(self, jobs: deque[_Job]) -> None:
        try:
            async with self._engine.begin() as connection:
                for statement, rows in _grouped(jobs):
                    linked = statement is self._chain.statement
                    await connection.execute(statement, await self._chain.link(connection, rows) if linked else rows)
        except (OperationalError, OSError) as error:
            # who waits is told; what nobody waits for must not be lost and is tried again
            log.error("record.write_failed", error=str(getattr(error, "orig", error)), jobs=len(jobs))  # noqa: TRY400
            self._refuse(jobs)
            self._jobs.extendleft(reversed([job for job in jobs if job.done is None]))
            await asyncio.sleep(RETRY_SECONDS)
            return
        except DBAPIError:
            self._refuse(jobs)
            raise  # the statement itself is wrong: a bug, told loudly
        self._chain.committed()
        self.healthy = True
        self.commits += 1
        for job in jobs:
            if job.done and not job.done.done():
                job.done.set_result(None)

    def _refuse(self, jobs: Iterable[_Job]) -> None:
        self.healthy = False
        self._chain.failed()
        for job in jobs:
            if job.done and not job.done.done():
                job.done.set_exception(AwayError("the record can't be written", "check the disk"))


def _grouped(jobs: Iterable[_Job]) -> list[tuple[Executable, list[dict[str, Any]]]]:
    groups: dict[int, tuple[int, Executable, list[dict[str, Any]]]] = {}
    for job in jobs:
        for write in job.writes:
            group = groups.setdefault(id(write.statement), (write.rank, write.statement, []))
            group[2].append(write.values)
    return [(statement, rows) for _, statement, rows in sorted(groups.values(), key=lambda group: group[0])]
