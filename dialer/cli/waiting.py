"""`dialer cases waiting`: cases that no call moves on."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import with_record
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

MOST_SHOWN = 10_000


def waiting(
    config: Config = DEFAULT_CONFIG,
    *,
    campaign: Annotated[str | None, typer.Option(help="only those of this campaign")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="also those whose time comes later, or whose letter is under way")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Which cases wait for a letter, or for a person who decides, the longest first: `dialer case decide` ends it."""

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.waiting import SqlWaiting

        return await SqlWaiting(engine).waiting(None if everything else now, campaign, MOST_SHOWN)

    found = with_record(config, read)
    if as_json:
        print_json({"cases": [plain(one) for one in found]})
        return
    columns = ("case", "campaign", "creditor", "debtor", "waits for", "since (UTC)", "why")
    words = {"letter": "a letter", "escalated": "a decision"}
    rows = (
        (one.case_id, one.campaign, one.creditor, one.debtor_reference, words[one.state],
         f"{one.due_at:%Y-%m-%d %H:%M}" if one.due_at else "", one.why)
        for one in found
    )  # fmt: skip
    print_table("Waiting", columns, rows)
