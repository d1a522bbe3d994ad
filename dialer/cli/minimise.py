"""`dialer cases minimise`: personal data at the end of a mandate."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json, print_table
from dialer.cli.record import opened_record, place_of

if TYPE_CHECKING:
    from dialer.adapters.store.minimise import Minimised

SHOWN = 50


def minimise(
    creditor: Annotated[str, typer.Option("--creditor", help="whose mandate is over, as the cases name it")],
    config: Config = DEFAULT_CONFIG,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would happen")] = False,
    packs: Annotated[
        Path | None, typer.Option("--packs", help="a folder of earlier packs: the longest retention of each counts")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close a creditor's cases, and erase the personal data of those whose retention has run out. Stop the daemon first.

    Counts, times and the chain of decisions stay: the auditor goes on, and dialer audit --verify holds. What must be
    kept is told with its date; run the command again then.
    """
    from dialer import settings

    loaded = settings.load(config)
    done = asyncio.run(_minimise(loaded, creditor, packs, dry_run=dry_run))
    if as_json:
        print_json(_json(done))
    else:
        _print(done)
        if loaded.ledger.kind == "redis" and not dry_run:
            print(
                "Redis still holds lines of them: flush its database before the daemon starts; it is rebuilt from the record"
            )


async def _minimise(loaded: Any, creditor: str, packs: Path | None, *, dry_run: bool) -> "Minimised":
    from contextlib import AsyncExitStack

    from dialer import configured
    from dialer.adapters.store.hold import only_daemon
    from dialer.adapters.store.minimise import Minimiser
    from dialer.audit.law import Library
    from dialer.kernel.clock import SystemClock

    place = place_of(loaded)
    library = Library.read(loaded.compliance.pack_folder, packs)
    retention: dict[str, int] = {}
    for law in library.by_label.values():
        retention[law.name] = max(law.retention_days, retention.get(law.name, 0))
    async with AsyncExitStack() as stack:
        if not dry_run:
            await stack.enter_async_context(only_daemon(place))
        engine = await stack.enter_async_context(opened_record(place, long=True))
        clock = SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds))
        files, holds = configured.recording_files(loaded), configured.retention(loaded).hold_flags
        cell = loaded.store.cell
        return await Minimiser(engine, clock, retention, files.delete, cell, holds).run(creditor, dry_run=dry_run)


def _json(done: "Minimised") -> dict[str, Any]:
    counts = ("debtors", "cases", "attempts", "decisions", "notes", "numbers", "lines", "recordings", "listenings")
    return {
        "creditor": done.creditor,
        "dry_run": done.dry_run,
        "erased": {name: getattr(done, name) for name in counts},
        "flagged": done.flagged,
        "kept": [
            {
                "debtor": keep.debtor,
                "cases": list(keep.cases),
                "until": keep.until.isoformat() if keep.until else None,
                "why": keep.why,
            }
            for keep in done.kept
        ],
    }


def _print(done: "Minimised") -> None:
    verb = "would be erased" if done.dry_run else "erased"
    print(
        f"{done.creditor}: {done.debtors} debtors {verb}: {done.numbers} numbers, {done.notes} notes, "
        f"{done.attempts} attempts under a pseudonym, {done.decisions} decisions without their person, {done.lines} lines, "
        f"{done.recordings} recordings, {done.listenings} listenings"
    )
    if not done.kept:
        return
    closed = "" if done.dry_run else ", closed and flagged mandate_closed"
    print(f"{len(done.kept)} debtors must be kept{closed}")
    print_table(
        "Kept",
        ("debtor", "cases", "until (UTC)", "why"),
        (
            (keep.debtor, ", ".join(map(str, keep.cases)), f"{keep.until:%Y-%m-%d}" if keep.until else None, keep.why)
            for keep in done.kept[:SHOWN]
        ),
    )
    if len(done.kept) > SHOWN:
        print(f"… and {len(done.kept) - SHOWN} more: --json has them all")
