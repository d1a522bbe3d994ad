"""`dialer sim`: the floor simulated, to see what a setting would do before anybody is called."""

import asyncio
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from dialer.cli import year
from dialer.cli.output import DEFAULT_CONFIG, Config
from dialer.cli.record import opened_record
from dialer.kernel.errors import InputError

if TYPE_CHECKING:
    from dialer.adapters.store.place import Place
    from dialer.reports.habits import CallTimes, Habits
    from pacing.lab import Scenario

app = typer.Typer(help="The floor, or a portfolio, simulated.", no_args_is_help=True)
app.command("year")(year.year)

LEAST_ANSWERS = 30
"""Fewer answers on record say too little."""
MOST_DAYS = 100


@app.command("serve")
def serve() -> None:
    """Pace for an outside judge: JSON lines on standard input, an answer to each `decide` on standard output."""
    from pacing.lab.serve import ProtocolError
    from pacing.lab.serve import serve as answers

    try:
        for answer in answers(sys.stdin):
            sys.stdout.write(answer + "\n")
            sys.stdout.flush()
    except ProtocolError as error:
        raise InputError(str(error), "docs/explanation/pacing.md has the protocol") from None


@app.command("pacing")
def pacing(
    config: Config = DEFAULT_CONFIG,
    *,
    from_record: Annotated[bool, typer.Option("--from-record", help="the public and the agents as they were on record")] = False,
    campaign: Annotated[str | None, typer.Option(help="with --from-record: whose calls; may be left out where there is one")] = None,
    weeks: Annotated[float, typer.Option(help="with --from-record: how far back, from the last call on record", min=0.1)] = 1.0,
    zone: Annotated[str, typer.Option(help="with --from-record: time zone of the hours")] = "UTC",
    agents: Annotated[str | None, typer.Option(help="team sizes, with commas [default: 5, or as on record]")] = None,
    scenario: Annotated[str, typer.Option(help="kinds of days, with commas; `all`; without --from-record")] = "constant-25",
    pacer: Annotated[str, typer.Option(help="with commas; `all`; our predictive mode is `cadenza`")] = "progressive,cadenza",
    days: Annotated[int, typer.Option(help="how many days to simulate", min=1, max=MOST_DAYS)] = 4,
    seed: Annotated[int, typer.Option(help="of the first day; the same seed is the same day")] = 1,
    hours: Annotated[float | None, typer.Option(help="length of the day", min=0.1, max=24.0)] = None,
    max_abandonment: Annotated[float, typer.Option(help="the cap that is paced to, as a share", min=0.001, max=0.5)] = 0.03,
    patience: Annotated[float, typer.Option(help="seconds until an answered call counts as abandoned", min=0.0)] = 2.0,
    channels: Annotated[int, typer.Option(help="trunk channels", min=1)] = 1_000_000,
    report: Annotated[Path | None, typer.Option(help="a folder for CSV and pictures")] = None,
) -> None:  # fmt: skip
    """Simulate days of work and tell what each way of pacing comes to: occupancy, abandonment, waits.

    With --from-record the question is "what if, with the people we call": answer rate by hour, ringing, talk and wrap-up
    times and the agents present are those of the record. Nobody is called, and the record is only read.
    """
    from pacing.lab import day
    from pacing.lab import report as told
    from pacing.lab.runs import EVERY, cells
    from pacing.lab.scenario import SCENARIOS, Shift
    from pacing.lab.table import OPTIMUM

    target = replace(day.TARGET, max_abandonment=max_abandonment, patience_seconds=patience, channels=channels)
    pacers = _named(pacer, EVERY, "--pacer")
    teams = _teams(agents or "5")
    if from_record:
        if OPTIMUM in pacers:
            raise InputError(f"--pacer {OPTIMUM}: the true laws of those on record aren't known", "leave it out")
        found = _recorded(config, campaign, weeks, zone)
        if agents:
            found = replace(found, shifts=(Shift(),))
        else:
            teams = [len(found.shifts)]
        scenarios = [found]
        target = replace(target, ring_timeout_seconds=found.public.ring_timeout_seconds)
    else:
        scenarios = [SCENARIOS[name] for name in _named(scenario, SCENARIOS, "--scenario")]
    if hours is not None:
        scenarios = [replace(one, seconds=hours * 3600.0) for one in scenarios]
    results = told.simulate(cells(scenarios, teams, pacers, range(seed, seed + days), target), 1, print)
    if report:
        told.write(results, report, max_abandonment)
        print(f"CSV and pictures: {report}")


