"""`dialer letters`: writing them in a batch, handing them to the post, and telling what became of them."""

import csv
import os
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cases.letter import LetterDates
from dialer.cli import intake
from dialer.cli.case import By
from dialer.cli.input import day_of, viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import with_record
from dialer.kernel.errors import EXIT_NO, InputError, UnknownNameError
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.cases.importing.letters import LetterBatch, LetterReading
    from dialer.cases.importing.rejects import RejectedRow
    from dialer.cases.letter import Due, Letter
    from dialer.outcomes.lettering import LetterRulesOf

app = typer.Typer(help="Reminders, registered letters and PEC.", no_args_is_help=True)
MOST_AT_ONCE = 10_000
"""Letters of a batch: what is left over comes with the next one."""
INDEX = "letters.csv"
Folder = Annotated[Path, typer.Argument(help="a new folder, or an empty one: PDFs, and letters.csv for the post")]
Letter_ = Annotated[str, typer.Argument(metavar="LETTER", help="as 17-1")]


@app.command("due")
def due(
    config: Config = DEFAULT_CONFIG,
    *,
    campaign: Annotated[str | None, typer.Option(help="only those of this campaign")] = None,
    as_json: AsJson = False,
) -> None:
    """For which cases a letter is due, the longest first."""
    rules = _rules(config)

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.letters import SqlLetters

        return await SqlLetters(engine).due(now, campaign, (), MOST_AT_ONCE)

    found = [(one, rules(one.campaign, one.creditor).step(one.letters).kind) for one in with_record(config, read)]
    if as_json:
        print_json({"cases": [plain(one) | {"kind": kind} for one, kind in found]})
        return
    rows = ((one.case_id, one.campaign, one.creditor, kind, one.letters, one.why) for one, kind in found)
    print_table("Letters due", ("case", "campaign", "creditor", "kind", "had before", "why"), rows)


