"""`dialer cases flags`: what stops calls to debtors, as their creditor tells it."""

import asyncio
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dialer.cli import intake
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.cli.record import now_of, opened_record
from dialer.kernel.errors import EXIT_NO, AwayError, DialerError, RefusedError

if TYPE_CHECKING:
    from dialer.adapters.store.flagged import Flagged
    from dialer.cases.importing.flags import FlagBatch, FlagReading, FlagWord

TOLD_AGAIN = "import the file again: what was told already changes nothing"
FOREVER = datetime.max.replace(tzinfo=UTC)


def flags(
    file: intake.File,
    config: Config = DEFAULT_CONFIG,
    *,
    profile: intake.ProfileName = None,
    rejects: intake.RejectsPath = None,
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
    known = intake.profile_of(profile, config)
    counts = intake.Counts()
    with (
        intake.reading_of(file, lambda raw: FlagReading(raw, known, region), rejects) as (reading, write),
        intake.saying_how_far(counts, TOLD_AGAIN),
    ):
        for batch in intake.progress(reading.batches(), quiet=as_json):
            _take_in(loaded, config, file, reading, batch, write, counts)
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
    loaded: Any,
    config: Path,
    file: Path,
    reading: "FlagReading",
    batch: "FlagBatch",
    write: intake.Write,
    counts: intake.Counts,
) -> None:
    from dialer.cases.importing.rejects import RowError

    now = now_of(loaded)
    rejected = list(batch.rejected)
    told: dict[tuple[Any, ...], datetime | None] = {}  # by the batch's own rows, told since
    for word, debtor in zip(batch.words, asyncio.run(_debtors(loaded, batch, now)), strict=True):
        if debtor is None:
            error = RowError(
                "debtor_reference", word.debtor_reference, "no such debtor of this creditor", "correct the reference"
            )
            rejected.append(reading.rejected(word.record, error))
            continue
        end = now if word.lifted else _end(word, debtor)
        if end <= now and not word.lifted:
            # the ledger keeps the last word alone: this one would lift the flag
            remedy = "write a day to come, or yes under lifted"
            error = RowError("until", f"{word.until:%d/%m/%Y}", "this day is over", remedy)
            rejected.append(reading.rejected(word.record, error))
            continue
        flag = (debtor.case_id, word.name, word.number)
        stands = told.get(flag, _stands_until(word, debtor))
        if stands is None if word.lifted else stands is not None and stands >= end:
            counts.known += 1
            continue
        try:
            _tell(config, file, word, debtor)
        except (AwayError, RefusedError):
            raise
        except DialerError as said:
            rejected.append(reading.rejected(word.record, RowError("flag", word.name, str(said), said.remedy)))
        else:
            told[flag] = None if word.lifted else end
            counts.changed += word.lifted
            counts.new += not word.lifted
    rejected.sort(key=lambda row: row.rejects[0].row)
    write(rejected)
    counts.count(batch.rows, rejected)


async def _debtors(loaded: Any, batch: "FlagBatch", now: datetime) -> list["Flagged | None"]:
    from dialer.adapters.store.flagged import SqlFlagged
    from dialer.settings import place

    async with opened_record(place(loaded.store)) as engine:
        store = SqlFlagged(engine)
        return [await store.debtor(word.creditor, word.debtor_reference, now) for word in batch.words]


def _stands_until(word: "FlagWord", debtor: "Flagged") -> datetime | None:
    """How long the same flag stands already; None where it doesn't."""
    same = (word.name, word.number, None)
    ends = [flag.until or FOREVER for flag in debtor.standing if (flag.name, flag.number, flag.debt_id) == same]
    return max(ends, default=None)


def _end(word: "FlagWord", debtor: "Flagged") -> datetime:
    """The end of the last day, where the debtor is."""
    if word.until is None:
        return FOREVER
    return datetime.combine(word.until + timedelta(days=1), time(), ZoneInfo(debtor.zone or "UTC"))


def _tell(config: Path, file: Path, word: "FlagWord", debtor: "Flagged") -> None:
    from dialer.cli.client import ask

    body = {
        "kind": "lift" if word.lifted else "flag",
        "case": debtor.case_id,
        "name": word.name,
        "number": word.number,
        "until": _end(word, debtor).isoformat() if word.until and not word.lifted else None,
        "by": word.creditor,
        "evidence": word.evidence or f"the creditor's file {file.name}",
    }
    ask(config, "POST", "/api/v1/ledger", {key: value for key, value in body.items() if value is not None})
