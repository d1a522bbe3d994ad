"""`dialer tune`: a setting tried on the simulated floor, then put into the configuration's file and taken up."""

import asyncio
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dialer.cli.output import DEFAULT_CONFIG, AsJson, Config, print_json
from dialer.kernel.errors import AwayError, InputError, UnknownNameError

if TYPE_CHECKING:
    from dialer.lab.what_if import Outlook
    from dialer.settings import Settings
    from pacing import Target
    from pacing.lab import Scenario

SPANS_HOURS = (2.0, 24.0, 168.0)
"""How far back the floor is looked at, from the last call on record: no further than for answers enough."""
SIMULATED_SECONDS = 3_600.0


def tune(
    name: Annotated[str, typer.Argument(help="the campaign's name in the configuration")],
    changes: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY=VALUE...",
            help="keys of the campaign, or with a dot of the whole file, as trunk.channels=20; KEY=default takes the key out",
        ),
    ],
    config: Config = DEFAULT_CONFIG,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="don't ask")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="tell what it would come to, and change nothing")] = False,
    agents: Annotated[int | None, typer.Option(help="on the simulated floor [default: those logged in]", min=1)] = None,
    by: Annotated[str, typer.Option("--by", help="who you are; your login if empty")] = "",
    as_json: AsJson = False,
) -> None:
    """Say what a setting would come to, then write it into the file, whose comments stay, and have the daemon take it up.

    The floor is simulated with the public and the agents as they were lately on record. Nobody is called for it.
    """
    from dialer.cli.client import ask
    from dialer.cli.input import viewer
    from dialer.settings import editing, live, loading

    who, text = viewer(by), loading.read(config)
    before = loading.parse(config, text)
    if name not in before.campaigns:
        raise UnknownNameError(f"no campaign is named {name!r}", f"known are {', '.join(before.campaigns)}")
    new = editing.edited(text, dict(_change(name, change) for change in changes))
    after = loading.parse(config, new)
    _, changed, waiting = live.merge(before, after)
    said: dict[str, Any] = {
        "campaign": name,
        "changed": [asdict(change) for change in changed],
        "waiting": [asdict(change) for change in waiting],
        "what_if": None,
        "why_not": "",
        "written": False,
        "reload": None,
    }
    _tell(as_json, *(f"{change}" for change in changed), *(f"needs a restart: {change}" for change in waiting))
    if not changed and not waiting:
        _tell(as_json, "nothing changes")
    else:
        targets = [_target(config, name, *one) for one in ((before, text), (after, new))]
        _try(config, name, before, targets, agents, said)
        _tell(as_json, said["why_not"] or sentence(said["what_if"]))
        if not dry_run:
            if not yes and not as_json:
                typer.confirm("Write it into the file?", abort=True)
            with suppress(AwayError):  # a token that it doesn't take: said before the file is another
                ask(config, "GET", "/api/v1/reloads?most=1")
            editing.write(config, new, instead_of=text)
            said["written"] = True
            said["reload"], outcome = _reload(partial(ask, config), config, who, text, new)
            _tell(as_json, outcome)
    if as_json:
        print_json(said)


def sentence(what_if: dict[str, Any]) -> str:
    """What the simulated days say, in one line."""
    before, after = what_if["before"], what_if["after"]
    told = [
        f"{word} {before[key]:.1%} → {after[key]:.1%}".replace("%", " %")
        for key, word in (("abandonment", "abandonment"), ("occupancy", "occupancy"))
    ]
    calls = f"calls an hour {before['calls_per_hour']:.0f} → {after['calls_per_hour']:.0f}"
    return f"{', '.join(told)}, {calls}; {what_if['floor']}"


def _try(
    config: Path, name: str, of: "Settings", targets: "list[Target]", agents: int | None, said: dict[str, Any]
) -> None:
    """Simulate both targets on the floor of these settings, where the laboratory can."""
    from dialer.lab.what_if import MODES, outlook

    unknown = next((target.mode for target in targets if target.mode not in MODES), None)
    if targets[0] == targets[1]:
        said["why_not"] = "no what-if: none of it changes how many calls are placed on a floor of this campaign alone"
    elif unknown is not None:
        said["why_not"] = f"no what-if: {unknown.value} isn't simulated"
    else:
        try:
            floor, team, words = _floor(config, of, name, agents)
        except (InputError, AwayError) as error:
            said["why_not"] = f"no what-if: {error}"
            return
        outlooks: list[Outlook] = [outlook(floor, team, target) for target in targets]
        said["what_if"] = {"before": asdict(outlooks[0]), "after": asdict(outlooks[1]), "floor": words}