@app.command("write")
def write(
    folder: Folder,
    config: Config = DEFAULT_CONFIG,
    *,
    campaign: Annotated[str | None, typer.Option(help="only those of this campaign")] = None,
    case: Annotated[list[int] | None, typer.Option(help="only this case's; may stand several times")] = None,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="also where flags stand about the debtor; only with --case")
    ] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Write the letters that are due: each is on record with every word of it, and stands in the folder as a PDF.

    letters.csv, written last, lists them for the post. A letter that can't be written is told with its case, why, and
    what to do (exit code 1); it stays due.
    """
    if flagged and not case:
        raise InputError("--flagged without --case", "name the cases that somebody decided about")
    rules, author = _rules(config), viewer(by)
    _new(folder)

    async def run(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.letters import SqlLetters

        waiting = await SqlLetters(engine).due(now, campaign, case or (), MOST_AT_ONCE)
        batch = f"{now:%Y%m%d-%H%M%S}"
        written: list[Letter] = []
        refused: list[tuple[int, str, str]] = []
        for one in waiting:
            letter = await _write(engine, one, rules, batch, author, now, folder, refused, flagged=flagged)
            if letter is not None:
                written.append(letter)
        _index(folder, written)
        return batch, written, refused

    batch, written, refused = with_record(config, run)
    if as_json:
        told = [{"case": case_id, "why": why, "remedy": remedy} for case_id, why, remedy in refused]
        print_json({"batch": batch, "letters": [_line(letter) for letter in written], "refused": told})
    else:
        for case_id, why, remedy in refused:
            print(f"case {case_id}: not written: {why}: {remedy}")
        print(f"batch {batch}: {len(written)} letters in {folder}")
    if refused:
        raise typer.Exit(EXIT_NO)


@app.command("export")
def export(
    folder: Folder,
    batch: Annotated[str, typer.Option(help="as dialer letters write told it")],
    config: Config = DEFAULT_CONFIG,
    *,
    by: By = "",
) -> None:
    """Make the files of a batch once more, as they were: for a folder that was lost. Who did is on record."""
    author = viewer(by)
    _new(folder)

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.dossiers import SqlDossiers
        from dialer.adapters.store.letters import SqlLetters

        found = await SqlLetters(engine).find(batch, None, None, MOST_AT_ONCE)
        left = [letter for letter in found if letter.state != "cancelled"]
        for letter in left:
            await SqlDossiers(engine).viewed(letter.case_id, author, "letter", now)
        return left

    found = with_record(config, read)
    if not found:
        raise UnknownNameError(f"no letters of batch {batch!r}", "dialer letters list shows the batches")
    for letter in found:
        _print(folder, letter)
    _index(folder, found)
    print(f"{len(found)} letters in {folder}")


@app.command("list")
def list_(
    config: Config = DEFAULT_CONFIG,
    *,
    batch: Annotated[str | None, typer.Option(help="only those of this batch")] = None,
    state: Annotated[str | None, typer.Option(help="written, sent, received, returned or cancelled")] = None,
    as_json: AsJson = False,
) -> None:
    """What was written, and what became of it, the newest first."""
    states = ("written", "sent", "received", "returned", "cancelled")
    if state is not None and state not in states:
        raise InputError(f"--state {state!r}: no state of a letter", f"name one of {', '.join(states)}")

    async def read(engine: "AsyncEngine", _: datetime) -> Any:
        from dialer.adapters.store.letters import SqlLetters

        return await SqlLetters(engine).find(batch, None, state, MOST_AT_ONCE)

    found = with_record(config, read)
    if as_json:
        print_json({"letters": [_line(letter) for letter in found]})
        return
    columns = ("letter", "kind", "template", "version", "batch", "written on", "total", "state", "since", "tracking")
    rows = (
        (one.id, one.kind, one.template, one.version, one.batch, one.written_on, one.total, one.state, _since(one),
         one.dates.tracking)
        for one in found
    )  # fmt: skip
    print_table("Letters", columns, rows)


@app.command("show")
def show(letter: Letter_, config: Config = DEFAULT_CONFIG, *, by: By = "", as_json: AsJson = False) -> None:
    """What stands in a letter, word for word. Who looked is on record: see `dialer case views`."""

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.dossiers import SqlDossiers
        from dialer.adapters.store.letters import SqlLetters

        found = await SqlLetters(engine).find(None, letter, None, 1)
        if found:
            await SqlDossiers(engine).viewed(found[0].case_id, viewer(by), "letter", now)
        return found

    found = with_record(config, read)
    if not found:
        raise _no_letter(letter)
    if as_json:
        print_json(_line(found[0]) | {"content": plain(found[0].content)})
        return
    content = found[0].content
    print(f"{found[0].id}: {found[0].kind}, {found[0].template} {found[0].version}, {found[0].state}")
    print(f"\n{content.name}\n\n{content.subject}\n\n{content.body}")


@app.command("tell")
def tell(
    config: Config = DEFAULT_CONFIG,
    *,
    letter: Annotated[list[str] | None, typer.Option(help="as 17-1; may stand several times")] = None,
    batch: Annotated[str | None, typer.Option(help="all of this batch that weren't cancelled")] = None,
    sent_on: Annotated[str, typer.Option(help="the day, as 2026-11-24")] = "",
    received_on: Annotated[str, typer.Option(help="the day: of a formal demand it interrupts limitation")] = "",
    returned_on: Annotated[str, typer.Option(help="the day on which it came back undelivered")] = "",
    cancelled: Annotated[bool, typer.Option("--cancelled", help="it was never sent: another one is due")] = False,
    tracking: Annotated[str, typer.Option(help="the number of the registered letter, or the PEC's")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Put on record what became of letters: the case goes on by it, and limitation dates move. What stands there already
    changes nothing, and another day corrects it.
    """
    if not letter and batch is None:
        raise InputError("neither --letter nor --batch", "name what was sent")
    sent, received, returned = (
        day_of(name, text) if text else None
        for name, text in (("--sent-on", sent_on), ("--received-on", received_on), ("--returned-on", returned_on))
    )
    if not (sent or received or returned or cancelled or tracking):
        raise InputError("nothing is told", "say --sent-on, --received-on, --returned-on, --tracking or --cancelled")

    async def write_(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.letters import SqlLetters

        store, told = SqlLetters(engine), []
        ids = list(letter or ())
        if batch is not None:
            of_batch = await store.find(batch, None, None, MOST_AT_ONCE)
            ids += [one.id for one in of_batch if one.dates.cancelled_on is None]
            if not of_batch:
                raise UnknownNameError(f"no letters of batch {batch!r}", "dialer letters list shows the batches")
        dates = LetterDates(sent, received, returned, now.date() if cancelled else None, tracking or None)
        for name in ids:
            try:
                told.append(await store.tell(name, dates, viewer(by), now))
            except LookupError:
                raise _no_letter(name) from None
            except InputError as error:
                raise InputError(f"letter {name}: {error}", error.remedy) from None
        return told

    told = with_record(config, write_)
    if as_json:
        print_json({"letters": [_line(one) | {"changed": changed} for one, changed in told]})
    else:
        print(f"{sum(changed for _, changed in told)} letters changed, {len(told)} told")


@app.command("import")
def import_(
    file: intake.File,
    config: Config = DEFAULT_CONFIG,
    *,
    profile: intake.ProfileName = None,
    rejects: intake.RejectsPath = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Take in letters.csv as it comes back from the post, with the days filled in.

    Empty cells say nothing, and what stands there already changes nothing. Rows that can't come in are named with row,
    column, value, reason and remedy (exit code 1).
    """
    from dialer.cases.importing.letters import LetterReading

    known, counts = intake.profile_of(profile, config), intake.Counts()

    async def take_in(engine: "AsyncEngine", now: datetime) -> None:
        for batch in intake.progress(reading.batches(), quiet=as_json):
            rejected = [*batch.rejected, *await _tell(engine, reading, batch, counts, viewer(by), now)]
            rejected.sort(key=lambda row: row.rejects[0].row)
            put(rejected)
            counts.count(batch.rows, rejected)

    with intake.reading_of(file, lambda raw: LetterReading(raw, known), rejects) as (reading, put):
        with_record(config, take_in)
    if as_json:
        print_json({"file": str(file)} | counts.as_json())
    else:
        counts.print_rejects()
        print(
            f"{file}: {counts.changed} letters changed, {counts.known} known before, {counts.rejected_rows} of "
            f"{counts.rows} rows rejected"
        )
    if counts.rejected_cells:
        raise typer.Exit(EXIT_NO)


async def _tell(
    engine: "AsyncEngine", reading: "LetterReading", batch: "LetterBatch", counts: intake.Counts, by: str, now: datetime
) -> list["RejectedRow"]:
    from dialer.adapters.store.letters import SqlLetters
    from dialer.cases.importing.rejects import RowError

    rejected = []
    for told in batch.told:
        try:
            _, changed = await SqlLetters(engine).tell(told.letter, told.dates, by, now)
        except LookupError:
            error = RowError("letter", told.letter, "no such letter", "write its name as the PDF has it")
            rejected.append(reading.rejected(told.record, error))
        except InputError as wrong:
            column, _, why = str(wrong).partition(" ")
            rejected.append(reading.rejected(told.record, RowError(column.rstrip(":"), "", why, wrong.remedy)))
        else:
            counts.changed += changed
            counts.known += not changed
    return rejected


async def _write(
    engine: "AsyncEngine",
    due: "Due",
    rules: "LetterRulesOf",
    batch: str,
    by: str,
    now: datetime,
    folder: Path,
    refused: list[tuple[int, str, str]],
    *,
    flagged: bool,
) -> "Letter | None":
    """One letter: its file, and then its record; what can't be written is added to `refused`."""
    from dialer.adapters import pdf
    from dialer.adapters.store.dossiers import SqlDossiers
    from dialer.adapters.store.letters import SqlLetters
    from dialer.outcomes.lettering import NotWritten, compose

    dossier = await SqlDossiers(engine).look(due.case_id, by, "letter", now, most_moments=0)
    try:
        letter = compose(dossier, due, rules(due.campaign, due.creditor), batch, by, now, flagged=flagged)
        if missing := pdf.missing_signs(letter.content):
            raise NotWritten(f"its font lacks {', '.join(missing)}", "correct the name, address or description")  # noqa: TRY301
        path = _print(folder, letter)
    except NotWritten as why:
        refused.append((due.case_id, str(why), why.remedy))
        return None
    except InputError as error:
        refused.append((due.case_id, str(error), error.remedy))
        return None
    if await SqlLetters(engine).keep([letter]):
        return letter
    path.unlink()  # paid, or decided otherwise, since it was due
    return None


def _print(folder: Path, letter: "Letter") -> Path:
    from dialer.adapters import pdf

    path = folder / _file(letter)
    with os.fdopen(intake.open_private(path), "wb") as out:
        out.write(pdf.render(letter))
    return path


def _index(folder: Path, letters: Iterable["Letter"]) -> None:
    from dialer.cases.importing.columns import LETTER_COLUMNS

    # Italian Excel parts cells by semicolons, and knows UTF-8 by its mark
    with os.fdopen(intake.open_private(folder / INDEX), "w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(LETTER_COLUMNS), delimiter=";", lineterminator="\r\n")
        writer.writeheader()
        for letter in letters:
            content, address = letter.content, letter.content.address
            row = {
                "letter": letter.id,
                "kind": letter.kind.value,
                "file": _file(letter),
                "name": content.name,
                "pec": content.pec,
                "tax_code": content.tax_code,
                "tracking": letter.dates.tracking or "",
                "sent_on": letter.dates.sent_on or "",
                "received_on": letter.dates.received_on or "",
                "returned_on": letter.dates.returned_on or "",
            }
            if address is not None:
                row |= {
                    name: getattr(address, name) for name in ("street", "postal_code", "city", "province", "country")
                }
            writer.writerow({name: _cell(value) for name, value in row.items()})


def _cell(value: Any) -> str:
    """A spreadsheet would compute what begins like a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _file(letter: "Letter") -> str:
    return f"{letter.id}-{letter.kind}.pdf"


def _new(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if any(folder.iterdir()):
            raise InputError(f"{folder}: isn't empty", "name a new folder: batches don't mix")
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}", "name a new folder in one that exists") from None


def _rules(config: Path) -> "LetterRulesOf":
    from dialer import configured, settings

    return configured.letters(settings.load(config))


def _line(letter: "Letter") -> dict[str, Any]:
    same = ("kind", "template", "version", "batch", "written_by", "wait_days", "then")
    return {
        "letter": letter.id,
        "case": letter.case_id,
        "state": letter.state,
        **{name: getattr(letter, name) for name in same},
        "written_at": letter.written_at.isoformat(),
        "total": plain(letter.total),
        "dates": plain(letter.dates),
        "file": _file(letter),
    }


def _since(letter: "Letter") -> date:
    dates = letter.dates
    return dates.cancelled_on or dates.returned_on or dates.received_on or dates.sent_on or letter.written_on


def _no_letter(letter: str) -> UnknownNameError:
    return UnknownNameError(f"there is no letter {letter[:20]!r}", "dialer letters list shows them, as 17-1")
