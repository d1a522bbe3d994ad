"""`dialer report`: what the record says."""

import asyncio
import csv
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from dialer.adapters.store.place import Place
from dialer.cli.input import instant_of
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.kernel.errors import InputError
from dialer.reports.attempts import AttemptLine, Summary, summarise

app = typer.Typer(help="Reports from the record; the daemon needn't run.", no_args_is_help=True)


@app.callback()
def reports() -> None:
    """Keeps `attempts` a subcommand while it is the only one."""


@app.command("attempts")
def attempts(
    config: Config = DEFAULT_CONFIG,
    *,
    campaign: Annotated[str | None, typer.Option(help="only this campaign")] = None,
    since: Annotated[str | None, typer.Option(help="only from this instant on (ISO 8601; UTC without a zone)")] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="print CSV")] = False,
) -> None:
    """One line an attempt: who was called, when, and what became of it."""
    from dialer import settings

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other", "choose one")
    place = settings.place(settings.load(config).store)
    if not place.url and not place.path.exists():
        raise InputError(f"{place}: there is no record", "import cases or run the daemon first")
    lines = asyncio.run(read(place, campaign, instant_of("--since", since)))
    summary = summarise(lines)
    if as_json:
        print_json({"summary": asdict(summary), "attempts": [line.as_json() for line in lines]})
    elif as_csv:
        rows = [line.as_json() for line in lines]
        names = list(rows[0]) if rows else list(AttemptLine.__dataclass_fields__)
        writer = csv.DictWriter(sys.stdout, names)
        writer.writeheader()
        writer.writerows(rows)
    else:
        print_lines(lines)
        print_summary(summary)


async def read(place: Place, campaign: str | None = None, since: datetime | None = None) -> list[AttemptLine]:
    """The lines of the report."""
    from dialer.adapters.store.attempts import SqlAttempts
    from dialer.adapters.store.database import open_database
    from dialer.adapters.store.writer import Writer
    from dialer.kernel.clock import SystemClock

    engine = await open_database(place, command_seconds=None)  # a long report may take its time
    try:
        return await SqlAttempts(engine, Writer(engine), SystemClock()).report(campaign, since)
    finally:
        await engine.dispose()


def print_lines(lines: list[AttemptLine]) -> None:
    """The attempts as a table."""
    print_table(
        "Attempts",
        ("cleared at (UTC)", "number", "result", "ring s", "answer to agent ms", "talk s", "agent", "outcome"),
        (
            (f"{line.cleared_at:%Y-%m-%d %H:%M:%S}", line.number, line.result, _seconds(line.ring_seconds),
             None if line.answer_to_agent_seconds is None else f"{line.answer_to_agent_seconds * 1000:.0f}",
             _seconds(line.talk_seconds), line.agent, line.outcome)
            for line in lines
        ),
    )  # fmt: skip


def print_summary(summary: Summary) -> None:
    """The totals."""
    ratio = "" if summary.abandoned_ratio is None else f" ({summary.abandoned_ratio:.1%} of the answered)"
    print(
        f"{summary.attempts} attempts, {summary.answered} answered, {summary.bridged} bridged to an agent, "
        f"{summary.abandoned} abandoned{ratio}"
    )
    print("results:  " + (", ".join(f"{count} {name}" for name, count in summary.results.items()) or "none"))
    print("outcomes: " + (", ".join(f"{count} {name}" for name, count in summary.outcomes.items()) or "none"))
    if waits := summary.answer_to_agent_seconds:
        print("answer to agent: " + ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in waits.items()))


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"
