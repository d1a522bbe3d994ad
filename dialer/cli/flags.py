"""`dialer cases flags`: what stops calls to debtors, as their creditor tells it."""

import asyncio
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

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
from dialer.kernel.errors import EXIT_NO, AwayError, DialerError, RefusedError

if TYPE_CHECKING:
    from dialer.adapters.store.flagged import Flagged
    from dialer.cases.importing.flags import FlagBatch, FlagReading, FlagWord


def flags(
    file: File,
    config: Config = DEFAULT_CONFIG,
    *,
    profile: ProfileName = None,
    rejects: RejectsPath = None,
    region: Annotated[str, typer.Option(help="country of numbers without a country code (ISO 3166)")] = "IT",
    as_json: AsJson = False,
) -> None:
    """Tell the running daemon what a creditor's file says of its debtors: each flag stops calls from then on.

    What stands already changes nothing. Rows that can't come in are named with row, column, value, reason and remedy
    (exit code 1).
    """
    from dialer import settings
    from dialer.cases.importing.flags import FlagReading

    loaded = settings.load(config)
    known = profile_of(profile, config)
    counts = Counts()
    with (
        opened(file, lambda raw: FlagReading(raw, known, region)) as reading,
        rejects_to(rejects, file, reading.header) as write,
    ):
        try:
            for batch in progress(reading.batches(), quiet=as_json):
                _take_in(loaded, config, file, reading, batch, write, counts)
        except AwayError as error:
            raise AwayError(f"{error}; {counts.rows} rows are done", f"{error.remedy}; then {AGAIN}") from None
    if as_json:
        print_json({"file": str(file)} | counts.as_json())
    else:
        counts.print_rejects()
        print(
            f"{file}: {counts.new} flags were set, {counts.changed} lifted, {counts.known} known before, "
            f"{counts.rejected_rows} of {counts.rows} rows rejected"
        )
    if counts.rejected_cells:
        raise typer.Exit(EXIT_NO)


def _take_in(
    loaded: Any, config: Path, file: Path, reading: "FlagReading", batch: "FlagBatch", write: Write, counts: Counts
) -> None:
    from dialer.cases.importing.rejects import RowError

    now = now_of(loaded)
    rejected = list(batch.rejected)
    for word, debtor in zip(batch.words, asyncio.run(_debtors(loaded, batch, now)), strict=True):
        if debtor is None:
            error = RowError(
                "debtor_reference", word.debtor_reference, "no such debtor of this creditor", "correct the reference"
            )
            rejected.append(reading.rejected(word.record, error))
        elif _stands(word, debtor) is not word.lifted:
            counts.known += 1
        else:
            try:
                _tell(config, file, word, debtor)
            except (AwayError, RefusedError):
                raise
            except DialerError as said:
                rejected.append(reading.rejected(word.record, RowError("flag", word.name, str(said), said.remedy)))
            else:
                counts.changed += word.lifted
                counts.new += not word.lifted
    rejected.sort(key=lambda row: row.rejects[0].row)
    write(rejected)
    counts.count(batch.rows, rejected)


async def _debtors(loaded: Any, batch: "FlagBatch", now: datetime) -> list["Flagged | None"]:
    from dialer.adapters.store.database import open_database
    from dialer.adapters.store.flagged import SqlFlagged
    from dialer.settings import place

    engine = await open_database(place(loaded.store))
    try:
        store = SqlFlagged(engine)
        return [await store.debtor(word.creditor, word.debtor_reference, now) for word in batch.words]
    finally:
        await engine.dispose()


def _stands(word: "FlagWord", debtor: "Flagged") -> bool:
    """Whether the same flag stands already, to the same instant where one is to be set."""
    return any(
        (flag.name, flag.number, flag.debt_id) == (word.name, word.number, None)
        and (word.lifted or flag.until == _until(word, debtor))
        for flag in debtor.standing
    )


def _until(word: "FlagWord", debtor: "Flagged") -> datetime | None:
    """The end of the last day, where the debtor is."""
    if word.until is None:
        return None
    return datetime.combine(word.until + timedelta(days=1), time(), ZoneInfo(debtor.zone or "UTC"))


def _tell(config: Path, file: Path, word: "FlagWord", debtor: "Flagged") -> None:
    from dialer.cli.client import ask

    until = _until(word, debtor)
    body = {
        "kind": "lift" if word.lifted else "flag",
        "case": debtor.case_id,
        "name": word.name,
        "number": word.number,
        "until": until.isoformat() if until and not word.lifted else None,
        "by": word.creditor,
        "evidence": word.evidence or f"the creditor's file {file.name}",
    }
    ask(config, "POST", "/api/v1/ledger", {key: value for key, value in body.items() if value is not None})
