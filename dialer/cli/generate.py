"""`dialer cases generate`: a portfolio that nobody owes, for trials and measurements."""

import csv
import sys
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from dialer.kernel.errors import InputError


def generate(
    debtors: Annotated[int, typer.Argument(min=1, help="how many debtors; about one in seven owes two debts")],
    *,
    seed: Annotated[int, typer.Option(help="the same seed gives the same debtors")] = 1,
    today: Annotated[str | None, typer.Option(help="the day from which debts' ages count; today if not given")] = None,
) -> None:
    """Print a CSV of generated Italian cases. Names are invented, tax codes have the right check letter, and no number
    is a subscriber's: all are of mobile codes that no operator has.
    """
    from dialer.cases.portfolio import COLUMNS, rows

    try:
        day = date.fromisoformat(today) if today else datetime.now(UTC).date()
    except ValueError:
        raise InputError(f"--today {today!r}: not a day", "write it as 2026-11-24") from None
    writer = csv.DictWriter(sys.stdout, COLUMNS, delimiter=";", restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(debtors, seed, day))
