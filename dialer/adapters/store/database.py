"""Opening the database: SQLite in one file, its schema made or checked."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, event, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from dialer.kernel.errors import AwayError, InputError

BUSY_TIMEOUT_MS = 5_000
POOL_SIZE = 4


def engine_for(path: Path) -> AsyncEngine:
    """An engine on the SQLite file; nothing is opened yet.

    Write-ahead log with full synchronisation: a committed attempt survives a power cut.
    """
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=POOL_SIZE)

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


async def open_database(path: Path) -> AsyncEngine:
    """The engine on a database whose schema is current; an empty one gets its schema.

    Raises InputError for a file that is no database or has another schema, AwayError where it can't be opened.
    """
    if not path.parent.is_dir():
        raise AwayError(f"{path}: no such folder", f"create {path.parent}, or set [store] path")
    engine = engine_for(path)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_check_or_create, path)
            await connection.commit()
    except DBAPIError as error:
        await engine.dispose()
        if "not a database" in str(error.orig):
            raise InputError(f"{path}: not a database", "set [store] path to another file") from None
        raise AwayError(f"{path}: {error.orig}", "check the file's rights and the disk") from None
    except BaseException:
        await engine.dispose()
        raise
    return engine


async def migrate(path: Path) -> tuple[str | None, str]:
    """Bring the schema up to date; the revisions before and after."""
    engine = engine_for(path)
    try:
        async with engine.begin() as connection:
            before = await connection.run_sync(_revision)
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    return before, _head()


def _check_or_create(connection: Connection, path: Path) -> None:
    revision = _revision(connection)
    if revision is None and not inspect(connection).get_table_names():
        _upgrade(connection)
    elif revision != _head():
        raise InputError(
            f"{path}: its schema is {revision or 'none of ours'}, this dialer needs {_head()}",
            "make a backup, then run: dialer migrate",
        )


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", "dialer.adapters.store:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _head() -> str:
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    command.upgrade(_config(connection), "head")
