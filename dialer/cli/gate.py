"""`dialer gate`: what the gate says, and whether it says what it should."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.gate_explain import explain
from dialer.cli.output import AsJson, print_json
from dialer.cli.packs import Folder, OfConfig, folder_of
from dialer.kernel.errors import EXIT_NO, InputError

if TYPE_CHECKING:
    from dialer.compliance.vectors import Outcome

app = typer.Typer(help="The gate: whether a call may be placed, and why not.", no_args_is_help=True)

app.command("explain")(explain)


@app.command("test")
def run_vectors(
    files: Annotated[list[Path], typer.Argument(help="JSON files of cases; docs/reference/gate-vectors.md")],
    folder: Folder = None,
    config: OfConfig = None,
    *,
    holidays: Annotated[Path | None, typer.Option(help="your corrections of the calendars of holidays")] = None,
    as_json: AsJson = False,
) -> None:
    """Run cases of a file through the rules. Prints each mismatch; exit code 1 if there is one, 2 for a bad file."""
    from dialer import settings
    from dialer.compliance import calendars, vectors
    from dialer.compliance.pack import Shelf

    shelf = Shelf(folder_of(folder, config))
    if holidays is None and config is not None:
        holidays = settings.load(config).compliance.holidays_file
    corrected = calendars.load(holidays) if holidays else calendars.Calendars()
    cases = [case for file in files for case in vectors.read(file)]
    if not cases:
        raise InputError("no case in any file: nothing was tested", "docs/reference/gate-vectors.md has the format")
    outcomes = [vectors.run(case, shelf, corrected) for case in cases]
    failed = [outcome for outcome in outcomes if outcome.mismatches]
    if as_json:
        print_json(
            {"passed": len(outcomes) - len(failed), "failed": len(failed), "mismatches": [_json(one) for one in failed]}
        )
    else:
        for outcome in failed:
            _print(outcome)
        print(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    if failed:
        raise typer.Exit(EXIT_NO)


def _print(outcome: "Outcome") -> None:
    print(f"✘ {outcome.case.id}: {outcome.case.why or 'no why given'}")
    for mismatch in outcome.mismatches:
        print(f"    {mismatch}")
    for refusal in outcome.verdict.refusals:
        print(f"    {refusal.pack or 'the gate'} says {refusal.reason}: {refusal.facts}")


def _json(outcome: "Outcome") -> dict[str, Any]:
    verdict, expected = outcome.verdict, outcome.case.expect
    return {
        "id": outcome.case.id,
        "why": outcome.case.why,
        "expected": {
            "decision": expected.decision,
            "reasons": sorted(expected.reasons),
            "not_before": expected.not_before and expected.not_before.isoformat(),
        },
        "got": {
            "decision": "allow" if verdict.allowed else "block",
            "reasons": list(verdict.reasons),
            "not_before": verdict.not_before and verdict.not_before.isoformat(),
        },
        "mismatches": list(outcome.mismatches),
    }