def _recorded(config: Path, campaign: str | None, weeks: float, zone: str) -> "Scenario":
    from dialer import settings
    from dialer.reports.habits import habits

    try:
        local = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise InputError(f"--zone {zone}: no such zone", "write it as Europe/Rome") from None
    loaded = settings.load(config)
    place = settings.place(loaded.store)
    if not place.url and not place.path.exists():
        raise InputError(f"{place}: there is no record", "run the daemon first")
    known = list(loaded.campaigns)
    if campaign is None and len(known) > 1:
        raise InputError("more than one campaign is configured", f"--campaign: one of {', '.join(known)}")
    name = campaign or known[0]
    if name not in known:
        raise InputError(f"--campaign {name}: not known", f"one of {', '.join(known)}")
    found = habits(asyncio.run(times(place, name, weeks)), local)
    if len(found.rings) < LEAST_ANSWERS or not found.talks:
        raise InputError(
            f"{found.calls} calls and {found.answered} answers on record since then: too few to say anything",
            "go further back with --weeks",
        )
    print(
        f"on record: {found.calls} calls, {found.answered} answered, {found.abandoned} abandoned "
        f"({found.abandoned / found.answered:.1%} of the answered)"
    )
    return as_scenario(name, found)


async def times(place: "Place", campaign: str, weeks: float) -> "list[CallTimes]":
    """The campaign's calls of so many weeks before the last one on record. Raises DialerError."""
    from dialer.adapters.store.attempts import SqlAttempts
    from dialer.adapters.store.writer import Writer
    from dialer.kernel.clock import SystemClock

    async with opened_record(place, long=True) as engine:  # a long report may take its time
        record = SqlAttempts(engine, Writer(engine), SystemClock())
        latest = await record.latest()
        return [] if latest is None else await record.times(campaign, latest - timedelta(weeks=weeks))


def as_scenario(name: str, found: "Habits") -> "Scenario":
    """A day from the first to the last hour on record. An hour without calls has the rate of the one before it; who is
    there for some hours is an agent for each run of them, so that the team is as large as on record in each hour.
    """
    from pacing.lab import Scenario
    from pacing.lab.public import Recorded
    from pacing.lab.scenario import HOUR, Shift

    first, last = min(found.answer_rates), max(found.answer_rates)
    present = [max(1, round(found.agents.get(hour, 0.0))) for hour in range(first, last + 1)]
    shifts = []
    for rank in range(max(present)):
        since: int | None = None
        for index, count in enumerate([*present, 0]):
            if count > rank and since is None:
                since = index
            elif count <= rank and since is not None:
                shifts.append(Shift(since * HOUR, index * HOUR))
                since = None
    longest = found.ring_timeout_seconds or max(found.rings)
    return Scenario(
        f"record of {name}",
        tuple(((hour - first) * HOUR, rate) for hour, rate in found.answer_rates.items()),
        public=Recorded(
            rings=tuple(seconds for seconds in found.rings if seconds <= longest),
            failures=found.failures,
            talks=found.talks,
            wraps=found.wraps,
            failed_share=found.failed_share,
            ring_timeout_seconds=longest,
        ),
        shifts=tuple(shifts),
        seconds=len(present) * HOUR,
    )


def _teams(given: str) -> list[int]:
    try:
        teams = [int(agents) for agents in given.split(",")]
    except ValueError:
        teams = [0]
    if min(teams) < 1:
        raise InputError(f"--agents {given}: not team sizes", "write them as 5,20")
    return teams


def _named(given: str, known: Iterable[str], option: str) -> list[str]:
    every = list(known)
    names = every if given == "all" else given.split(",")
    for name in names:
        if name not in every:
            raise InputError(f"{option} {name}: not known", f"one of {', '.join(every)}, or all")
    return names
