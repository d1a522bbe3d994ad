"""`dialer cases`: bringing cases in."""

import asyncio
import csv
import io
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from dialer.cases import importing
from dialer.cases.importing import Parsed
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import EXIT_NO, AwayError, InputError

app = typer.Typer(help="Cases of debtors.", no_args_is_help=True)
SHOWN_REJECTS = 20


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="a CSV file; its columns are in docs/reference/cases-csv.md")],
    campaign: Annotated[str, typer.Option("--campaign", help="the campaign that works them")],
    config: Config = DEFAULT_CONFIG,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would happen")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="take in nothing if any row is rejected")] = False,
    rejects: Annotated[Path | None, typer.Option(help="write the rejected rows here, with the reasons")] = None,
    region: Annotated[str, typer.Option(help="country of numbers without a country code (ISO 3166)")] = "IT",
    zone: Annotated[str, typer.Option(help="time zone of debtors whose row names none (IANA, as Europe/Rome)")] = "",
    language: Annotated[str, typer.Option(help="language of debtors whose row names none (ISO 639-1)")] = "it",
    as_json: AsJson = False,
) -> None:
    """Take in cases. Rows that can't come in are named with row, column, value, reason and remedy (exit code 1)."""
    from dialer import settings

    loaded = settings.load(config)
    if campaign not in loaded.campaigns:
        known = ", ".join(loaded.campaigns) or "none"
        raise InputError(f"no campaign is named {campaign!r}", f"name one of the configuration: {known}")
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}", "name a CSV file that can be read") from None
    defaults = importing.Defaults(region=region, zone=zone, language=language)
    try:
        parsed = importing.parse(raw, defaults)
    except InputError as error:
        raise InputError(f"{file}: {error}", error.remedy) from None
    lost = {reject.row for reject in parsed.rejects if reject.row_lost}
    new = known_cases = 0
    if rejects is not None:
        try:
            rejects.write_text(_rejects_csv(raw, parsed), encoding="utf-8")
        except OSError as error:
            raise InputError(f"--rejects {rejects}: {error.strerror}", "name a file that can be written") from None
    if not dry_run and not (strict and parsed.rejects):
        try:
            new, known_cases = asyncio.run(add(loaded, campaign, parsed))
        except AwayError as error:
            again = "import the file again then: what came in already changes nothing"
            raise AwayError(str(error), f"{error.remedy}; {again}" if error.remedy else again) from None
    summary = {
        "file": str(file),
        "rows": parsed.rows,
        "cases": len(parsed.cases),
        "new": new,
        "known": known_cases,
        "rejected_rows": len(lost),
        "dry_run": dry_run,
    }
    if as_json:
        print_json(summary | {"rejects": [asdict(reject) for reject in parsed.rejects]})
    else:
        _print(summary, parsed, dry_run=dry_run, refused=strict and bool(parsed.rejects))
    if parsed.rejects:
        raise typer.Exit(EXIT_NO)


async def add(loaded: Any, campaign: str, parsed: Parsed) -> tuple[int, int]:
    from dialer.adapters.store.cases import SqlCaseBook
    from dialer.adapters.store.database import open_database
    from dialer.adapters.store.writer import Writer
    from dialer.kernel.clock import SystemClock
    from dialer.settings import place

    engine = await open_database(place(loaded.store))
    try:
        now = SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds)).now()
        added = await SqlCaseBook(engine, Writer(engine)).add(campaign, parsed.cases, now)
        return added.new, added.known
    finally:
        await engine.dispose()


def _print(summary: dict[str, Any], parsed: Parsed, *, dry_run: bool, refused: bool) -> None:
    for reject in parsed.rejects[:SHOWN_REJECTS]:
        where = f"row {reject.row}" + (f", column {reject.column}" if reject.column else "")
        value = f" {reject.value!r}" if reject.value else ""
        kept = "" if reject.row_lost else " (the case comes in without it)"
        print(f"{where}:{value} {reject.reason}: {reject.remedy}{kept}")
    if len(parsed.rejects) > SHOWN_REJECTS:
        print(f"… and {len(parsed.rejects) - SHOWN_REJECTS} more: write them to a file with --rejects FILE")
    verb = "would come in" if dry_run else "came in"
    if refused:
        print(f"{summary['file']}: nothing came in: {len(parsed.rejects)} cells are wrong and --strict is set")
        return
    counts = f"{summary['cases']} cases" if dry_run else f"{summary['new']} new cases"
    known = "" if dry_run else f", {summary['known']} known before"
    print(f"{summary['file']}: {counts} {verb}{known}, {summary['rejected_rows']} of {summary['rows']} rows rejected")


def _rejects_csv(raw: bytes, parsed: Parsed) -> str:
    """The rejected rows as a CSV of the same columns, with the reason behind each."""
    rows = importing.rows_of(raw)
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow([*rows[0], "reason"])
    reasons: dict[int, list[str]] = {}
    for reject in parsed.rejects:
        reasons.setdefault(reject.row, []).append(f"{reject.column}: {reject.reason}: {reject.remedy}")
    for number, texts in sorted(reasons.items()):
        cells = rows[number - 1] if number <= len(rows) else [""] * len(rows[0])  # one that isn't CSV has none
        writer.writerow([*cells, " | ".join(texts)])
    return out.getvalue()
