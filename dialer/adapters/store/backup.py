"""A backup: one file with the record as one instant saw it, the configuration, and the ends of the chains of decisions.

PostgreSQL's own programs copy its database; SQLite copies itself. What comes back is proved against those ends.
"""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import delete, inspect, text, update

from dialer.adapters.store import database
from dialer.adapters.store.database import engine_for, explaining
from dialer.adapters.store.decisions import SqlDecisions
from dialer.adapters.store.hold import only_daemon, to_owner_of
from dialer.adapters.store.place import Place
from dialer.adapters.store.schema import campaign_states, sessions
from dialer.audit.chain import Head, Verified, verify_chains
from dialer.campaigns.campaign import CampaignState
from dialer.kernel.errors import AwayError, DialerError, InputError, InUseError

ABOUT, RECORD, CONFIGURATION = "about.json", "record", "dialer.toml"
MOST_ABOUT_BYTES = 1 << 20
MOST_WORDS = 300


class About(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    made_at: AwareDatetime
    dialer: str
    kind: Annotated[str, Field(pattern="^(SQLite|PostgreSQL)$")]
    revision: str
    """Of the schema."""
    heads: tuple[str, ...]
    """Of the chains of decisions; none where this dialer doesn't read that schema."""
    holds: bool
    sha256: str
    """Of the record's copy."""


async def back_up(place: Place, configuration: str, file: Path) -> About:
    """Write a new file, its owner's alone, beside a daemon that works on or without one. Raises DialerError.

    configuration: the text of dialer.toml, without its secrets.
    """
    with _scratch(file) as scratch:
        _refuse_existing(file)
        copy = scratch / RECORD
        source = place
        if not place.url:
            source = replace(place, path=copy)
            with explaining(place):
                await asyncio.to_thread(_copy_sqlite, place.path, copy)
        # PostgreSQL's chains only grow: ends that were read before the dump are in it
        revision, verified = await _look(source)
        if place.url:
            await _run(place, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", "--file", str(copy))
        about = About(
            made_at=datetime.now(UTC),
            dialer=version("cadenza"),
            kind=_kind(place),
            revision=revision,
            heads=tuple(map(str, verified.heads)),
            holds=verified.holds,
            sha256=await asyncio.to_thread(_digest, copy),
        )
        (scratch / ABOUT).write_text(about.model_dump_json(indent=2) + "\n")
        (scratch / CONFIGURATION).write_text(configuration, encoding="utf-8")
        await asyncio.to_thread(_pack, scratch, file)
    return about


async def restore(place: Place, file: Path) -> tuple[About, Verified]:
    """Put a backup's record where there is none, once it is proved, with its floor at rest.

    Raises DialerError; then nothing is there, as before.
    """
    with _scratch(place.path if not place.url else file) as scratch:
        about = await asyncio.to_thread(_unpack, file, scratch)
        if about.kind != _kind(place):
            raise InputError(
                f"{file}: of a {about.kind} record, and [store] names a {_kind(place)} one",
                "set [store] as it was, or name another backup",
            )
        if about.revision != database.head():
            raise InputError(
                f"{file}: its schema is {about.revision}, this dialer needs {database.head()}",
                f"restore it with the dialer that worked on it ({about.dialer} made it), then upgrade",
            )
        async with only_daemon(place):
            if place.url:
                return about, await _restore_postgresql(place, scratch / RECORD, about, file)
            return about, await _restore_sqlite(place, scratch / RECORD, about, file)


async def _restore_sqlite(place: Place, copy: Path, about: About, file: Path) -> Verified:
    leftover = [path for end in ("", "-wal", "-shm") if (path := Path(f"{place.path}{end}")).exists()]
    if leftover:
        raise InUseError(
            f"{', '.join(map(str, leftover))}: there is a record already", "move it away first: nothing is overwritten"
        )
    verified = await _proved(replace(place, path=copy), about, file)
    await _rest(replace(place, path=copy))
    try:
        with copy.open("rb") as restored:
            to_owner_of(place.path.parent, restored.fileno())
            os.fsync(restored.fileno())
        os.link(copy, place.path)
    except OSError as error:
        raise AwayError(f"{place.path}: {error.strerror}", "check the folder's rights and the disk") from None
    _sync(place.path.parent)
    return verified


async def _restore_postgresql(place: Place, copy: Path, about: About, file: Path) -> Verified:
    engine = engine_for(place)
    try:
        with explaining(place):
            async with engine.connect() as connection:
                tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    finally:
        await engine.dispose()
    if tables:
        raise InUseError(
            f"{place}: there is a record already", "make an empty database with createdb, and name it in [store] url"
        )
    await _run(
        place, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(copy)
    )
    try:
        verified = await _proved(place, about, file)
        await _rest(place)
    except BaseException as error:
        await _emptied(place, error)
        raise
    return verified


async def _emptied(place: Place, why: BaseException) -> None:
    """Without what was just restored, in a database that was empty before. Raises DialerError where it can't be."""
    engine = engine_for(place, command_seconds=None)
    try:
        with explaining(place):
            async with engine.begin() as connection:
                quoted = connection.dialect.identifier_preparer.quote
                tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
                if tables:
                    await connection.execute(text(f"DROP TABLE {', '.join(map(quoted, tables))} CASCADE"))
    except DialerError as error:
        raise DialerError(
            f"{why}; and it stays in {place}: {error}", "drop that database: no daemon may start on it"
        ) from None
    finally:
        await engine.dispose()


async def _proved(place: Place, about: About, file: Path) -> Verified:
    noted = [Head.parse(head) for head in about.heads]
    _, verified = await _look(place, noted)
    if verified.lost or (about.holds and not verified.holds):
        what = verified.lost[0] if verified.lost else verified.faults[0].what
        raise DialerError(f"{file}: the record isn't what was backed up: {what}", "restore another backup")
    return verified


async def _rest(place: Place) -> None:
    """Nothing dials, and nobody is logged in, until a person says so: first the daemon is told what isn't on this record."""
    engine = engine_for(place)
    dialled = campaign_states.c.state.in_([CampaignState.RUNNING.value, CampaignState.DRAINING.value])
    paused = {"state": CampaignState.PAUSED.value, "since": datetime.now(UTC)}
    try:
        with explaining(place):
            async with engine.begin() as connection:
                await connection.execute(update(campaign_states).where(dialled).values(paused))
                await connection.execute(delete(sessions))
    finally:
        await engine.dispose()


async def _look(place: Place, noted: list[Head] | None = None) -> tuple[str, Verified]:
    """A record's revision, and what its chains are where this dialer can read them. Raises DialerError."""
    engine = engine_for(place, command_seconds=None)
    try:
        with explaining(place):
            revision = await database.revision_of(engine)
            if revision is None:
                raise InputError(f"{place}: there is no record of ours", "correct [store]")
            if revision != database.head():
                return revision, Verified()
            return revision, await verify_chains(SqlDecisions(engine).links(), noted or [])
    finally:
        await engine.dispose()


def _refuse_existing(file: Path) -> None:
    """Before the work, not only after it."""
    if file.exists():
        raise InUseError(f"{file}: exists already", "name a new file: a backup never replaces one")


def _copy_sqlite(path: Path, copy: Path) -> None:
    """In one step, which a writer beside us neither waits for nor spoils."""
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            (word,) = target.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        word = str(error)
    if word != "ok":
        raise DialerError(
            f"{path}: damaged: {word}", "keep the last good backup; recover what is left with sqlite3 .recover"
        )


async def _run(place: Place, program: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs on our database. Raises AwayError where there is none, DialerError."""
    path = shutil.which(program)
    if path is None:
        raise AwayError(f"no {program} on this machine", "install postgresql-client, of the server's version or newer")
    parts = urlsplit(place.url)
    options = [("sslmode" if key == "ssl" else key, value) for key, value in parse_qsl(parts.query)]
    target = urlunsplit(parts._replace(query=urlencode(options)))
    process = await asyncio.create_subprocess_exec(
        path, "--dbname", target, "--no-password", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env=os.environ | ({"PGPASSWORD": place.password} if place.password else {}),
    )  # fmt: skip
    _, words = await process.communicate()
    if process.returncode:
        # the first line alone: those after it may quote rows
        said = (words.decode(errors="replace").splitlines() or [""])[0][:MOST_WORDS]
        raise DialerError(f"{place}: {said}", f"{program} must be of the server's version or newer, its role the owner")


def _pack(scratch: Path, file: Path) -> None:
    draft = scratch / "packed"
    draft.touch(mode=0o600)
    with tarfile.open(draft, "w") as archive:
        for name in (ABOUT, CONFIGURATION, RECORD):
            archive.add(scratch / name, name, filter=_nobodys)
    with draft.open("rb") as packed:
        os.fsync(packed.fileno())
    _refuse_existing(file)
    os.link(draft, file)
    _sync(file.parent)


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _unpack(file: Path, scratch: Path) -> About:
    """Its two members by their names, whatever else it holds. Raises InputError."""
    damaged = InputError(f"{file}: not a backup, or damaged", "name a file that dialer backup wrote")
    try:
        with tarfile.open(file) as archive:
            about, copy = (archive.extractfile(name) for name in (ABOUT, RECORD))
            if about is None or copy is None:
                raise damaged
            said = About.model_validate_json(about.read(MOST_ABOUT_BYTES))
            (scratch / RECORD).touch(mode=0o600)
            with (scratch / RECORD).open("wb") as target:
                shutil.copyfileobj(copy, target)
    except FileNotFoundError:
        raise InputError(f"{file}: no such file", "name a file that dialer backup wrote") from None
    except (tarfile.TarError, KeyError, EOFError, ValidationError):
        raise damaged from None
    except OSError as error:
        raise AwayError(f"{file}: {error.strerror}", "check the rights and the disk") from None
    if _digest(scratch / RECORD) != said.sha256:
        raise damaged
    return said


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A folder of our own on the same disk, gone in the end. Raises AwayError."""
    try:
        with tempfile.TemporaryDirectory(prefix=".dialer-", dir=beside.absolute().parent) as name:
            yield Path(name)
    except OSError as error:
        raise AwayError(f"{beside}: {error.strerror}", "check the folder, its rights and the disk") from None


def _kind(place: Place) -> str:
    return "PostgreSQL" if place.url else "SQLite"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
