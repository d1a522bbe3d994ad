"""`dialer gate explain`: why a case may or may not be called, from the record; the daemon needn't run."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from dialer.cli.input import instant_of
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.cli.record import opened_record
from dialer.kernel.errors import EXIT_NO, InputError, UnknownNameError
from dialer.kernel.phone import mask


def explain(
    config: Config = DEFAULT_CONFIG,
    *,
    case: Annotated[int | None, typer.Option("--case", help="the case's id, as the reports have it")] = None,
    number: Annotated[str | None, typer.Option("--number", help="a number: every case that has it")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="asked about this instant (ISO 8601; UTC without a zone)")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say why each number may or may not be called, and when next. Exit code 1 where none may be called."""
    from dialer import settings

    if (case is None) == (number is None):
        raise InputError("say which: --case ID or --number N", "give exactly one of them")
    loaded = settings.load(config)
    answers = asyncio.run(_answers(loaded, case, number, instant_of("--at", at)))
    if as_json:
        print_json({"answers": answers})
    else:
        for answer in answers:
            print("\n".join(_words(answer)))
    if not any(answer["allowed"] for answer in answers):
        raise typer.Exit(EXIT_NO)


async def _answers(loaded: Any, case_id: int | None, text: str | None, at: datetime | None) -> list[dict[str, Any]]:
    from dialer import configured, settings
    from dialer.adapters.store.cases import SqlCaseBook
    from dialer.adapters.store.floor import SqlFloor
    from dialer.adapters.store.ledger import SqlLedger
    from dialer.adapters.store.writer import Writer
    from dialer.campaigns.asking import intent_for
    from dialer.compliance.gate import judge_standing, subject_of
    from dialer.kernel import phone
    from dialer.kernel.clock import SystemClock

    law = configured.law(loaded)
    clock = SystemClock(timedelta(seconds=loaded.demo.clock_offset_seconds))
    now = at or clock.now()
    async with opened_record(settings.place(loaded.store)) as engine:
        writer = Writer(engine)
        book, ledger = SqlCaseBook(engine, writer), SqlLedger(engine, writer, clock)
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
            campaign = configured.campaign(loaded, name)
            for line in found.numbers:
                if only is not None and line.number != only:
                    continue
                intent = intent_for(campaign, found, line.number, law.packs)
                verdict = judge_standing(law, intent, await ledger.read(subject_of(intent)), now)
                state = states.get(name)
                answers.append(_answer(id_, name, state.value if state else "stopped", line.number, now, verdict))
        return answers


def _answer(case: int, campaign: str, state: str, number: str, now: datetime, verdict: Any) -> dict[str, Any]:
    from dialer.compliance.reasons import text_of

    return {
        "case": case,
        "campaign": campaign,
        "campaign_state": state,
        "number": mask(number),
        "at": now.isoformat(),
        "allowed": verdict.allowed,
        "reasons": [
            {
                "reason": str(refusal.reason),
                "text": text_of(refusal.reason),
                "pack": refusal.pack,
                "rule": refusal.rule,
                "saw": refusal.facts,
                "count": refusal.count,
                "limit": refusal.limit,
                "not_before": refusal.not_before.isoformat() if refusal.not_before else None,
            }
            for refusal in verdict.refusals
        ],
        "not_before": verdict.not_before.isoformat() if verdict.not_before else None,
        "packs": list(verdict.versions),
    }


def _words(answer: dict[str, Any]) -> list[str]:
    head = (
        f"case {answer['case']}, number {answer['number']}, campaign {answer['campaign']} ({answer['campaign_state']})"
    )
    packs = f"    judged by {', '.join(answer['packs'])}"
    if answer["allowed"]:
        return [f"✔ {head}: may be called at {_to_the_second(answer['at'])}", packs]
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
