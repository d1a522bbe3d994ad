"""`dialer recordings`: which conversations were recorded, and whether their files are as they were."""

import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.input import viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import with_record
from dialer.kernel.errors import EXIT_NO, InputError
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.adapters.recordings import RecordingFiles

app = typer.Typer(help="Recordings of conversations.", no_args_is_help=True)
Call = Annotated[str, typer.Argument(metavar="ATTEMPT", help="the call's id, as the reports have it")]


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Every recording that is kept, the oldest first."""

    async def read(engine: "AsyncEngine", _: datetime) -> Any:
        from dialer.adapters.store.recordings import SqlRecordings

        return await SqlRecordings(engine).recordings()

    found = with_record(config, read)
    if as_json:
        print_json({"recordings": [plain(one) for one in found]})
        return
    print_table(
        "Recordings",
        ("call", "started (UTC)", "seconds", "MB", "SHA-256", ""),
        (
            (one.attempt, f"{one.started_at:%Y-%m-%d %H:%M:%S}", f"{(one.stopped_at - one.started_at).total_seconds():.1f}",
             f"{one.size_bytes / 1e6:.2f}", one.sha256[:12], "" if one.known else "the call is unknown")
            for one in found
        ),
    )  # fmt: skip


@app.command("show")
def show(call: Call, config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """What happened to one recording: start, pauses, stop, who listened."""
    attempt = _files(config).path(call).stem  # type: ignore[arg-type]

    async def read(engine: "AsyncEngine", _: datetime) -> Any:
        from dialer.adapters.store.recordings import SqlRecordings

        return await SqlRecordings(engine).moments(attempt)  # type: ignore[arg-type]

    found = with_record(config, read)
    if as_json:
        print_json({"moments": [plain(one) for one in found]})
    else:
        rows = ((f"{one.at:%Y-%m-%d %H:%M:%S.%f}", one.what.value, one.by) for one in found)
        print_table(f"Recording {attempt}", ("when (UTC)", "what", "who"), rows)


@app.command("verify")
def verify(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Read every file again and compare it with its checksum on record: exit code 1 where one is changed or missing."""
    files = _files(config)

    async def read(engine: "AsyncEngine", _: datetime) -> Any:
        from dialer.adapters.store.recordings import SqlRecordings

        return await SqlRecordings(engine).recordings()

    changed, missing, good = [], [], 0
    for one in with_record(config, read):
        try:
            same = files.measure(one.attempt).sha256 == one.sha256
        except FileNotFoundError:
            missing.append(one.attempt)
            continue
        except OSError as error:
            raise InputError(
                f"{files.path(one.attempt)}: {error.strerror}", "run it as a user who may read it"
            ) from None
        if same:
            good += 1
        else:
            changed.append(one.attempt)
    if as_json:
        print_json({"good": good, "changed": changed, "missing": missing})
    else:
        print(f"{good} recordings are as they were, {len(changed)} changed, {len(missing)} missing")
        for word, attempts in (("changed", changed), ("missing", missing)):
            for attempt in attempts:
                print(f"{word}: {attempt}")
    if changed or missing:
        raise typer.Exit(EXIT_NO)


@app.command("fetch")
def fetch(
    call: Call,
    output: Annotated[Path, typer.Option("-o", "--output", help="write the file here, for its owner alone")],
    config: Config = DEFAULT_CONFIG,
    *,
    by: Annotated[str, typer.Option("--by", help="who you are; your login if empty")] = "",
) -> None:
    """Take a copy of a recording. Who did is on record first."""
    from dialer.calls.recording import Moment, What
    from dialer.cli.intake import open_private

    files, who = _files(config), viewer(by)
    path = files.path(call)  # type: ignore[arg-type]
    if not path.is_file():
        raise InputError("there is no file of this call", "dialer recordings list has the calls")

    async def put(engine: "AsyncEngine", now: datetime) -> None:
        from dialer.adapters.store.recordings import SqlRecordings

        await SqlRecordings(engine).add(Moment(call, now, What.FETCHED, who))  # type: ignore[arg-type]

    with_record(config, put)
    try:
        with path.open("rb") as source, os.fdopen(open_private(output), "wb") as target:
            shutil.copyfileobj(source, target)
    except OSError as error:
        raise InputError(f"{error.filename or output}: {error.strerror}", "name a file that can be written") from None
    print(f"{output}: written")


def _files(config: Path) -> "RecordingFiles":
    from dialer import settings
    from dialer.adapters.recordings import RecordingFiles

    return RecordingFiles(settings.load(config).recordings.folder)
