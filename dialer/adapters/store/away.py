"""Which error means that the store is away, and will be back, and which one is a bug."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.kernel.errors import AwayError

# classes and codes of PostgreSQL's errors: connection lost, role refused, rolled back by others' work, out of disk or
# connections, lock not free, stopped or starting, its own files unreadable; no such database; read-only
_AWAY = ("08", "28", "40", "53", "55", "57", "58", "3D000", "25006")


def means_away(error: BaseException) -> bool:
    """Whether to try again later. Everything else is our own mistake: a wrong statement, a wrong schema."""
    if isinstance(error, OSError | OperationalError | NoConnectionLeft):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # asyncpg's own errors come bare while it connects, and wrapped later
    state = getattr(getattr(error, "orig", error), "sqlstate", None)
    return isinstance(state, str) and state.startswith(_AWAY)


def words_of(error: BaseException) -> str:
    """The error's first line: the lines after it may quote what was to be written."""
    cause = getattr(error, "orig", None) or error
    return (str(cause).splitlines() or [""])[0] or type(cause).__name__


@contextmanager
def telling_away() -> Iterator[None]:
    """Raises AwayError for what means that the store is away."""
    try:
        yield
    except Exception as error:
        if not means_away(error):
            raise
        raise AwayError(f"the record can't be reached: {words_of(error)}", "check the database and its disk") from None


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection to read with. Raises AwayError."""
    with telling_away():
        async with engine.connect() as connection:
            yield connection
