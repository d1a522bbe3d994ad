"""`dialer audit`: whether the law was kept, counted once more from the record."""

import asyncio
import time
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.input import instant_of
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.cli.record import opened_record, place_of
from dialer.kernel.errors import EXIT_NO

if TYPE_CHECKING:
    from dialer.audit.cdr import Joined
    from dialer.audit.chain import Head, Verified
    from dialer.audit.report import Report, Summary

SHOWN = 50


def audit(
    config: Config = DEFAULT_CONFIG,
    *,
    since: Annotated[
        str | None, typer.Option(help="only calls from this instant on (ISO 8601; UTC without a zone); default: all")
    ] = None,
    cdr: Annotated[
        Path | None, typer.Option("--cdr", help="a carrier's CDR: CSV with at least the columns start and number")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="check the chain of decisions, and print its heads")] = False,
    head: Annotated[
        list[str] | None,
        typer.Option(
            "--head", help="a head noted earlier, CHAIN:POSITION:DIGEST, must still be in the chain; repeatable"
        ),
    ] = None,
    packs: Annotated[
        Path | None, typer.Option("--packs", help="a folder of earlier packs: calls are judged by the law of their day")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recount every cap from the record, and say what was broken (exit code 1) and what can't be judged."""
    from dialer import settings
    from dialer.audit import carrier
    from dialer.audit.auditor import Bench
    from dialer.audit.chain import Head
    from dialer.audit.law import Library
    from dialer.audit.when import Corrections

    loaded = settings.load(config)
    begin = instant_of("--since", since)
    noted = [Head.parse(text) for text in head or ()]
    compliance = loaded.compliance
    bench = Bench(Library.read(compliance.pack_folder, packs), Corrections.read(compliance.holidays_file))
    calls = carrier.read(cdr) if cdr is not None else None
    report, summary, joined, verified = asyncio.run(
        _audit(loaded, bench, begin, calls, cdr.name if cdr else "", noted if verify or noted else None)
    )
    if as_json:
        print_json(_json(report, summary, joined, verified))
    else:
        _print(report, summary, joined, verified, cdr)
    if not report.clean or (verified is not None and not verified.holds):
        raise typer.Exit(EXIT_NO)


async def _audit(
    loaded: Any, bench: Any, since: datetime | None, calls: Any, name: str, noted: "list[Head] | None"
) -> "tuple[Report, Summary, Joined | None, Verified | None]":
    from dialer.adapters.store.audit import SqlAuditRecord
    from dialer.adapters.store.decisions import SqlDecisions
    from dialer.audit.auditor import audit as recount
    from dialer.audit.cdr import join
    from dialer.audit.chain import verify_chains
    from dialer.kernel.clock import SystemClock

    offset = timedelta(seconds=loaded.demo.clock_offset_seconds)
    clock = SystemClock(offset)
    async with opened_record(place_of(loaded), long=True) as engine:  # a recount of years may take its time
        record = SqlAuditRecord(engine)
        started = time.monotonic()
        report = await recount(record, bench, clock.now(), since)
        joined = None
        if calls is not None:
            shift = round(offset.total_seconds() * 1_000_000)
            joined = await join(calls, record, bench, report, offset=shift, name=name)
        summary = report.summary(clock.now(), time.monotonic() - started, since)
        verified = None if noted is None else await verify_chains(SqlDecisions(engine).links(), noted)
        return report, summary, joined, verified


def _json(report: "Report", summary: "Summary", joined: "Joined | None", verified: "Verified | None") -> dict[str, Any]:
    figures = asdict(summary) | {
        "finished_at": summary.finished_at.isoformat(),
        "since": summary.since.isoformat() if summary.since else None,
    }
    return {
        **report.as_json(),
        "summary": figures,
        "cdr": joined.as_json() if joined else None,
        "chain": verified.as_json() if verified else None,
    }


def _print(
    report: "Report", summary: "Summary", joined: "Joined | None", verified: "Verified | None", cdr: Path | None
) -> None:
    for violation in report.violations[:SHOWN]:
        print(f"✘ {violation.sentence()}")
    if len(report.violations) > SHOWN:
        print(f"… and {report.by_rule.total() - SHOWN} more: --json has them all")
    if report.by_rule:
        print("broken:     " + ", ".join(f"{rule} {count} times" for rule, count in report.by_rule.most_common()))
    read = report.read
    print(
        f"recounted:  {read['attempts']} attempts, {read['contacts']} other lines of the ledger, {read['decisions']} "
        f"decisions ({read['decisions: allow']} allowed, {read['decisions: block']} blocked) in {summary.seconds:.1f} s"
    )
    for (pack, times), rules in sorted(_grouped(report).items()):
        print(f"            {pack}, {times} times: {', '.join(sorted(rules))}")
    for line in report.caps:
        print(f"abandoned:  {line.sentence()}")
    for (rule, why), count in sorted(report.not_judged.items()):
        print(f"not judged: {rule} {count} times: {why}")
    for note in report.notes:
        print(f"note:       {note}")
    if joined is not None:
        print(
            f"CDR:        {cdr}: {joined.calls} calls, {joined.matched} of them on record; "
            f"{len(joined.lacking)} on record as dialled and not in it, {joined.never_left} that never left our side"
        )
        for placed in joined.lacking[:SHOWN]:
            print(f"            not in the CDR: {placed.id}")
    if verified is not None:
        _print_chain(verified)
    if report.clean:
        print("✔ nothing was broken" + (" as far as it can be judged" if report.not_judged else ""))


def _grouped(report: "Report") -> dict[tuple[str, int], list[str]]:
    """The rules of a pack that were applied equally often, together."""
    groups: dict[tuple[str, int], list[str]] = {}
    for name, times in report.recounted.items():
        pack, _, rule = name.rpartition(": ")
        if times:
            groups.setdefault((pack or "every pack", times), []).append(rule)
    return groups


def _print_chain(verified: "Verified") -> None:
    print(f"chain:      {verified.links} decisions, {verified.erased} of them without their person")
    for fault in verified.faults[:SHOWN]:
        print(f"✘ chain {fault.chain}, decision {fault.position}: {fault.what}")
    for lost in verified.lost:
        print(f"✘ chain {lost}")
    for found in verified.found:
        print(f"            {found.chain}: decision {found.position} is as it was noted")
    for head in verified.heads:
        print(f"head:       {head}")
    print("✔ the chain holds" if verified.holds else "✘ the chain is broken")
