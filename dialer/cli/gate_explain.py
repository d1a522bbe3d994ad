"""`dialer gate explain`: what the law says of a number at an instant, from the record; the daemon needn't run."""

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.input import instant_of, viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.cli.record import now_of, opened_record
from dialer.kernel.errors import EXIT_NO, InputError, UnknownNameError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.compliance.gate import Law
    from dialer.explaining import Foresee
    from dialer.settings import Settings


def explain(
    config: Config = DEFAULT_CONFIG,
    *,
    case: Annotated[int | None, typer.Option("--case", help="the case's id, as the reports have it")] = None,
    number: Annotated[str | None, typer.Option("--number", help="a number: every case that has it")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="asked about this instant (ISO 8601; UTC without a zone)")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="who you are; your login if empty")] = "",
    as_json: AsJson = False,
) -> None:
    """Say why each number may or may not be called by law, and when next. Exit code 1 where none may be called. Who asks is
    among those who looked at the case.

    Why a case isn't called although it may be (its turn, its campaign, the trunk) is `dialer explain --case`.
    """
    from dialer import settings

    if (case is None) == (number is None):
        raise InputError("say which: --case ID or --number N", "give exactly one of them")
    loaded = settings.load(config)
    answers = asyncio.run(_answers(loaded, case, number, instant_of("--at", at), viewer(by)))
    if as_json:
        print_json({"answers": answers})
    else:
        for answer in answers:
            print("\n".join(_words(answer)))
    if not any(answer["allowed"] for answer in answers):
        raise typer.Exit(EXIT_NO)


def foreseeing(loaded: "Settings", law: "Law", engine: "AsyncEngine") -> "Foresee":
    """The gate's word by the record alone."""
    from dialer.adapters.store.ledger import SqlLedger
    from dialer.adapters.store.writer import Writer
    from dialer.compliance.gate import judge_standing, subject_of
    from dialer.compliance.verdict import Intent, Verdict
    from dialer.kernel.clock import SystemClock

    clock = SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds))
    ledger = SqlLedger(engine, Writer(engine), clock)

    async def foresee(intent: Intent, at: datetime) -> Verdict:
        return judge_standing(law, intent, await ledger.read(subject_of(intent)), at)

    return foresee


async def _answers(
    loaded: Any, case_id: int | None, text: str | None, at: datetime | None, by: str
) -> list[dict[str, Any]]:
    from dialer import configured, settings
    from dialer.adapters.store.cases import SqlCaseBook
    from dialer.adapters.store.dossiers import SqlDossiers
    from dialer.adapters.store.floor import SqlFloor
    from dialer.adapters.store.writer import Writer
    from dialer.explaining import judged_numbers
    from dialer.kernel import phone

    law, now = configured.law(loaded), now_of(loaded)
    asked_at = at or now
    async with opened_record(settings.place(loaded.store)) as engine:
        writer = Writer(engine)
        book = SqlCaseBook(engine, writer)
        only = None
        if text is not None:
            try:
                only = phone.parse(text, "IT")
            except phone.BadPhoneError as error:
                raise InputError(f"--number: {error}", error.remedy) from None
        ids = [case_id] if case_id is not None else await book.cases_of(only or "")
        if not ids:
            raise UnknownNameError("no case has this number", "check the number; dialer report lists those called")
        states = await SqlFloor(engine, writer).campaign_states()
        answers = []
        for id_ in ids:
            try:
                found, name = await book.case(id_), await book.campaign_of(id_)
            except LookupError:
                raise UnknownNameError(f"there is no case {id_}", "dialer report has the ids") from None
            if name not in loaded.campaigns:
                raise InputError(f"case {id_} is of the campaign {name!r}, which isn't configured", "add it again")
            campaign, state = configured.campaign(loaded, name), states.get(name)
            about = {
                "case": id_,
                "campaign": name,
                "campaign_state": state.value if state else "stopped",
                "at": asked_at.isoformat(),
            }
            judged = await judged_numbers(campaign, found, law.packs, foreseeing(loaded, law, engine), asked_at)
            answers += [about | one.as_json() for one in judged if only is None or one.number == only]
            await SqlDossiers(engine).viewed(id_, by, "gate explain", now)
        return answers


def _words(answer: dict[str, Any]) -> list[str]:
    head = (
        f"case {answer['case']}, number {answer['number']}, campaign {answer['campaign']} ({answer['campaign_state']})"
    )
    packs = f"    judged by {', '.join(answer['packs'])}"
    if answer["allowed"]:
        held = ", with an agent held for it" if answer["agent_held"] else ""
        return [f"✔ {head}: may be called at {_to_the_second(answer['at'])}{held}", packs]
    lines = [f"✘ {head}: may not be called at {_to_the_second(answer['at'])}, because"]
    for reason in answer["reasons"]:
        saw = f" ({reason['saw']})" if reason["saw"] else ""
        lines.append(f"    - {reason['text']}{saw} [{reason['reason']}, {reason['pack'] or 'engine'}]")
    when = answer["not_before"]
    lines.append(
        f"    next: {_to_the_second(when)}"
        if when
        else "    next: not by itself; somebody must change what stands in the way"
    )
    return [*lines, packs]


def _to_the_second(instant: str) -> str:
    """Nobody reads microseconds."""
    return datetime.fromisoformat(instant).isoformat(timespec="seconds")
