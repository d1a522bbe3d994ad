"""`dialer mandate`: under what terms creditors entrusted their debts."""

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.input import day_of
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import with_record
from dialer.kernel.errors import InputError
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.cases.mandate import Mandate

app = typer.Typer(help="Under what terms creditors entrusted their debts.", no_args_is_help=True)
MOST_RETENTION_DAYS = 36_600


@app.command("set")
def set_(
    creditor: Annotated[str, typer.Argument(help="the creditor, as the cases name it")],
    reference: Annotated[str, typer.Argument(help="its key of the mandate; cases name it in their column mandate")],
    licence: Annotated[str, typer.Option(help="the permission under which it is worked, as TULPS 115 n. 12/2026")],
    starts_on: Annotated[str, typer.Option(help="its first day, as 2026-01-31")],
    retention_days: Annotated[
        int, typer.Option(help="how long data is kept after the last activity, if packs don't want it longer")
    ],
    config: Config = DEFAULT_CONFIG,
    *,
    ends_on: Annotated[str, typer.Option(help="its last day; open if empty")] = "",
    pack: Annotated[list[str] | None, typer.Option(help="a pack that applies; may stand several times")] = None,
    currency: Annotated[str, typer.Option(help="ISO 4217")] = "EUR",
    as_json: AsJson = False,
) -> None:
    """Put a mandate on record, or replace its terms."""
    from dialer import settings
    from dialer.cases.mandate import Mandate
    from dialer.compliance.pack import Shelf

    start = day_of("--starts-on", starts_on)
    end = day_of("--ends-on", ends_on) if ends_on else None
    if end is not None and end < start:
        raise InputError(f"--ends-on {end}: before --starts-on", "correct one of the two")
    if not 0 <= retention_days <= MOST_RETENTION_DAYS:
        raise InputError(f"--retention-days {retention_days}: out of bounds", f"name 0 to {MOST_RETENTION_DAYS}")
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise InputError(f"--currency {currency!r}: not a currency", "write three capital letters, as EUR")
    if not creditor.strip() or not reference.strip():
        raise InputError("CREDITOR or REFERENCE: empty", "name both")
    shelf = Shelf(settings.load(config).compliance.pack_folder)
    for name in pack or ():
        shelf.load(name)
    mandate = Mandate(creditor, reference, licence, start, end, tuple(pack or ()), retention_days, currency)

    async def put(engine: "AsyncEngine", _: datetime) -> None:
        from dialer.adapters.store.mandates import SqlMandates

        await SqlMandates(engine).put(mandate)

    with_record(config, put, create=True)
    if as_json:
        print_json(plain(mandate))
    else:
        print(f"on record: {creditor} {reference}, from {start} {f'to {end}' if end else 'on'}")


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, *, as_json: AsJson = False) -> None:
    """Every mandate with its terms."""

    async def read(engine: "AsyncEngine", now: datetime) -> tuple[list["Mandate"], date]:
        from dialer.adapters.store.mandates import SqlMandates

        return await SqlMandates(engine).all(), now.date()

    found, today = with_record(config, read)
    if as_json:
        print_json({"mandates": [plain(mandate) | {"open": mandate.open_on(today)} for mandate in found]})
        return
    print_table(
        "Mandates",
        ("creditor", "reference", "from", "to", "open", "licence", "packs", "kept days", "currency"),
        (
            (m.creditor, m.reference, m.starts_on, m.ends_on or "", "yes" if m.open_on(today) else "NO", m.licence,
             ", ".join(m.packs), m.retention_days, m.currency)
            for m in found
        ),
    )  # fmt: skip
