"""Opening the database, SQLite in one file or PostgreSQL: its schema is made or checked."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, func, inspect, make_url, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dialer.adapters.store.away import words_of
from dialer.adapters.store.place import Place
from dialer.kernel.errors import AwayError, InputError, RefusedError

BUSY_TIMEOUT_MS = 5_000
POOL_SIZE = 4
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 10.0
"""A server that says nothing for so long is away."""
_SESSION = {
    "application_name": "dialer",
    "synchronous_commit": "on",  # whatever the role's default: a committed attempt survives a power cut
    # of a machine that is gone, the server must notice soon: it may hold a cell's name
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def engine_for(place: Place, command_seconds: float | None = COMMAND_SECONDS) -> AsyncEngine:
    """An engine on the database; nothing is opened yet. Errors never quote what was to be written."""
    if not place.url:
        return _sqlite(place.path)
    return create_async_engine(
        make_url(place.url).set(drivername="postgresql+asyncpg", password=place.password or None),
        pool_size=POOL_SIZE,
        pool_pre_ping=True,  # a server that was started again meanwhile isn't away
        hide_parameters=True,
        connect_args={"timeout": CONNECT_SECONDS, "command_timeout": command_seconds, "server_settings": _SESSION},
    )


def _sqlite(path: Path) -> AsyncEngine:
    """Write-ahead log with full synchronisation: a committed attempt survives a power cut."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=POOL_SIZE, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: sqlite3.Connection, _: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "do_connect")
    def create_private(*_: object) -> None:
        """It holds names, numbers and notes: a new file is its owner's alone, and so are those beside it.

        One that is there is never opened here: closing it would end the locks that SQLite holds on it.
        """
        with suppress(OSError):  # it is there, or SQLite tells better what is wrong
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    return engine


async def open_database(place: Place, command_seconds: float | None = COMMAND_SECONDS) -> AsyncEngine:
    """The engine on a database whose schema is current; an empty one gets its schema.

    Raises InputError for what is no database or has another schema, RefusedError where the role has no right,
    AwayError where it can't be opened.
    """
    if not place.url and not place.path.parent.is_dir():
        raise AwayError(f"{place}: no such folder", f"create {place.path.parent}, or set [store] path")
    engine = engine_for(place, command_seconds)
    try:
        with explaining(place):
            async with engine.begin() as connection:
                await connection.run_sync(_check_or_create, place)
    except BaseException:
        await engine.dispose()
        raise
    return engine


async def migrate(place: Place) -> tuple[str | None, str]:
    """Bring the schema up to date, however long it takes; the revisions before and after."""
    engine = engine_for(place, command_seconds=None)
    try:
        with explaining(place):
            async with engine.begin() as connection:
                before = await connection.run_sync(_revision)
                await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    return before, head()


@contextmanager
def explaining(place: Place) -> Iterator[None]:
    """Tell a user why the database can't be opened."""
    try:
        yield
    except (DBAPIError, OSError) as error:
        words = words_of(error)
        state = getattr(getattr(error, "orig", None), "sqlstate", None) or ""
        if "not a database" in words:
            raise InputError(f"{place}: not a database", "set [store] path to another file") from None
        if state == "3D000":
            raise InputError(f"{place}: {words}", "create it with createdb, or correct [store] url") from None
        if state.startswith(("28", "42501")):
            raise RefusedError(
                f"{place}: {words}",
                "correct [store] url and password_file; the role must be admitted by pg_hba.conf and own the database",
            ) from None
        remedy = "start PostgreSQL, or correct [store] url" if place.url else "check the file's rights and the disk"
        raise AwayError(f"{place}: {words}", remedy) from None


def head() -> str:
    """The revision of the schema that this dialer needs."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


async def revision_of(engine: AsyncEngine) -> str | None:
    """The revision of a record's schema; None where it has none of ours. Raises as the engine does."""
    async with engine.connect() as connection:
        return await connection.run_sync(_revision)


def lock_key(name: str) -> int:
    """The key of an advisory lock: 64 bits, apart from those of others who use the same database."""
    return int.from_bytes(hashlib.blake2b(f"dialer {name}".encode(), digest_size=8).digest(), signed=True)


def _check_or_create(connection: Connection, place: Place) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(lock_key("schema"))))  # two may find it empty at once
    revision = _revision(connection)
    if revision is None and not inspect(connection).get_table_names():
        _upgrade(connection)
    elif revision != head():
        raise InputError(
            f"{place}: its schema is {revision or 'none of ours'}, this dialer needs {head()}",
            "make a backup, then run: dialer migrate",
        )


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "dialer.adapters.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")
