"""`make bench-floor`: the same pacing on a real floor and on the simulated one, side by side.

A real Asterisk, seats, phones and the daemon in predictive mode on one side, in real time; the laboratory's days on the
other. Both meet the same public: the laws of `pacing.lab.public`, drawn with seeds. Both have the same target, tick and
window: a cap of 3 % of the answered calls, over the time of the run. The simulated days are as many as it takes for the
range between the lowest and the highest to hold the next day like them with 95 % probability, whatever the law behind
(n equal days: (n - 1) / (n + 1)). The exit code is 1 where the real floor lies outside.

What the simulation leaves out, and its size on a quiet machine: the way of a call to the network and of its answer back
(milliseconds), the bridge (some 10 ms), and that pacing hears of number type and hour, which say nothing here.
"""

import argparse
import asyncio
import shutil
import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

from bench import lab
from dialer import settings
from dialer.calls.attempt import BEFORE_ANSWER, UNBRIDGED, State
from dialer.cases import importing
from dialer.cli.cases import add
from dialer.compliance.clearance import LIFETIME
from dialer.demo.client import Client
from dialer.demo.stage import AGENT_VOICE, CAMPAIGN, ROME, Stage, Trunk, standing
from dialer.testing.sip import SipCall, SipEndpoint
from pacing import Mode, Target
from pacing.lab import SCENARIOS, Result, Scenario, run_day
from pacing.lab.pacers import Cadenza
from pacing.lab.public import Fate, Fates

CAP = 0.03
DAYS = 39
TICK_SECONDS, POLL_SECONDS, LISTEN_SECONDS = 0.25, 0.2, 0.02
SETUP_SECONDS = 60.0
RING_SECONDS, POST_DIAL_SECONDS = 20.0, 5.0
CHANNELS, CALLS_PER_SECOND = 200, 20.0
CASES_PER_AGENT_MINUTE = 5
DEBTOR_VOICE, DEBTOR_FRAME_SECONDS = 0x2A, 1.0
PACK = "bench-floor"
SCRIPTED = ("constant-10", "constant-25", "constant-40", "step-up", "steps", "ramp", "daily", "lists")
UNDER_WAY = {state.value for state in BEFORE_ANSWER | UNBRIDGED | {State.CLAIMED, State.ABANDONED}}


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to. seconds: of the agents, by their state. line: the campaign's, as the daemon counted."""

    seconds: dict[str, float]
    line: dict[str, Any]

    @property
    def occupancy(self) -> float:
        return (self.seconds["talking"] + self.seconds["wrapping"]) / sum(self.seconds.values())

    @property
    def ratio(self) -> float:
        return self.line["abandoned"] / self.line["answered"] if self.line["answered"] else 0.0


class ScriptedPublic:
    """The people behind the trunk. Each call that comes gets the next fate; a number is remembered with its own.

    began_at: of the run, by the loop's clock. twice: calls to a number that was called before. unheard: answered calls
    that ended before an agent's voice came.
    """

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.fates: dict[str, Fate] = {}
        self.began_at = 0.0
        self.twice = self.unheard = 0
        self._fates = Fates(scenario.public, seed)

    async def take(self, call: SipCall) -> None:
        """Do with a call what its fate says."""
        fate, public = self._fates.next(), self.scenario.public
        rate = self.scenario.answer_rate(asyncio.get_running_loop().time() - self.began_at)
        self.twice += call.number in self.fates
        self.fates[call.number] = fate
        call.ring()
        if fate.answer < rate:
            if not await _ended_within(call, fate.ring_seconds):
                await self._talk(call, fate)
        elif fate.fail < min(1.0, public.failed_share / max(1e-9, 1 - rate)) and not await _ended_within(
            call, fate.failed_seconds
        ):
            call.reject(486)

    async def _talk(self, call: SipCall, fate: Fate) -> None:
        """From the agent's first word on."""
        if not await call.answer():
            return
        while AGENT_VOICE not in call.heard:
            if await _ended_within(call, LISTEN_SECONDS):
                self.unheard += AGENT_VOICE not in call.heard
                return
        if not await _ended_within(call, fate.talk_seconds):
            call.hang_up()


async def _ended_within(call: SipCall, seconds: float) -> bool:
    try:
        await asyncio.wait_for(call.ended.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--scenario", choices=SCRIPTED, default="constant-25", help="of the laboratory: the answer law")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the real floor's public; the simulated days have 1, 2, …"
    )
    parser.add_argument("--days", type=int, default=DAYS, help="simulated")
    options = parser.parse_args()
    scenario = replace(SCENARIOS[options.scenario], seconds=options.minutes * 60)
    print(f"{options.agents} agents, {options.minutes:g} minutes, {scenario.name}, seed {options.seed}", flush=True)
    real, target = await _on_asterisk(scenario, options.agents, options.seed)
    print(f"target of both: {target}; a decision each {TICK_SECONDS:g} s", flush=True)
    days = [
        run_day(scenario, options.agents, seed, Cadenza(), target=target, tick_seconds=TICK_SECONDS)
        for seed in range(1, options.days + 1)
    ]
    if not _compare(real, days):
        sys.exit(1)


