"""`dialer cases check` and `dialer cases import`: bringing cases in."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import EXIT_NO, AwayError, DialerError, InputError

if TYPE_CHECKING:
    from dialer.cases.importing import Batch, Defaults, Parsed, Profile, Reading, Reject

app = typer.Typer(help="Cases of debtors.", no_args_is_help=True)
SHOWN_REJECTS = 20
MOST_JSON_REJECTS = 1_000
AGAIN = "import the file again: what came in changes nothing"

File = Annotated[Path, typer.Argument(help="a CSV or Excel file; its columns are in docs/reference/cases-csv.md")]
ProfileName = Annotated[
    str | None, typer.Option("--profile", help="how the creditor writes: profiles/NAME.toml beside the configuration")
]
RejectsPath = Annotated[Path | None, typer.Option(help="write the rejected rows here, with the reasons")]
Region = Annotated[str, typer.Option(help="country of numbers without a country code (ISO 3166)")]
Zone = Annotated[str, typer.Option(help="time zone of debtors whose row names none (IANA, as Europe/Rome)")]
Language = Annotated[str, typer.Option(help="language of debtors whose row names none (ISO 639-1)")]


@dataclass(slots=True)
class Counts:
    """What came of a file. known: cases in which nothing changed. rejected_rows: of which nothing came in."""

    rows: int = 0
    cases: int = 0
    new: int = 0
    changed: int = 0
    known: int = 0
    rejected_rows: int = 0
    rejected_cells: int = 0
    told: list["Reject"] = field(default_factory=list)

    def count(self, batch: "Batch") -> None:
        self.rows += batch.rows
        self.cases += len(batch.cases)
        for row in batch.rejected:
            self.rejected_rows += row.lost
            self.rejected_cells += len(row.rejects)
            self.told += row.rejects[: MOST_JSON_REJECTS - len(self.told)]

    def as_json(self) -> dict[str, Any]:
        numbers = {name: getattr(self, name) for name in ("rows", "cases", "new", "changed", "known", "rejected_rows")}
        return numbers | {"rejects": [asdict(reject) for reject in self.told]}


@dataclass(frozen=True, slots=True)
class Wish:
    """A file, and how to read it."""

    file: Path
    defaults: "Defaults"
    profile: "Profile | None"

    @contextmanager
    def reading(self) -> Iterator["Reading"]:
        from dialer.cases.importing import Reading

        try:
            with self.file.open("rb") as opened:
                yield Reading(opened, self.defaults, self.profile)
        except OSError as error:
            if error.filename != str(self.file):
                raise
            raise InputError(f"{self.file}: {error.strerror}", "name a CSV file that can be read") from None
        except InputError as error:
            raise InputError(f"{self.file}: {error}", error.remedy) from None


@app.command("check")
def check(
    file: File,
    config: Config = DEFAULT_CONFIG,
    *,
    profile: ProfileName = None,
    rejects: RejectsPath = None,
    region: Region = "IT",
    zone: Zone = "",
    language: Language = "it",
    as_json: AsJson = False,
) -> None:
    """Say how a file is read, and which rows can't come in. Needs no record and no campaign, and changes nothing."""
    wish = _wish(file, config, profile, region, zone, language)
    counts = Counts()
    first: list[tuple[str, str]] = []
    with wish.reading() as reading, rejects_file(rejects, wish, reading) as write:
        form = reading.form
        for batch in _shown(reading.batches(), quiet=as_json):
            counts.count(batch)
            write(batch)
            first += [(case.debtor_name, str(case.debts[0].amount)) for case in batch.cases[: 5 - len(first)]]
    if as_json:
        print_json({"file": str(file), "form": form} | counts.as_json())
    else:
        print(f"{file}: {form}; the first names and amounts in it:")
        for name, amount in first:
            print(f"  {name}, {amount}")
        _print_rejects(counts)
        print(f"{counts.cases} cases in {counts.rows} rows; {counts.rejected_rows} rows rejected")
    if counts.rejected_cells:
        raise typer.Exit(EXIT_NO)


@app.command("import")
def import_(
    file: File,
    campaign: Annotated[str, typer.Option("--campaign", help="the campaign that works them")],
    config: Config = DEFAULT_CONFIG,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would happen")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="take in nothing if any row is rejected")] = False,
    profile: ProfileName = None,
    rejects: RejectsPath = None,
    region: Region = "IT",
    zone: Zone = "",
    language: Language = "it",
    as_json: AsJson = False,
) -> None:
    """Take in cases. Rows that can't come in are named with row, column, value, reason and remedy (exit code 1).

    A file can be imported again: what is known changes nothing, and an import that was stopped goes on.
    """
    from dialer import settings

    loaded = settings.load(config)
    if campaign not in loaded.campaigns:
        known = ", ".join(loaded.campaigns) or "none"
        raise InputError(f"no campaign is named {campaign!r}", f"name one of the configuration: {known}")
    wish = _wish(file, config, profile, region, zone, language)
    counts = Counts()
    refused = False
    with wish.reading() as reading, rejects_file(rejects, wish, reading) as write:
        if strict:
            for batch in _shown(reading.batches(), quiet=as_json):
                counts.count(batch)
                write(batch)
            refused = counts.rejected_cells > 0
    if not refused:
        counts = Counts()
        with wish.reading() as reading, rejects_file(rejects, wish, reading) as write:
            _take_in(loaded, campaign, _shown(reading.batches(), quiet=as_json), write, counts, dry_run=dry_run)
    if as_json:
        print_json({"file": str(file)} | counts.as_json() | {"dry_run": dry_run})
    else:
        _print_rejects(counts)
        _print(file, counts, dry_run=dry_run, refused=refused)
    if counts.rejected_cells:
        raise typer.Exit(EXIT_NO)


