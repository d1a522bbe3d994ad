"""Working on the record directly, beside a daemon or without one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dialer.kernel.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.adapters.store.place import Place

_T = TypeVar("_T")


def now_of(loaded: Any) -> datetime:
    """The daemon's clock."""
    from dialer.kernel.clock import SystemClock

    return SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds)).now()


def place_of(loaded: Any) -> "Place":
    """Where the record of a configuration is. Raises InputError where there is none yet."""
    from dialer import settings

    place = settings.place(loaded.store)
    if not place.url and not place.path.exists():
        raise InputError(f"{place}: there is no record", "import cases or run the daemon first")
    return place


@asynccontextmanager
async def opened_record(place: "Place", *, long: bool = False) -> AsyncIterator["AsyncEngine"]:
    """The record, made where there is none, and closed in the end. long: what is asked of it may take its time.

    Raises DialerError.
    """
    from dialer.adapters.store.database import COMMAND_SECONDS, open_database

    engine = await open_database(place, command_seconds=None if long else COMMAND_SECONDS)
    try:
        yield engine
    finally:
        await engine.dispose()


def with_record(config: Path, work: Callable[["AsyncEngine", datetime], Awaitable[_T]], *, create: bool = False) -> _T:
    """Do something with the record of this configuration, at its clock's time. create: make it where there is none.

    Raises DialerError.
    """
    from dialer import settings

    loaded = settings.load(config)
    place = settings.place(loaded.store) if create else place_of(loaded)

    async def run() -> _T:
        from dialer.adapters.store.away import telling_away

        async with opened_record(place) as engine:
            with telling_away():
                return await work(engine, now_of(loaded))

    return asyncio.run(run())
