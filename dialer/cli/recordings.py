"""`dialer recordings`: which conversations were recorded, and whether their files are as they were."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.input import viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import with_record
from dialer.kernel import ids
from dialer.kernel.errors import EXIT_NO, DialerError, InputError
from dialer.kernel.ids import AttemptId
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.adapters.recordings import RecordingFiles
    from dialer.calls.recording import Recording, Sound
    from dialer.calls.retention import Pruned, Pruning

app = typer.Typer(help="Recordings of conversations.", no_args_is_help=True)
By = Annotated[str, typer.Option("--by", help="who you are; your login if empty")]
Call = Annotated[str, typer.Argument(metavar="ATTEMPT", help="the call's id, as the reports have it")]


@app.command("list")
def list_(
    config: Config = DEFAULT_CONFIG,
    *,
    deleted: Annotated[bool, typer.Option("--deleted", help="those that are no more, instead")] = False,
    as_json: AsJson = False,
) -> None:
    """Every recording that is kept, the oldest first."""
    found = [one for one in with_record(config, _recordings) if (one.deleted_at is not None) is deleted]
    if as_json:
        print_json({"recordings": [plain(one) for one in found]})
        return
    print_table(
        "Recordings",
        ("call", "started (UTC)", "seconds", "MB", "SHA-256", ""),
        (
            (one.attempt, f"{one.started_at:%Y-%m-%d %H:%M:%S}", f"{(one.stopped_at - one.started_at).total_seconds():.1f}",
             f"{one.size_bytes / 1e6:.2f}", one.sha256[:12],
             f"deleted {one.deleted_at:%Y-%m-%d}" if one.deleted_at else "" if one.known else "the call is unknown")
            for one in found
        ),
    )  # fmt: skip


@app.command("show")
def show(call: Call, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """What happened to one recording: start, pauses, stop, who listened, who deleted it and why."""
    attempt = _attempt(call)

    async def read(engine: "AsyncEngine", _: datetime) -> Any:
        from dialer.adapters.store.recordings import SqlRecordings

        return await SqlRecordings(engine).moments(attempt)

    found = with_record(config, read)
    one = next((one for one in with_record(config, _recordings) if one.attempt == attempt), None)
    if as_json:
        print_json({"recording": None if one is None else plain(one), "moments": [plain(moment) for moment in found]})
        return
    rows = ((f"{m.at:%Y-%m-%d %H:%M:%S.%f}", m.what.value, m.by, m.why) for m in found)
    print_table(f"Recording {attempt}", ("when (UTC)", "what", "who", "why"), rows)
    if one is not None:
        print(f"SHA-256 {one.sha256}, {one.size_bytes} bytes")


@app.command("verify")
def verify(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Read every file of this cell again and compare it with its checksum on record. Exit code 1 where one is changed or
    missing, or is there though the record says that it was deleted.
    """
    from dialer import configured, settings
    from dialer.adapters.encryption import DamagedError

    loaded = settings.load(config)
    files = configured.recording_files(loaded)
    found: dict[str, list[str]] = {"changed": [], "missing": [], "left": []}
    good = 0
    for one in with_record(config, _recordings):
        if one.cell != loaded.store.cell:
            continue
        if one.deleted_at is not None:
            if _is_there(files, one.attempt):
                found["left"].append(one.attempt)
            continue
        try:
            same = files.measure(one.attempt).sha256 == one.sha256
        except FileNotFoundError:
            found["missing"].append(one.attempt)
            continue
        except DamagedError:
            same = False
        except OSError as error:
            raise _unreadable(error) from None
        if same:
            good += 1
        else:
            found["changed"].append(one.attempt)
    if as_json:
        print_json({"good": good, **found})
    else:
        print(f"{good} recordings are as they were, {len(found['changed'])} changed, {len(found['missing'])} missing")
        for word, attempts in found.items():
            for attempt in attempts:
                print(f"{'there though deleted' if word == 'left' else word}: {attempt}")
    if any(found.values()):
        raise typer.Exit(EXIT_NO)