async def _on_asterisk(scenario: Scenario, agents: int, seed: int) -> tuple[Measured, Target]:
    """Play the scenario on the stage; what it came to, and the target that its pacer had."""
    public = ScriptedPublic(scenario, seed)
    network = SipEndpoint("network", public.take, voice=DEBTOR_VOICE, frame_seconds=DEBTOR_FRAME_SECONDS)
    await network.start_listening()
    folder = Path("build") / "bench-floor"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        async with standing(
            folder.resolve(), tree=lab.TREE, agents=agents, trunk=Trunk("127.0.0.1", network.port), packs=(PACK,),
            calls_per_second=CALLS_PER_SECOND, channels=CHANNELS,
            campaign=f'mode = "{Mode.PREDICTIVE}"\nring_timeout_seconds = {RING_SECONDS}\n'
            f"post_dial_delay_seconds = {POST_DIAL_SECONDS}",
            sections=f'[compliance]\npack_folder = "."\n[engine]\ntick_seconds = {TICK_SECONDS}\n[log]\nlevel = "warning"',
        ) as stage:  # fmt: skip
            starts = _shifted(stage) + timedelta(seconds=SETUP_SECONDS)
            ends = starts + timedelta(seconds=scenario.seconds)
            (stage.folder / f"{PACK}.toml").write_text(_pack(ends))
            await _import(stage, int(agents * CASES_PER_AGENT_MINUTE * (scenario.seconds / 60 + 1)))
            await stage.start_daemon()
            async with Client(stage.api_port, stage.token) as client:
                return await _day(stage, client, public, starts, ends)
    finally:
        await network.close()


async def _import(stage: Stage, count: int) -> None:
    """So many cases that nobody is called twice."""
    rows = [f"Luce;D{n};Name {n};F{n};10,00;{number}" for n, number in enumerate(islice(lab.numbers(), count))]
    header = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"
    parsed = importing.parse("\n".join([header, *rows]).encode(), importing.Defaults())
    await add(settings.load(stage.config), CAMPAIGN, parsed)


async def _day(
    stage: Stage, client: Client, public: ScriptedPublic, starts: datetime, ends: datetime
) -> tuple[Measured, Target]:
    names = [line["agent"] for line in (await client.get("/api/v1/live"))["agents"]]
    for name in names:
        await client.post(f"/api/v1/agents/{name}/log-in", {"ready": True})
    async with asyncio.timeout(SETUP_SECONDS):
        while any(line["state"] != "ready" for line in (await client.get("/api/v1/live"))["agents"]):
            await asyncio.sleep(POLL_SECONDS)
    early_seconds = (starts - _shifted(stage)).total_seconds()
    if early_seconds < 0:
        sys.exit("setting the stage took too long on this machine")
    await asyncio.sleep(early_seconds)
    public.began_at = asyncio.get_running_loop().time()
    tuned = await client.get(f"/api/v1/campaigns/{CAMPAIGN}/tune")
    target = Target(
        mode=Mode(tuned["mode"]), channels=tuned["channels"], calls_per_second=tuned["calls_per_second"],
        max_abandonment=tuned["abandonment_target"], patience_seconds=tuned["patience_seconds"],
        ring_timeout_seconds=RING_SECONDS + POST_DIAL_SECONDS,
    )  # fmt: skip
    await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
    seconds: dict[str, float] = defaultdict(float)
    acting: dict[str, asyncio.Task[None]] = {}
    before: dict[str, Any] = await client.get("/api/v1/live")
    drained = False
    try:
        while not drained or UNDER_WAY & before["campaigns"][0]["calls"].keys():
            await asyncio.sleep(POLL_SECONDS)
            seen = await client.get("/api/v1/live")
            _act(seen, client, public, acting)
            if not drained:
                for line in before["agents"]:
                    seconds[line["state"]] += _between(before, seen)
                if drained := datetime.fromisoformat(seen["at"]) >= ends:
                    await client.post(f"/api/v1/campaigns/{CAMPAIGN}/drain")
            before = seen
    finally:
        for task in acting.values():
            task.cancel()
        await asyncio.gather(*acting.values(), return_exceptions=True)
    if public.twice:
        sys.exit("somebody was called twice: the two floors had no longer the same public")
    real = Measured(seconds, before["campaigns"][0])
    _tell(real, public)
    return real, target


