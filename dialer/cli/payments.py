"""`dialer cases payments`: what debtors paid to the creditor, and what was taken back."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli import intake
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.cli.record import now_of, opened_record
from dialer.kernel.errors import EXIT_NO

if TYPE_CHECKING:
    from dialer.adapters.store.payments import SqlPayments
    from dialer.cases.dossier import RefusedPayment
    from dialer.cases.importing import RejectedRow
    from dialer.cases.importing.payments import PaymentBatch, PaymentReading, TakenPayment

BY = "import"
"""Who put an imported payment on record."""


def payments(
    file: intake.File,
    config: Config = DEFAULT_CONFIG,
    *,
    returned: Annotated[
        bool, typer.Option("--returned", help="the file lists payments that were taken back, as bounced direct debits")
    ] = False,
    profile: intake.ProfileName = None,
    rejects: intake.RejectsPath = None,
    as_json: AsJson = False,
) -> None:
    """Take in payments, or with --returned those taken back. Each counts once, by creditor and its reference.

    A case of which nothing is left is closed; one that owes again is due again. Rows that can't come in are named with
    row, column, value, reason and remedy (exit code 1).
    """
    from dialer import settings
    from dialer.cases.importing.payments import PaymentReading

    loaded = settings.load(config)
    known = intake.profile_of(profile, config)
    counts = _Counts()
    latest = now_of(loaded).date() + timedelta(days=1)  # it may be tomorrow where the creditor is
    with (
        intake.reading_of(file, lambda raw: PaymentReading(raw, known, latest=latest, returned=returned), rejects) as (
            reading,
            write,
        ),
        intake.saying_how_far(counts),
    ):
        asyncio.run(_take_in(loaded, reading, write, counts, quiet=as_json))
    if as_json:
        print_json({"file": str(file), "settled": counts.settled, "reopened": counts.reopened} | counts.as_json())
    else:
        counts.print_rejects()
        print(
            f"{file}: {counts.new} payments came in, {counts.known} known before, {counts.rejected_rows} of "
            f"{counts.rows} rows rejected; {counts.settled} cases are paid, {counts.reopened} owe again"
        )
    if counts.rejected_cells:
        raise typer.Exit(EXIT_NO)


@dataclass(slots=True)
class _Counts(intake.Counts):
    settled: int = 0
    reopened: int = 0


async def _take_in(
    loaded: Any, reading: "PaymentReading", write: intake.Write, counts: _Counts, *, quiet: bool
) -> None:
    from dialer.adapters.store.payments import SqlPayments
    from dialer.settings import place

    async with opened_record(place(loaded.store)) as engine:
        for batch in intake.progress(reading.batches(), quiet=quiet):
            rejected = [*batch.rejected, *await _add(SqlPayments(engine), reading, batch, counts, now_of(loaded))]
            rejected.sort(key=lambda row: row.rejects[0].row)
            write(rejected)
            counts.count(batch.rows, rejected)


async def _add(
    store: "SqlPayments", reading: "PaymentReading", batch: "PaymentBatch", counts: _Counts, now: datetime
) -> list["RejectedRow"]:
    by_creditor: dict[str, list[TakenPayment]] = {}
    for taken in batch.taken:
        by_creditor.setdefault(taken.creditor, []).append(taken)
    rejected = []
    for creditor, theirs in by_creditor.items():
        added = await store.add(creditor, [taken.payment for taken in theirs], BY, now)
        counts.new += added.new
        counts.known += added.known
        counts.settled += len(added.settled)
        counts.reopened += len(added.reopened)
        rejected += [_rejected(reading, theirs[refused.at], refused) for refused in added.refused]
    return rejected


def _rejected(reading: "PaymentReading", taken: "TakenPayment", refused: "RefusedPayment") -> "RejectedRow":
    """What only the record could know."""
    from dialer.cases.importing.rejects import RowError

    if refused.why.startswith("no such debt"):
        return reading.rejected(
            taken.record, RowError("debt_reference", taken.payment.debt_reference, refused.why, refused.remedy)
        )
    if refused.why.startswith("the debt is in"):
        return reading.rejected(
            taken.record, RowError("currency", taken.payment.amount.currency, refused.why, refused.remedy)
        )
    return reading.rejected(
        taken.record, RowError("payment_reference", taken.payment.reference, refused.why, refused.remedy)
    )