def _target(config: Path, name: str, of: "Settings", text: str) -> "Target":
    """What pacing would be told with this text. Raises InputError where the law or another file forbids it."""
    from dialer.calls.live import LiveAttempts
    from dialer.calls.trunks import Trunks
    from dialer.in_force import InForce
    from dialer.kernel.clock import SystemClock
    from dialer.live.targets import Targets
    from dialer.settings.loading import located

    try:
        in_force = InForce(of)
    except InputError as error:
        raise located(config, text, error) from None
    taken = in_force.taken
    trunks = Trunks(taken.trunks, LiveAttempts(), SystemClock(timedelta()))
    return Targets(in_force.law.packs, trunks, taken.wishes).of(taken.campaigns[name])


def _floor(config: Path, of: "Settings", name: str, agents: int | None) -> "tuple[Scenario, int, str]":
    """The floor as it was lately, how many agents it has, and both in words. Raises InputError, AwayError."""
    from zoneinfo import ZoneInfo

    from dialer.cli.record import place_of
    from dialer.cli.sim import LEAST_ANSWERS, as_scenario, times
    from dialer.reports.habits import habits
    from pacing.lab.scenario import Shift

    for hours in SPANS_HOURS:
        found = habits(asyncio.run(times(place_of(of), name, hours / 168.0)), ZoneInfo(of.collector.zone))
        if len(found.rings) >= LEAST_ANSWERS and found.talks:
            break
    else:
        raise InputError(f"{found.answered} answers on record in a week, and {LEAST_ANSWERS} are needed")
    rate = found.answered / found.calls
    scenario = replace(as_scenario(name, found), rates=((0.0, rate),), shifts=(Shift(),), seconds=SIMULATED_SECONDS)
    team = agents or _logged_in(config, name) or max(1, round(max(found.agents.values())))
    words = f"simulated: {team} agents, {rate:.0%} of the calls answered as in the last {hours:g} h on record"
    return scenario, team, words.replace("%", " %")


def _logged_in(config: Path, name: str) -> int:
    """How many agents of the campaign are there now; 0: nobody knows."""
    from dialer.cli.client import ask
    from dialer.kernel.errors import DialerError

    try:
        lines = ask(config, "GET", "/api/v1/agents")["agents"]
    except DialerError:
        return 0
    return sum(name in line["campaigns"] and line["state"] not in ("offline", "calling") for line in lines)


def _reload(ask: Callable[..., Any], config: Path, who: str, text: str, new: str) -> tuple[dict[str, Any] | None, str]:
    """What the daemon made of it, None: nobody knows, or there is none; and that in words.

    Asked at once, before the daemon itself looks at the file: so it knows who tuned. Raises InputError where it
    refuses: the file is as before then.
    """
    from urllib.parse import quote

    from dialer.cli.client import NobodyListensError
    from dialer.settings import editing

    try:
        reload: dict[str, Any] = ask("POST", f"/api/v1/reloads?by={quote(who)}")
    except NobodyListensError:
        return None, "written; no daemon runs: it holds from its start on"
    except AwayError:
        return None, "written; the daemon didn't answer: dialer reload --past 1 says whether it took it up"
    if reload["result"] == "refused":
        editing.write(config, text, instead_of=new)
        raise InputError(f"the daemon refuses it, and the file is as it was: {reload['why']}", reload["remedy"])
    return reload, "written, and taken up"


def _change(campaign: str, text: str) -> tuple[tuple[str, ...], Any]:
    """The key's place in the file, and its new value, None: as by default. Raises InputError."""
    key, equals, value = text.partition("=")
    if not equals or not all(key.split(".")):
        raise InputError(f"{text!r}: not KEY=VALUE", "write it as abandonment_target=0.02, or trunk.channels=20")
    where = tuple(key.split(".")) if "." in key else ("campaigns", campaign, key)
    if value == "default":
        return where, None
    try:
        return where, tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return where, value


def _tell(as_json: bool, *lines: str) -> None:
    for line in () if as_json else lines:
        print(line)