def _tell(real: Measured, public: ScriptedPublic) -> None:
    """What the real floor says beside the two figures."""
    waits = real.line["answer_to_agent_seconds"]
    print(f"agent seconds: {', '.join(f'{state} {seconds:.0f}' for state, seconds in sorted(real.seconds.items()))}")
    print(f"answer to agent: {', '.join(f'{name} {seconds * 1000:.0f} ms' for name, seconds in waits.items())}")
    print(f"results of the calls over: {real.line['results']}; refused by the gate: {real.line['blocked'] or 'none'}")
    print(f"answered and heard no agent: {public.unheard} by the debtors' ears, {real.line['abandoned']} on record")


def _act(floor: dict[str, Any], client: Client, public: ScriptedPublic, acting: dict[str, asyncio.Task[None]]) -> None:
    """Each agent who begins to write a call up starts on it; a program that failed ends the run."""
    now = asyncio.get_running_loop().time()
    for attempt in [attempt for attempt, task in acting.items() if task.done() and task.result() is None]:
        if all(line["attempt"] != attempt for line in floor["agents"]):
            del acting[attempt]
    for line in floor["agents"]:
        if line["state"] == "wrapping" and line["attempt"] not in acting:
            began_at = now - line["seconds"]
            acting[line["attempt"]] = asyncio.create_task(_write_up(line["agent"], client, public, began_at))


async def _write_up(agent: str, client: Client, public: ScriptedPublic, began_at: float) -> None:
    """For as long as the call's fate says, counted from the end of the talk."""
    call = await client.get(f"/api/v1/agents/{agent}/call")
    await client.post(f"/api/v1/agents/{agent}/outcome", {"code": "refuses"})
    wrap_seconds = public.fates[call["number"]].wrap_seconds
    await asyncio.sleep(began_at + wrap_seconds - asyncio.get_running_loop().time())
    await client.post(f"/api/v1/agents/{agent}/wrapped")


def _compare(real: Measured, days: list[Result]) -> bool:
    """Print both; whether the real floor lies within."""
    held = (len(days) - 1) / (len(days) + 1)
    print(
        f"\n{'':<12}{'real floor':>12}{'simulated':>12}   {held:.0%} of such days  ({len(days)} days, mean and range)"
    )
    all_within = True
    for name, value, simulated in (
        ("occupancy", real.occupancy, [day.occupancy for day in days]),
        ("abandoned", real.ratio, [day.ratio for day in days]),
    ):
        low, high = min(simulated), max(simulated)
        within = low <= value <= high
        all_within &= within
        print(
            f"{name:<12}{value:>12.2%}{mean(simulated):>12.2%}   {low:.2%} to {high:.2%}  {'within' if within else 'OUTSIDE'}"
        )
    for name, count, simulated_counts in (
        ("placed", real.line["placed"], [day.launches for day in days]),
        ("answered", real.line["answered"], [day.answered for day in days]),
        ("abandoned", real.line["abandoned"], [day.abandoned for day in days]),
    ):
        low_count, high_count = min(simulated_counts), max(simulated_counts)
        print(f"{name:<12}{count:>12}{mean(simulated_counts):>12.1f}   {low_count} to {high_count}")
    return all_within


def _shifted(stage: Stage) -> datetime:
    """The engine's clock, in Rome."""
    return datetime.now(ROME) + timedelta(seconds=stage.offset_seconds)


def _between(before: dict[str, Any], after: dict[str, Any]) -> float:
    return (datetime.fromisoformat(after["at"]) - datetime.fromisoformat(before["at"])).total_seconds()


def _pack(ends: datetime) -> str:
    """A law whose day ends with the run, and the time that the last call may ring; nothing else binds."""
    closes = ends + timedelta(seconds=RING_SECONDS + POST_DIAL_SECONDS + 1) + LIFETIME
    return f"""
name = "{PACK}"
version = "1"
title = "The floor of the benchmark"
reviewed_by = ""
sources = ["none: the simulated floor's own rule"]
retention_days = 30
rule = [
    {{ kind = "hours", id = "hours", source = "the run", confidence = "H", tuesday = [["08:00", "{closes:%H:%M:%S}"]] }},
    {{ kind = "concurrency", id = "in-flight", source = "the run", confidence = "H" }},
    {{ kind = "answer_to_agent_max", id = "answer-to-agent", source = "the run", confidence = "H", seconds = 3.0 }},
    {{ kind = "abandon_treatment", id = "treatment", source = "the run", confidence = "H", treatment = "drop", comfort_noise = true }},
    {{ kind = "abandon_cap", id = "abandon-cap", source = "the run", confidence = "H", of = "answered", window = ["local_day"], cap = {CAP}, comparison = "up_to" }},
]
"""


asyncio.run(main())
