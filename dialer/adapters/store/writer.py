"""One writer with group commit: what is asked while a commit runs goes with the next one."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import means_away, words_of
from dialer.adapters.store.decisions import Chain
from dialer.adapters.store.write import Write
from dialer.kernel.errors import AwayError, CaseNotOpenError
from dialer.kernel.histogram import Histogram

MOST_QUEUED = 50_000
"""Writes that may wait; dialling stops long before, because a store that is away clears nothing."""
RETRY_SECONDS = 1.0
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Job:
    writes: tuple[Write, ...]
    done: asyncio.Future[None] | None
    claim: Write | None = None
    claimed: bool = True


class Writer:
    """Writes in order. `commit` waits for the disk; `put` doesn't, and is never lost while the process lives."""

    def __init__(self, engine: AsyncEngine, cell: str = "cell1") -> None:
        self._engine = engine
        self._chain = Chain(cell)
        self._jobs: deque[_Job] = deque()
        self._work = asyncio.Event()
        self.healthy = True
        """False from a failed commit to the next good one: nothing is cleared meanwhile."""
        self.commits = Histogram(COMMIT_BUCKETS)
        """How long each took, in seconds."""

    @property
    def backlog(self) -> int:
        """Jobs that wait."""
        return len(self._jobs)

    def put(self, *writes: Write) -> None:
        """Write soon."""
        self._add(_Job(writes, None))

    async def commit(self, *writes: Write, claim: Write | None = None) -> None:
        """Return once it is on the disk. Raises AwayError when it can't be written now: then nothing of it is.

        One exception: where the connection to PostgreSQL breaks within the commit itself, nobody knows. Writes are made
        so that once more does no harm, and who opens an attempt withdraws it then.

        claim: a write to a case that is open; where it changes no row, nothing is written. Raises CaseNotOpenError.
        """
        if not self.healthy:
            raise AwayError("the record can't be written")
        done = asyncio.get_running_loop().create_future()
        self._add(_Job(writes, done, claim))
        await done

    async def flush(self) -> None:
        """Return once everything asked so far is on the disk. Raises AwayError where something can't be written now."""
        done = asyncio.get_running_loop().create_future()
        self._add(_Job((), done))
        await done

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._jobs or not self.healthy:  # what is away is asked again, lest it be refused for ever
                jobs, self._jobs = self._jobs, deque()
                await self._write(jobs)

    def _add(self, job: _Job) -> None:
        if len(self._jobs) >= MOST_QUEUED:
            raise AwayError(f"{MOST_QUEUED} writes wait for the disk")
        self._jobs.append(job)
        self._work.set()

    async def _write(self, jobs: deque[_Job]) -> None:
        if self.healthy and not any(job.writes or job.claim for job in jobs):
            self._tell(jobs)  # who only waited for what was asked before
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with self._engine.begin() as connection:
                await self._execute(connection, [job for job in jobs if job.claim is None])
                # after them: what is being written may close the case
                for job in jobs:
                    if job.claim is not None:
                        changed = await connection.execute(job.claim.statement, job.claim.values)
                        job.claimed = changed.rowcount > 0
                await self._execute(connection, [job for job in jobs if job.claim is not None and job.claimed])
        except Exception as error:
            self._refuse(jobs)
            if not means_away(error):
                raise  # the statement itself is wrong: a bug, told loudly
            # who waits is told; what nobody waits for must not be lost and is tried again
            log.error("record.write_failed", error=words_of(error), jobs=len(jobs))  # noqa: TRY400 -- no trace: it isn't ours
            self._jobs.extendleft(reversed([job for job in jobs if job.done is None]))
            await asyncio.sleep(RETRY_SECONDS)
            return
        self._chain.committed()
        self.healthy = True
        self.commits.add(loop.time() - began)
        self._tell(jobs)

    def _tell(self, jobs: Iterable[_Job]) -> None:
        for job in jobs:
            if job.done and not job.done.done():
                if job.claimed:
                    job.done.set_result(None)
                else:
                    job.done.set_exception(CaseNotOpenError("the case isn't open any more"))

    async def _execute(self, connection: AsyncConnection, jobs: Iterable[_Job]) -> None:
        for statement, rows in _grouped(jobs):
            linked = statement is self._chain.statement
            await connection.execute(statement, await self._chain.link(connection, rows) if linked else rows)

    def _refuse(self, jobs: Iterable[_Job]) -> None:
        self.healthy = False
        self._chain.failed()
        for job in jobs:
            if job.done and not job.done.done():
                job.done.set_exception(AwayError("the record can't be written", "check the database and its disk"))


def _grouped(jobs: Iterable[_Job]) -> list[tuple[Executable, list[dict[str, Any]]]]:
    groups: dict[int, tuple[int, Executable, list[dict[str, Any]]]] = {}
    for job in jobs:
        for write in job.writes:
            group = groups.setdefault(id(write.statement), (write.rank, write.statement, []))
            group[2].append(write.values)
    return [(statement, rows) for _, statement, rows in sorted(groups.values(), key=lambda group: group[0])]
