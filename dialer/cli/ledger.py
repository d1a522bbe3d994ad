"""`dialer ledger`: telling the running daemon what happened outside its calls, and what debtors said."""

from typing import Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json

app = typer.Typer(
    help="What counts beyond our own calls: inbound and manual contacts, agreements, consents, blackouts.",
    no_args_is_help=True,
)
Case = Annotated[int, typer.Option("--case", help="the case's id, as the reports have it")]
Number = Annotated[str | None, typer.Option("--number", help="one of the case's numbers (E.164)")]
Debts = Annotated[list[int] | None, typer.Option("--debt", help="a debt's id; may stand several times; none = all")]
Until = Annotated[str | None, typer.Option("--until", help="instant with offset, as 2026-12-31T00:00:00+01:00")]


@app.command("contact")
def contact(
    case: Case,
    direction: Annotated[str, typer.Option(help="inbound or outbound")],
    result: Annotated[str, typer.Option(help="what it counts as, as conversation or third_party")],
    reference: Annotated[str, typer.Option(help="your own key of it: the same one again replaces it")],
    config: Config = DEFAULT_CONFIG,
    *,
    channel: Annotated[str, typer.Option(help="call, message, letter or visit")] = "call",
    at: Annotated[str | None, typer.Option(help="its end, with offset; now if empty")] = None,
    number: Number = None,
    debt: Debts = None,
    workplace: Annotated[bool, typer.Option("--workplace", help="it was at the workplace")] = False,
    as_json: AsJson = False,
) -> None:
    """A contact outside our own calls: it counts from now on."""
    body = {"kind": "contact", "direction": direction, "channel": channel, "result": result, "reference": reference}
    _tell(config, body | {"workplace": workplace, "at": at}, case, number, debt, as_json=as_json)


@app.command("agreement")
def agreement(
    case: Case,
    start: Annotated[str, typer.Option(help="instant with offset")],
    until: Annotated[str, typer.Option(help="instant with offset")],
    config: Config = DEFAULT_CONFIG,
    *,
    as_json: AsJson = False,
) -> None:
    """The debtor agreed to be called then."""
    _tell(config, {"kind": "agreement", "start": start, "until": until}, case, None, None, as_json=as_json)


@app.command("consent")
def consent(
    case: Case,
    config: Config = DEFAULT_CONFIG,
    *,
    at: Annotated[str | None, typer.Option(help="when it was given, with offset; now if empty")] = None,
    until: Until = None,
    debt: Debts = None,
    as_json: AsJson = False,
) -> None:
    """The debtor consented, directly to the agency, to be called."""
    _tell(config, {"kind": "consent", "at": at, "until": until}, case, None, debt, as_json=as_json)


@app.command("blackout")
def blackout(
    case: Case,
    weekday: Annotated[list[int], typer.Option(help="0 is Monday; may stand several times")],
    start: Annotated[str, typer.Option(help="local time, as 13:00")],
    end: Annotated[str, typer.Option(help="local time, as 14:30")],
    config: Config = DEFAULT_CONFIG,
    *,
    until: Until = None,
    number: Number = None,
    as_json: AsJson = False,
) -> None:
    """A time of the week in which the debtor must not be called."""
    body = {"kind": "blackout", "weekdays": weekday, "start": start, "end": end, "until": until}
    _tell(config, body, case, number, None, as_json=as_json)


def _tell(
    config: Any, body: dict[str, Any], case: int, number: str | None, debts: list[int] | None, *, as_json: bool
) -> None:
    from dialer.cli.client import ask

    whole = {**body, "case": case, "number": number, "debts": debts or []}
    answer = ask(config, "POST", "/api/v1/ledger", {key: value for key, value in whole.items() if value is not None})
    if as_json:
        print_json(answer)
    else:
        print(f"on record as {answer['id']}: it counts from now on")