async def add(loaded: Any, campaign: str, parsed: "Parsed") -> tuple[int, int]:
    """Take in what was read as a whole; how many cases are new, and how many were known."""
    from dialer.adapters.store.cases import SqlCaseBook
    from dialer.adapters.store.database import open_database
    from dialer.adapters.store.writer import Writer
    from dialer.settings import place

    engine = await open_database(place(loaded.store))
    try:
        added = await SqlCaseBook(engine, Writer(engine)).add(campaign, parsed.cases, _now(loaded))
        return added.new, added.known
    finally:
        await engine.dispose()


def _take_in(
    loaded: Any,
    campaign: str,
    batches: Iterator["Batch"],
    write: Callable[["Batch"], None],
    counts: Counts,
    *,
    dry_run: bool,
) -> None:
    try:
        asyncio.run(_take_in_all(loaded, campaign, batches, write, counts, dry_run=dry_run))
    except AwayError as error:
        remedy = f"{error.remedy}; then {AGAIN}" if error.remedy else AGAIN
        raise AwayError(f"{error}; {counts.rows} rows are done", remedy) from None
    except KeyboardInterrupt:
        raise DialerError(f"stopped; {counts.rows} rows are done", f"to go on, {AGAIN}") from None


async def _take_in_all(
    loaded: Any,
    campaign: str,
    batches: Iterator["Batch"],
    write: Callable[["Batch"], None],
    counts: Counts,
    *,
    dry_run: bool,
) -> None:
    from dialer.adapters.store.database import open_database
    from dialer.adapters.store.importing import SqlImport
    from dialer.settings import place

    where = place(loaded.store)
    if dry_run and not where.url and not where.path.exists():  # nothing is known, and a dry run makes no record
        for batch in batches:
            write(batch)
            counts.count(batch)
            counts.new += len(batch.cases)
        return
    engine = await open_database(where)
    try:
        now = _now(loaded)
        for batch in batches:
            if batch.cases:
                added = await SqlImport(engine).take_in(campaign, batch.cases, now, dry_run=dry_run)
                counts.new += added.new
                counts.changed += added.changed
                counts.known += added.known
            write(batch)
            counts.count(batch)
    finally:
        await engine.dispose()


def _now(loaded: Any) -> Any:
    from dialer.kernel.clock import SystemClock

    return SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds)).now()


def _wish(file: Path, config: Path, profile: str | None, region: str, zone: str, language: str) -> Wish:
    from dialer.cases.importing import Defaults
    from dialer.cases.importing.profile import FOLDER, load

    defaults = Defaults(region=region, zone=zone, language=language)
    return Wish(file, defaults, load(profile, config.parent / FOLDER) if profile else None)


@contextmanager
def rejects_file(path: Path | None, wish: Wish, reading: "Reading") -> Iterator[Callable[["Batch"], None]]:
    """Writes the rejected rows of a batch; to nowhere where no path is given. The file is its owner's alone."""
    from dialer.cases.importing import RejectsFile

    if path is None:
        yield lambda _: None
        return
    with ExitStack() as stack:
        try:
            if path.exists() and path.samefile(wish.file):
                raise InputError(f"--rejects {path}: is the file that is imported", "name another file")
            out: TextIO = stack.enter_context(os.fdopen(_private(path), "w", encoding="utf-8", newline=""))
        except OSError as error:
            raise InputError(f"--rejects {path}: {error.strerror}", "name a file that can be written") from None
        rejected: RejectsFile = RejectsFile(out, wish.file.name, reading.header)
        yield lambda batch: rejected.write(batch.rejected)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _shown(batches: Iterator["Batch"], *, quiet: bool) -> Iterator["Batch"]:
    """The batches, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield from batches
        return
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn())
    rows = 0
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, rows=0)
        for batch in batches:
            yield batch
            rows += batch.rows
            progress.update(task, total=1.0 if batch.done else None, completed=batch.done, rows=rows)


def _print_rejects(counts: Counts) -> None:
    for reject in counts.told[:SHOWN_REJECTS]:
        where = f"row {reject.row}" + (f", column {reject.column}" if reject.column else "")
        value = f" {reject.value!r}" if reject.value else ""
        kept = "" if reject.row_lost else " (the case comes in without it)"
        print(f"{where}:{value} {reject.reason}: {reject.remedy}{kept}")
    if counts.rejected_cells > SHOWN_REJECTS:
        print(f"… and {counts.rejected_cells - SHOWN_REJECTS} more: write them to a file with --rejects FILE")


def _print(file: Path, counts: Counts, *, dry_run: bool, refused: bool) -> None:
    if refused:
        print(f"{file}: nothing came in: {counts.rejected_cells} cells are wrong and --strict is set")
        return
    verb = "would come in" if dry_run else "came in"
    print(
        f"{file}: {counts.new} new cases {verb}, {counts.changed} changed, {counts.known} known before, "
        f"{counts.rejected_rows} of {counts.rows} rows rejected"
    )
