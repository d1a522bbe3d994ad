"""`dialer script`: what agents say."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dialer.cli.case import By
from dialer.cli.input import viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.cli.record import with_record
from dialer.kernel.errors import InputError, UnknownNameError
from dialer.kernel.plain import plain

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

app = typer.Typer(help="What agents say.", no_args_is_help=True)


@app.command("show")
def show(
    campaign: Annotated[str, typer.Argument(help="whose script")],
    case: Annotated[int, typer.Option(help="the case that it is about", min=1, max=2**31 - 1)],
    config: Config = DEFAULT_CONFIG,
    *,
    agent: Annotated[str, typer.Option(help="who would say it")] = "anna",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """The script of a campaign as its agent would see it with a case. Who looked is on record: `dialer case views`."""
    from dialer import configured, settings

    loaded = settings.load(config)
    if campaign not in loaded.campaigns:
        known = ", ".join(loaded.campaigns) or "none"
        raise InputError(f"no campaign is named {campaign!r}", f"name one of the configuration: {known}")
    rules_of = configured.rules(loaded)

    async def read(engine: "AsyncEngine", now: datetime) -> Any:
        from dialer.adapters.store.cases import SqlCaseBook
        from dialer.adapters.store.dossiers import SqlDossiers
        from dialer.adapters.store.writer import Writer

        try:
            card = await SqlCaseBook(engine, Writer(engine)).card(case, now)
        except LookupError:
            raise UnknownNameError(f"there is no case {case}", "dialer report attempts has the ids") from None
        await SqlDossiers(engine).viewed(case, viewer(by), "script", now)
        rules = rules_of(campaign, card.creditor)
        today = now.astimezone(ZoneInfo(card.zone or "UTC")).date()
        return rules.scripts.pick(card.language).render(card, rules.agency, agent, today)

    script = with_record(config, read)
    if as_json:
        print_json(plain(script))
        return
    print(script.version)
    for part in script.parts:
        marks = [word for word, marked in (("COMPULSORY", part.compulsory), ("only to the debtor", part.debtor_only))
                 if marked]  # fmt: skip
        print(f"\n-- {part.title}{' (' + ', '.join(marks) + ')' if marks else ''}\n{part.text}")
