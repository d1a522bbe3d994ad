"""`dialer report`: what the record says."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from dialer.adapters.store.place import Place
from dialer.cli.input import bound_of, viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import now_of, opened_record, place_of
from dialer.kernel.errors import InputError
from dialer.reports import printing
from dialer.reports.attempts import AttemptLine, Summary
from dialer.reports.report import About, Asked, Filter, Report

if TYPE_CHECKING:
    from dialer.settings import Settings

MOST_SHOWN = 1_000
"""Lines of a table for people: --csv and --json have all."""
MOST_BESIDE = 5
"""So many lines stand beside each other, with each figure's definition; more stand below each other."""


def report(
    name: Annotated[str | None, typer.Argument(help="which report; without it, all are listed")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    campaign: Annotated[str | None, typer.Option(help="only this campaign")] = None,
    creditor: Annotated[str | None, typer.Option(help="only this creditor")] = None,
    since: Annotated[
        str | None, typer.Option(help="from this day or instant on; without an offset in [collector] zone")
    ] = None,
    until: Annotated[str | None, typer.Option(help="to the end of this day, or before this instant")] = None,
    currency: Annotated[str, typer.Option(help="amounts in this one alone")] = "EUR",
    case: Annotated[int | None, typer.Option(help="whose history", min=1, max=2**31 - 1)] = None,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="attempts with whole numbers and notes; your look is put on record")
    ] = False,
    by: Annotated[str, typer.Option("--by", help="who you are; your login if empty")] = "",
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="print CSV for Excel")] = False,
) -> None:
    """A report from the record, with the definition of each figure. The daemon needn't run."""
    from dialer import reporting, settings

    if as_json and as_csv:
        raise InputError("--json and --csv exclude each other", "choose one")
    if name is None:
        _list([about for about, _ in reporting.REPORTS.values()], as_json=as_json)
        return
    if name not in reporting.REPORTS:
        raise InputError(f"there is no report {name!r}", f"choose one of {', '.join(reporting.REPORTS)}")
    about, _ = reporting.REPORTS[name]
    loaded = settings.load(config)
    given = {
        Filter.CAMPAIGN: campaign, Filter.CREDITOR: creditor, Filter.SINCE: since, Filter.UNTIL: until,
        Filter.CASE: case, Filter.CURRENCY: None if currency == "EUR" else currency,
    }  # fmt: skip
    _check(about, given, numbers=numbers)
    zone = ZoneInfo(loaded.collector.zone)
    asked = Asked(
        now_of(loaded),
        zone,
        campaign,
        creditor,
        bound_of("--since", since, zone),
        bound_of("--until", until, zone, end=True),
        currency,
        case,
    )
    if asked.since and asked.until and asked.since >= asked.until:
        raise InputError("--since lies after --until", "turn them round")
    personal = numbers or Filter.CASE in about.needs
    asyncio.run(_print(loaded, about, asked, viewer(by) if personal else "", numbers=numbers, form=(as_json, as_csv)))


def _check(about: About, given: dict[Filter, Any], *, numbers: bool) -> None:
    for option, value in given.items():
        if value is not None and option not in about.takes:
            known = ", ".join(f"--{one}" for one in Filter if one in about.takes)
            raise InputError(f"--{option}: the report {about.name} doesn't take it", f"it takes {known}")
        if value is None and option in about.needs:
            raise InputError(f"--{option}: the report {about.name} needs it", f"name the {option}")
    if numbers and about.line is not AttemptLine:
        raise InputError(f"--numbers: the report {about.name} holds no number", "leave it out")


async def _print(
    loaded: "Settings", about: About, asked: Asked, seen_by: str, *, numbers: bool, form: tuple[bool, bool]
) -> None:
    from dialer import reporting

    async with opened_record(place_of(loaded), long=True) as engine:  # a long report may take its time
        pages = reporting.pages(about.name, reporting.Sources(engine, loaded, asked, seen_by, numbers))
        as_json, as_csv = form
        if as_json or as_csv:
            async for part in printing.as_json(pages) if as_json else printing.as_csv(pages):
                sys.stdout.buffer.write(part.encode())
            sys.stdout.buffer.flush()
        else:
            await _show(about, pages)


async def _show(about: About, pages: AsyncIterator[Report]) -> None:
    """The table for people: figure by figure with its definition where it is small enough, else line by line."""
    lines: list[Any] = []
    totals: tuple[Any, ...] = ()
    async for page in pages:
        asked, totals = page.asked, page.totals
        lines += page.lines
        if len(lines) > MOST_SHOWN:
            break
    more, lines = len(lines) > MOST_SHOWN, lines[:MOST_SHOWN]
    print(about.question)
    print(printing.sentence(asked, about))
    zone = asked.zone
    columns = about.columns
    if about.shown:
        columns = tuple(
            sorted((one for one in columns if one.name in about.shown), key=lambda one: about.shown.index(one.name))
        )
    below = lines if about.totals else [*lines, *(totals if len(lines) > 1 else ())]
    if about.shown or len(below) > MOST_BESIDE or len(columns) < MOST_BESIDE + 2:
        rows = (
            [printing.shown(value, column.unit, zone) for value, column in printing.cells(one, columns)]
            for one in below
        )
        print_table(about.name, [column.name for column in columns], rows)
        for column in columns:
            print(f"{column.name}: {column.definition}")
    elif below:
        _beside(about.name, columns, below, zone)
    else:
        print("nothing")
    if about.totals and totals:
        _beside("total", about.total_columns, list(totals), zone)
    if more:
        print(f"… and more than these {MOST_SHOWN} lines: --csv and --json have all")
    for note in about.notes:
        print(note)


def _beside(title: str, columns: tuple[Any, ...], lines: list[Any], zone: ZoneInfo) -> None:
    rows = (
        (
            column.name,
            *(printing.shown(getattr(line, column.name), column.unit, zone) for line in lines),
            column.definition,
        )
        for column in columns
    )
    print_table(title, ("figure", *("" for _ in lines), "definition"), rows)


def _list(known: list[About], *, as_json: bool) -> None:
    if as_json:
        print_json({"reports": [printing.about_report(about) for about in known]})
        return
    rows = (
        (about.name, about.question, " ".join(f"--{one}" for one in Filter if one in about.takes)) for about in known
    )
    print_table("Reports", ("name", "question", "takes"), rows)


async def read(place: Place) -> list[AttemptLine]:
    """Every attempt on record, with its number."""
    from dialer.adapters.store.reports import SqlReports
    from dialer.kernel.clock import SystemClock

    async with opened_record(place, long=True) as engine:
        asked = Asked(SystemClock().now(), ZoneInfo("UTC"))
        return [line async for page in SqlReports(engine).attempts(asked) for line in page]


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
