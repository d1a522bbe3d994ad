"""`dialer cases export`: the cases of a campaign as a file that can be imported."""

import asyncio
import csv
import os
import sys
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from dialer.cli.intake import open_private
from dialer.cli.output import DEFAULT_CONFIG, Config
from dialer.cli.record import opened_record
from dialer.kernel.errors import InputError


def export(
    campaign: Annotated[str, typer.Option("--campaign", help="the campaign whose cases are written")],
    config: Config = DEFAULT_CONFIG,
    *,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="write here instead of printing")] = None,
) -> None:
    """Write every case of a campaign as CSV with the columns of `cases import`. What was paid since isn't in it."""
    from dialer import settings

    loaded = settings.load(config)
    if output is None:
        asyncio.run(_write(loaded, campaign, sys.stdout))
        return
    try:
        descriptor = open_private(output)
    except OSError as error:
        raise InputError(f"{output}: {error.strerror}", "name a file that can be written") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
        written = asyncio.run(_write(loaded, campaign, out))
    print(f"{output}: {written} debts written")


async def _write(loaded: Any, campaign: str, out: TextIO) -> int:
    from dialer.adapters.store.exporting import SqlExport
    from dialer.cases.exporting import rows
    from dialer.cases.importing import COLUMNS
    from dialer.settings import place

    writer = csv.DictWriter(out, list(COLUMNS), delimiter=";", restval="", lineterminator="\n")
    writer.writeheader()
    written = 0
    async with opened_record(place(loaded.store)) as engine:
        async for case in SqlExport(engine).cases_of(campaign):
            for row in rows(case):
                writer.writerow(row)
                written += 1
    return written
