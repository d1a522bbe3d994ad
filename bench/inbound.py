"""`make bench-inbound`: debtors ring us in the middle of a predictive campaign, on a real Asterisk.

The daemon dials the simulated network in predictive mode with scripted agents, while others ring its caller id at random
instants from numbers on record. Each caller is a SIP endpoint that knows whether it hears an agent. Told are the waits, by
the callers' own ears and by the record, and what the law's accounts came to. The exit code is 1 where a call is lost (a
caller who isn't on record, or whom the record and the ear tell apart) or an account is above its cap.
"""

import argparse
import asyncio
import shutil
import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from bench import lab
from dialer import settings
from dialer.cases import importing
from dialer.cli.cases import add
from dialer.demo.agents import ScriptedAgent, work
from dialer.demo.client import Client
from dialer.demo.stage import AGENT_VOICE, CALLER_ID, CAMPAIGN, Stage, standing
from dialer.kernel.percentiles import percentiles
from dialer.testing.public import Behaviour, behaviour_of
from dialer.testing.sip import SipEndpoint, pick_up

SETTINGS = 'mode = "predictive"\nring_timeout_seconds = 20\nauto_ready_after_seconds = 10\ninbound_wait_seconds = 60'
SHARES = (Behaviour.PERSON, Behaviour.NEVER_ANSWERS, Behaviour.BUSY, Behaviour.NEVER_ANSWERS)
CALLER_VOICE, FRAME_SECONDS = 0x2A, 1.0
SETTLE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One caller by its own ear. wait_seconds: from its answer to the agent's first word; None: there was none."""

    number: str
    wait_seconds: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to: the callers, the record's rows of calls that came in, and the campaign's line."""

    heard: list[Heard]
    rows: list[dict[str, Any]]
    line: dict[str, Any]


def problems(run: Measured) -> list[str]:
    """Each way in which a call was lost, or the cap not kept; none means that all is well."""
    found = []
    by_number = {row["number"]: row for row in run.rows}
    for one in run.heard:
        row = by_number.get(one.number)
        if row is None:
            found.append(f"a caller …{one.number[-2:]} isn't on record")
        elif row["ended_at"] is None or row["result"] in (None, "unknown", "away"):
            found.append(f"call {row['id']} has no end that is known: {row['result']}")
        elif (row["result"] == "connected") != (one.wait_seconds is not None):
            found.append(f"call {row['id']} is {row['result']} on record, and the caller heard otherwise")
        elif row["case_id"] is None:
            found.append(f"call {row['id']} found no case")
    if len(run.rows) != len(run.heard):
        found.append(f"{len(run.heard)} rang, {len(run.rows)} are on record")
    found += [
        f"{account['name']}: {account['abandoned']} of {account['answered']} abandoned"
        for account in run.line["accounts"]
        if account["abandoned"] > account["cap"] * account["answered"]
    ]
    return found


async def run(folder: Path, *, agents: int, callers: int, seconds: float, seed: int) -> Measured:
    """Let so many ring within so long, and wait until all is over."""
    chance = Random(seed)
    public = await SipEndpoint("public", pick_up, voice=CALLER_VOICE, frame_seconds=FRAME_SECONDS).start_listening()
    try:
        async with standing(folder, tree=lab.TREE, agents=agents, campaign=SETTINGS) as stage:
            numbers = await _import(stage, callers, int(agents * 12 * seconds / 60))
            await stage.start_daemon()
            async with Client(stage.api_port, stage.token) as client:
                return await _mixed(stage, client, public, numbers, seconds, chance)
    finally:
        await public.close()


async def _import(stage: Stage, callers: int, called: int) -> list[str]:
    """Those who will ring, whom nobody calls as they never answer, and those who are called."""
    ringing = [f"+39348{n:03d}9914" for n in range(callers)]
    rest = [f"+39347{n:03d}{n % 60:02d}{SHARES[n % len(SHARES)].value.code}" for n in range(min(called, 1_000))]
    rows = [f"Luce;D{n};Name {n};F{n};10,00;{number}" for n, number in enumerate([*rest, *ringing])]
    header = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"
    parsed = importing.parse("\n".join([header, *rows]).encode(), importing.Defaults())
    await add(settings.load(stage.config), CAMPAIGN, parsed)
    return ringing


async def _mixed(
    stage: Stage, client: Client, public: SipEndpoint, numbers: list[str], seconds: float, chance: Random
) -> Measured:
    names = [line["agent"] for line in (await client.get("/api/v1/live"))["agents"]]
    for name in names:
        await client.post(f"/api/v1/agents/{name}/log-in", {"ready": True})
    await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
    agents = [ScriptedAgent(name, client, Random(chance.random()), behaviour_of) for name in names]
    working = asyncio.create_task(work(agents, client, lambda _: None))
    try:
        rings = [_ring(public, stage.sip_port, number, chance.uniform(0, seconds)) for number in numbers]
        heard = list(await asyncio.gather(*rings))
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/drain")
        async with asyncio.timeout(SETTLE_SECONDS):
            while (line := (await client.get("/api/v1/live"))["campaigns"][0])["calls"]:
                await asyncio.sleep(0.5)
        await asyncio.sleep(1.0)  # the record is written soon
        return Measured(heard, _rows(stage), line)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _ring(public: SipEndpoint, port: int, number: str, after_seconds: float) -> Heard:
    await asyncio.sleep(after_seconds)
    call = await public.call(CALLER_ID, ("127.0.0.1", port), number)
    await call.ended.wait()
    first = call.heard.get(AGENT_VOICE)
    assert call.answered_at is not None
    return Heard(number, None if first is None else first - call.answered_at)


def _rows(stage: Stage) -> list[dict[str, Any]]:
    with sqlite3.connect(stage.folder / "dialer.db") as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute("SELECT * FROM inbound_calls")]


def tell(found: Measured) -> None:
    """The figures."""
    waits = sorted(one.wait_seconds for one in found.heard if one.wait_seconds is not None)
    on_record = sorted((r["bridged_at"] - r["arrived_at"]) / 1e6 for r in found.rows if r["bridged_at"] is not None)
    results: dict[str, int] = {}
    for row in found.rows:
        results[row["result"]] = results.get(row["result"], 0) + 1
    print(f"rang {len(found.heard)}, on record {len(found.rows)}: {results}")
    for name, values in (("by the callers' ears", waits), ("on record", on_record)):
        print(f"wait in seconds {name}: {', '.join(f'{k} {v:.2f}' for k, v in percentiles(values).items())}")
    print(f"dialled {found.line['placed']}, answered {found.line['answered']}, abandoned {found.line['abandoned']}")
    for account in found.line["accounts"]:
        print(f"{account['name']}: {account['abandoned']} of {account['answered']}, cap {account['cap']:.2%}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=12)
    parser.add_argument("--callers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    folder = (Path("build") / "bench-inbound").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    found = await run(
        folder, agents=options.agents, callers=options.callers, seconds=options.seconds, seed=options.seed
    )
    tell(found)
    print(f"took {time.monotonic() - began:.0f} s")
    wrong = problems(found)
    print("\n".join(wrong) or "nothing lost, every cap kept")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    asyncio.run(main())