@app.command("prune")
def prune(
    config: Config = DEFAULT_CONFIG,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be deleted")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Delete the recordings of this cell whose time is over, as the daemon does once a day: never what a flag holds.

    Each leaves a tombstone on record: its checksum, when, by whom and why. Exit code 1 where a file can't be deleted.
    """
    who = viewer(by)

    async def work(engine: "AsyncEngine", now: datetime) -> "Pruned":
        return await _pruning(config, engine).run(now, who, dry_run=dry_run)

    done = with_record(config, work)
    if as_json:
        print_json({"dry_run": dry_run, **plain(done)})
    else:
        verb = "would be deleted" if dry_run else "deleted"
        print(f"{len(done.deleted)} {verb}, {done.kept} aren't due, {len(done.held)} are held")
        shown = ((verb, done.deleted), ("held", done.held), ("kept", done.unclear), ("NOT DELETED", done.stuck))
        rows = [(line.attempt, word, line.why) for word, lines in shown for line in lines]
        if rows:
            print_table("Recordings", ("call", "", "why"), rows)
    if done.stuck:
        raise typer.Exit(EXIT_NO)


@app.command("delete")
def delete(
    call: Call,
    why: Annotated[str, typer.Option("--why", help="as: the debtor took the consent back, letter of 3/11/2026")],
    config: Config = DEFAULT_CONFIG,
    *,
    by: By = "",
) -> None:
    """Delete one recording before its time. Refused where a flag holds it, or a pack still demands it."""
    who = viewer(by)
    if not why.strip():
        raise InputError("--why: empty", "say why it goes: it stands on record for ever")
    attempt = _attempt(call)

    async def work(engine: "AsyncEngine", now: datetime) -> None:
        try:
            await _pruning(config, engine).delete(attempt, now, who, why.strip())
        except OSError as error:
            raise InputError(f"{error.filename}: {error.strerror}", "run it as a user who may delete it") from None

    with_record(config, work)
    print(f"{attempt}: deleted")


@app.command("fetch")
def fetch(
    call: Call,
    output: Annotated[Path, typer.Option("-o", "--output", help="write the file here, for its owner alone")],
    config: Config = DEFAULT_CONFIG,
    *,
    by: By = "",
) -> None:
    """Take a copy of a recording. Who did is on record first."""
    from dialer.calls.recording import Moment, What

    files, who, attempt = _files(config), viewer(by), _attempt(call)
    if not _is_there(files, attempt):
        raise InputError("there is no file of this call here", "dialer recordings list has the calls")

    async def put(engine: "AsyncEngine", now: datetime) -> None:
        from dialer.adapters.store.recordings import SqlRecordings

        await SqlRecordings(engine).add(Moment(attempt, now, What.FETCHED, who))

    with_record(config, put)
    try:
        with files.opened(attempt) as (sound, _):
            _copy(sound, output)
    except OSError as error:
        raise InputError(f"{error.filename or output}: {error.strerror}", "name a file that can be written") from None
    print(f"{output}: written")


def _copy(sound: "Sound", output: Path) -> None:
    """Write it whole, or leave no file. Raises OSError, DialerError."""
    from dialer.cli.intake import open_private

    file = open_private(output)
    try:
        with os.fdopen(file, "wb") as target:
            for piece in sound.read(0, sound.size_bytes):
                target.write(piece)
    except (DialerError, OSError):
        if output.is_file() and not output.is_symlink():  # /dev/stdout stays
            output.unlink()
        raise


def _is_there(files: "RecordingFiles", attempt: AttemptId) -> bool:
    try:
        return files.find(attempt) is not None
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> InputError:
    return InputError(f"{error.filename}: {error.strerror}", "run it as a user who may read it")


def _attempt(call: str) -> AttemptId:
    if not ids.is_call(call):
        raise InputError("no call has this id", "dialer recordings list has the ids")
    return AttemptId(call)


def _files(config: Path) -> "RecordingFiles":
    from dialer import configured, settings

    return configured.recording_files(settings.load(config))


def _pruning(config: Path, engine: "AsyncEngine") -> "Pruning":
    from dialer import configured, settings
    from dialer.adapters.store.recordings import SqlRecordings
    from dialer.calls.retention import Pruning

    loaded = settings.load(config)
    retention = configured.retention(loaded)
    return Pruning(SqlRecordings(engine), _files(config).delete, loaded.store.cell, retention)


async def _recordings(engine: "AsyncEngine", _: datetime) -> "list[Recording]":
    from dialer.adapters.store.recordings import SqlRecordings

    return await SqlRecordings(engine).recordings()
