"""`dialer cases check` and `dialer cases import`: bringing cases in."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from dialer.cli.intake import (
    AGAIN,
    Counts,
    File,
    ProfileName,
    RejectsPath,
    Write,
    now_of,
    opened,
    profile_of,
    progress,
    rejects_to,
)
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import EXIT_NO, AwayError, DialerError, InputError

if TYPE_CHECKING:
    from dialer.cases.importing import Batch, Defaults, Parsed, Profile, Reading
    from dialer.cases.mandate import Mandate

app = typer.Typer(help="Cases of debtors.", no_args_is_help=True)
SHOWN_CASES = 5
LONG_BYTES = 1_000_000
"""A file from this size on is worth a process of its own that reads ahead."""
Region = Annotated[str, typer.Option(help="country of numbers without a country code (ISO 3166)")]
Zone = Annotated[str, typer.Option(help="time zone of debtors whose row names none (IANA, as Europe/Rome)")]
Language = Annotated[str, typer.Option(help="language of debtors whose row names none (ISO 639-1)")]


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
    counts = Counts()
    first: list[tuple[str, str]] = []
    cases = 0
    with (
        opened(file, _reader(*_form(config, profile, region, zone, language))) as reading,
        rejects_to(rejects, file, reading.header) as write,
    ):
        for batch in progress(reading.batches(), quiet=as_json):
            counts.count(batch.rows, batch.rejected)
            write(batch.rejected)
            cases += len(batch.cases)
            first += [(case.debtor_name, str(case.debts[0].amount)) for case in batch.cases[: SHOWN_CASES - len(first)]]
    if as_json:
        print_json({"file": str(file), "form": reading.form, "cases": cases} | counts.as_json())
    else:
        print(f"{file}: {reading.form}; the first names and amounts in it:")
        for name, amount in first:
            print(f"  {name}, {amount}")
        counts.print_rejects()
        print(f"{cases} cases in {counts.rows} rows; {counts.rejected_rows} rows rejected")
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
    form = _form(config, profile, region, zone, language)
    reader = _reader(*form)
    counts = Counts()
    refused = False
    strange: list[str] = []
    if strict:
        with opened(file, reader) as reading, rejects_to(rejects, file, reading.header) as write:
            for batch in progress(reading.batches(), quiet=as_json):
                counts.count(batch.rows, batch.rejected)
                write(batch.rejected)
        refused = counts.rejected_cells > 0
    if not refused:
        counts = Counts()
        with opened(file, reader) as reading, rejects_to(rejects, file, reading.header) as write:
            batches = progress(_batches(file, reading, *form), quiet=as_json)
            strange = _take_in(loaded, campaign, batches, write, counts, dry_run=dry_run)
    if as_json:
        print_json({"file": str(file)} | counts.as_json() | {"dry_run": dry_run, "mandates_without_terms": strange})
    else:
        counts.print_rejects()
        _print(file, counts, dry_run=dry_run, refused=refused)
        for mandate in strange:
            print(
                f"warning: no terms are on record of the mandate {mandate}: neither its days nor its licence are checked "
                "before calls; put them on record with dialer mandate set"
            )
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
        added = await SqlCaseBook(engine, Writer(engine)).add(campaign, parsed.cases, now_of(loaded))
        return added.new, added.known
    finally:
        await engine.dispose()


def _form(
    config: Path, profile: str | None, region: str, zone: str, language: str
) -> tuple["Defaults", "Profile | None"]:
    from dialer.cases.importing import Defaults

    return Defaults(region=region, zone=zone, language=language), profile_of(profile, config)


def _reader(defaults: "Defaults", profile: "Profile | None") -> Callable[[BinaryIO], "Reading"]:
    from dialer.cases.importing import Reading

    return lambda raw: Reading(raw, defaults, profile)


def _batches(file: Path, reading: "Reading", defaults: "Defaults", profile: "Profile | None") -> Iterator["Batch"]:
    from dialer.cases.importing.ahead import ahead

    return reading.batches() if file.stat().st_size < LONG_BYTES else ahead(file, defaults, profile)


def _take_in(
    loaded: Any, campaign: str, batches: Iterator["Batch"], write: Write, counts: Counts, *, dry_run: bool
) -> list[str]:
    try:
        return asyncio.run(_take_in_all(loaded, campaign, batches, write, counts, dry_run=dry_run))
    except AwayError as error:
        remedy = f"{error.remedy}; then {AGAIN}" if error.remedy else AGAIN
        raise AwayError(f"{error}; {counts.rows} rows are done", remedy) from None
    except BrokenExecutor:
        raise DialerError(f"the reader was killed; {counts.rows} rows are done", f"to go on, {AGAIN}") from None
    except KeyboardInterrupt:
        raise DialerError(f"stopped; {counts.rows} rows are done", f"to go on, {AGAIN}") from None


async def _take_in_all(
    loaded: Any, campaign: str, batches: Iterator["Batch"], write: Write, counts: Counts, *, dry_run: bool
) -> list[str]:
    """The mandates that the file names, and of which no terms are on record."""
    from dialer.adapters.store.database import open_database
    from dialer.adapters.store.importing import SqlImport
    from dialer.adapters.store.mandates import SqlMandates
    from dialer.settings import place

    where = place(loaded.store)
    named: set[tuple[str, str]] = set()
    if dry_run and not where.url and not where.path.exists():  # nothing is known, and a dry run makes no record
        for batch in batches:
            write(batch.rejected)
            counts.count(batch.rows, batch.rejected)
            counts.new += len(batch.cases)
            named.update((case.creditor, case.mandate) for case in batch.cases if case.mandate)
        return _without_terms(named, [])
    engine = await open_database(where)
    try:
        now = now_of(loaded)
        for batch in batches:
            if batch.cases:
                added = await SqlImport(engine).take_in(campaign, batch.cases, now, batch.joining, dry_run=dry_run)
                counts.new += added.new
                counts.changed += added.changed
                counts.known += added.known
            write(batch.rejected)
            counts.count(batch.rows, batch.rejected)
            named.update((case.creditor, case.mandate) for case in batch.cases if case.mandate)
        return _without_terms(named, await SqlMandates(engine).all())
    finally:
        await engine.dispose()


def _without_terms(named: set[tuple[str, str]], known: "Iterable[Mandate]") -> list[str]:
    strange = named - {(mandate.creditor, mandate.reference) for mandate in known}
    return [f"{reference} of {creditor}" for creditor, reference in sorted(strange)]


def _print(file: Path, counts: Counts, *, dry_run: bool, refused: bool) -> None:
    if refused:
        print(f"{file}: nothing came in: {counts.rejected_cells} cells are wrong and --strict is set")
        return
    verb = "would come in" if dry_run else "came in"
    print(
        f"{file}: {counts.new} new cases {verb}, {counts.changed} changed, {counts.known} known before, "
        f"{counts.rejected_rows} of {counts.rows} rows rejected"
    )
