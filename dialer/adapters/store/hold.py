"""One daemon a name: two engines on one record would call people twice."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import telling_away
from dialer.adapters.store.database import engine_for, explaining, lock_key
from dialer.adapters.store.place import Place
from dialer.kernel.errors import AwayError, InUseError

WATCH_SECONDS = 2.0
# no link: whoever may write the folder can't have root give away a file elsewhere
_LOCK_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW

log = structlog.get_logger(__name__)


class Hold:
    """The cell's name, held in PostgreSQL by one connection for as long as it stands."""

    def __init__(self, place: Place, engine: AsyncEngine, *, alone: bool) -> None:
        self._place = place
        self._engine = engine
        self._alone = alone
        self._connection: AsyncConnection | None = None
        self._held = False

    async def take(self) -> None:
        """Raises InUseError where another daemon holds the name."""
        self._connection = await self._engine.connect()
        key = lock_key(f"cell {self._place.cell}")
        if not await self._connection.scalar(select(func.pg_try_advisory_lock(key))):
            raise InUseError(
                f"another daemon works on {self._place} as {self._place.cell}", "stop it first, or set [store] cell"
            )
        # a ledger in the process knows nothing of other cells: it works alone, or not at all
        together = func.pg_try_advisory_lock if self._alone else func.pg_try_advisory_lock_shared
        if not await self._connection.scalar(select(together(lock_key("ledger")))):
            raise InUseError(
                f"other daemons work on {self._place}, and one of the ledgers is in its process alone",
                'set [ledger] kind to "redis" or "sql" for every one of them',
            )
        self._held = True

    @property
    def held(self) -> bool:
        """Whether the name is ours, as far as we know."""
        return self._held

    async def keep(self) -> None:
        """Watch the connection until cancelled; where it breaks, take the name again."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                with telling_away():
                    await self._look()
            except (AwayError, InUseError) as error:
                await self.release()
                log.error("cell.not_held", cell=self._place.cell, error=str(error))  # noqa: TRY400 -- no trace: it isn't ours

    async def _look(self) -> None:
        if self._connection is None:
            await self.take()
            log.warning("cell.held_again", cell=self._place.cell)
        else:
            await self._connection.execute(select(1))

    async def release(self) -> None:
        """Let the name go, or what is left of a try to take it."""
        self._held = False
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.invalidate()  # the server lets the name go when the connection ends
            await connection.close()


@asynccontextmanager
async def only_daemon(place: Place, *, alone: bool = True) -> AsyncIterator[Hold | None]:
    """Hold the record against a second daemon. A hold that is yielded wants `keep` to run beside the work.

    alone: no other cell may work on the same record. Raises InUseError, and what `open_database` raises.
    """
    if not place.url:
        with _file_held(place.path):
            yield None
        return
    engine = engine_for(place).execution_options(isolation_level="AUTOCOMMIT")
    hold = Hold(place, engine, alone=alone)
    try:
        with explaining(place):
            await hold.take()
        yield hold
    finally:
        await hold.release()


@contextmanager
def _file_held(database: Path) -> Iterator[None]:
    path = database.with_name(database.name + ".lock")
    try:
        handle = os.fdopen(os.open(path, _LOCK_FLAGS, 0o666), "w")
        to_owner_of(path.parent, handle.fileno())
    except OSError as error:
        raise AwayError(f"{path}: {error.strerror}", f"create {path.parent}, or set [store] path") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUseError(f"another daemon works on {database}", "stop it first, or set [store] path") from None
        yield


def to_owner_of(folder: Path, handle: int) -> None:
    """What root makes in the daemon's folder is the daemon's: it couldn't open it. Raises OSError."""
    owner = folder.stat()
    made = os.fstat(handle)
    if os.geteuid() == 0 and made.st_uid == 0 and made.st_nlink == 1:
        os.fchown(handle, owner.st_uid, owner.st_gid)
