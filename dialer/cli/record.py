"""Working on the record directly, beside a daemon or without one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dialer.kernel.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_T = TypeVar("_T")


def with_record(config: Path, work: Callable[["AsyncEngine", datetime], Awaitable[_T]], *, create: bool = False) -> _T:
    """Do something with the record of this configuration, at its clock's time. create: make it where there is none.

    Raises DialerError.
    """
    from dialer import settings

    loaded = settings.load(config)
    place = settings.place(loaded.store)
    if not create and not place.url and not place.path.exists():
        raise InputError(f"{place}: there is no record", "import cases or run the daemon first")

    async def run() -> _T:
        from dialer.adapters.store.away import telling_away
        from dialer.adapters.store.database import open_database
        from dialer.kernel.clock import SystemClock

        engine = await open_database(place)
        try:
            with telling_away():
                return await work(engine, SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds)).now())
        finally:
            await engine.dispose()

    return asyncio.run(run())
