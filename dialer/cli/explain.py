"""`dialer explain`: why nothing rings, why an agent is idle, why a debtor wasn't called."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from dialer.cli.input import viewer
from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import EXIT_AWAY, InputError, UnknownNameError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from dialer.settings import Settings

AWAY = "the daemon doesn't answer, so nothing is dialled: start it with dialer run. What the record alone tells:"


def explain(
    name: Annotated[str | None, typer.Argument(help="one campaign; all of them without it")] = None,
    config: Config = DEFAULT_CONFIG,
    *,
    agent: Annotated[str | None, typer.Option("--agent", help="why is this agent idle?")] = None,
    case: Annotated[
        int | None, typer.Option("--case", help="why wasn't this debtor called?", min=1, max=2**31 - 1)
    ] = None,
    by: Annotated[str, typer.Option("--by", help="with --case: who you are; your login if empty")] = "",
    as_json: AsJson = False,
) -> None:
    """Say why each campaign dials at its rate or nothing rings, how each trunk does, and which caller id collapsed; or why
    an agent is idle; or why a debtor wasn't called, and when next. Who asks about a case is among those who looked at it.

    What the law alone says of a number, at any instant, is `dialer gate explain`. While the daemon is down this says so,
    tells what the record knows, and ends with 3.
    """
    from dialer.cli.client import DaemonAwayError, ask

    if sum(one is not None for one in (name, agent, case)) > 1:
        raise InputError("say one of a campaign, --agent and --case", "ask one after the other")
    try:
        if agent is not None:
            _tell(ask(config, "GET", f"/api/v1/explain/agents/{quote(agent, safe='')}"), as_json=as_json)
        elif case is not None:
            _tell(ask(config, "GET", f"/api/v1/explain/cases/{case}?by={quote(viewer(by))}"), as_json=as_json)
        else:
            _tell_campaigns(ask(config, "GET", "/api/v1/explain"), name, as_json=as_json)
    except DaemonAwayError:
        answers = asyncio.run(_by_the_record(config, name, agent, case, by))
        if as_json:
            print_json({"daemon": False, "answers": answers})
        else:
            print("\n".join((AWAY, *(answer["sentence"] for answer in answers))))
        raise typer.Exit(EXIT_AWAY) from None


def _tell(answer: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        print(answer["sentence"])


def _tell_campaigns(answer: Any, name: str | None, *, as_json: bool) -> None:
    lines, trunks = answer["campaigns"], answer["trunks"] if name is None else []
    caller_ids = [line for line in answer["caller_ids"] if name in (None, line["campaign"])]
    chosen = [line for line in lines if name in (None, line["campaign"])]
    if not chosen and name is not None:
        raise UnknownNameError(f"no campaign is named {name!r}", "dialer campaign list has the names")
    if as_json:
        print_json({"campaigns": chosen, "trunks": trunks, "caller_ids": caller_ids})
        return
    for line in (*chosen, *trunks, *(line for line in caller_ids if line["collapsed"])):
        print(line["sentence"])
        for remedy in dict.fromkeys(cause["remedy"] for cause in line.get("causes", [])[:1]):
            print(f"  remedy: {remedy}")


# -- without the daemon ----------------------------------------------------------------------------------------


async def _by_the_record(
    config: Path, name: str | None, agent: str | None, case: int | None, by: str
) -> list[dict[str, Any]]:
    from dialer import settings
    from dialer.cli.record import now_of, opened_record, place_of

    loaded = settings.load(config)
    async with opened_record(place_of(loaded)) as engine:
        if case is not None:
            return [await _case(loaded, engine, case, viewer(by), now_of(loaded))]
        if agent is not None:
            return [await _agent(loaded, engine, agent)]
        return await _campaigns(loaded, engine, name, now_of(loaded))


async def _campaigns(
    loaded: "Settings", engine: "AsyncEngine", name: str | None, now: datetime
) -> list[dict[str, Any]]:
    from dialer.adapters.store.floor import SqlFloor
    from dialer.adapters.store.turns import SqlTurns
    from dialer.adapters.store.writer import Writer
    from dialer.live.causes import case_words

    if name is not None and name not in loaded.campaigns:
        raise UnknownNameError(f"no campaign is named {name!r}", "name one of [campaigns]")
    states, answers = await SqlFloor(engine, Writer(engine)).campaign_states(), []
    for known in [name] if name is not None else loaded.campaigns:
        groups = await SqlTurns(engine).groups(known, now)
        state = states[known].value if known in states else "stopped"
        due = sum(group.cases for group in groups if group.due)
        words = "; ".join((f"{known}: {state} when the daemon ended", f"{due} cases are due", *case_words(groups)))
        answers.append({"campaign": known, "state": state, "due": due, "sentence": words})
    return answers


async def _agent(loaded: "Settings", engine: "AsyncEngine", name: str) -> dict[str, Any]:
    from dialer.adapters.store.floor import SqlFloor
    from dialer.adapters.store.writer import Writer

    if name not in {agent.name for agent in loaded.agents}:
        raise UnknownNameError(f"no agent is named {name!r}", "name one of [[agents]]")
    found = await SqlFloor(engine, Writer(engine)).sessions()
    saved = next((session for session in found if session.agent == name), None)
    if saved is None:
        return {"agent": name, "sentence": f"{name} wasn't logged in when the daemon ended"}
    work = "wrote up a call" if saved.wrapping else f"was paused ({saved.pause_reason})" if saved.pause_reason else ""
    return {"agent": name, "sentence": f"{name} {work or 'was ready, or on a call,'} when the daemon ended"}


async def _case(loaded: "Settings", engine: "AsyncEngine", case: int, by: str, now: datetime) -> dict[str, Any]:
    from dialer import configured
    from dialer.adapters.store.cases import SqlCaseBook
    from dialer.adapters.store.dossiers import SqlDossiers
    from dialer.adapters.store.turns import SqlTurns
    from dialer.adapters.store.writer import Writer
    from dialer.campaigns.timing import zone_of
    from dialer.cli.gate_explain import foreseeing
    from dialer.explaining import case_answer, judged_numbers, turn_and_case
    from dialer.live.uncalled import Asked

    law = configured.law(loaded)
    turn, found = await turn_and_case(SqlTurns(engine), SqlCaseBook(engine, Writer(engine)), case, now)
    judged = None
    if turn.campaign in loaded.campaigns:
        campaign = configured.campaign(loaded, turn.campaign)
        judged = await judged_numbers(campaign, found, law.packs, foreseeing(loaded, law, engine), now)
    await SqlDossiers(engine).viewed(case, by, "explain", now)
    return case_answer(Asked(case, turn, judged, zone_of(found)), now)
