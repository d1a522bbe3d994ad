"""`make soak-kills`: a campaign on a real Asterisk while daemon, Redis and PostgreSQL are killed at random instants.

The whole chance comes from the seed, which is printed. What holds afterwards is judged by `bench.kills_judged`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
from redis.asyncio import Redis
from sqlalchemy import select

from bench import kills_judged as judged
from bench.kills_judged import Exit, Found, Played, Strike
from dialer import settings
from dialer.adapters.store.database import open_database
from dialer.adapters.store.decisions import SqlDecisions
from dialer.adapters.store.ledger import SqlLines
from dialer.adapters.store.place import Place
from dialer.adapters.store.schema import decisions
from dialer.cases import importing
from dialer.cli import report
from dialer.cli.cases import add
from dialer.compliance import evidence
from dialer.compliance.entry import Entry
from dialer.compliance.evidence import Link
from dialer.demo import witness
from dialer.demo.client import Client
from dialer.demo.stage import CAMPAIGN, Stage, standing
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import DialerError
from dialer.testing.public import Behaviour
from dialer.testing.servers import PostgresServer, RedisServer

CACHE = Path(".cache")
AGENTS = 6
RESTART_SECONDS = 1.0
"""As `RestartSec` of systemd."""
RESUME_SECONDS = 90.0
END_SECONDS = 90.0
TALK_SECONDS = 3.0
KINDS = ("daemon", "daemon", "postgres", "postgres", "redis-flushed", "redis-empty", "redis-kept", "redis-old")
"""What is done; Redis comes back with nothing, with everything, or with what it had a while ago."""
EARLY = 1000
"""Due times up to this one are before all others."""
BEHAVIOURS = (
    *[Behaviour.NEVER_ANSWERS] * 2, *[Behaviour.REJECTED] * 3, *[Behaviour.BUSY] * 3, *[Behaviour.PERSON] * 2,
    Behaviour.UNREACHABLE, Behaviour.PERSON_HANGS_UP, Behaviour.VOICEMAIL, Behaviour.ANSWERS_AND_HANGS_UP,
)  # fmt: skip

PACK = f"""\
name = "kills"
version = "1"
title = "Caps so short that they bind within minutes"
reviewed_by = ""
retention_days = 30
sources = ["none: made for the kill tests"]
{{rules}}
[[rule]]
kind = "concurrency"
id = "in-flight"
source = "test"
confidence = "H"

[[rule]]
kind = "count"
id = "attempts-per-day"
source = "test"
confidence = "H"
event = "reached"
key = ["debtor"]
window = ["local_days:1"]
max = {judged.ATTEMPTS_PER_DAY}

[[rule]]
kind = "count"
id = "conversations-per-day"
source = "test"
confidence = "H"
event = "conversation"
key = ["collector", "debtor"]
window = ["local_days:1"]
max = {judged.CONVERSATIONS_PER_DAY}

[[rule]]
kind = "min_gap"
id = "gap-number"
source = "test"
confidence = "H"
event = "reached"
key = ["number"]
minutes = {judged.GAP_SECONDS / 60:g}

[[rule]]
kind = "answer_to_agent_max"
id = "answer-to-agent"
source = "test"
confidence = "H"
seconds = 3.0
clock = "answer"

[[rule]]
kind = "abandon_treatment"
id = "abandon-treatment"
source = "test"
confidence = "H"
treatment = "drop"
comfort_noise = true
language = "it"
"""
HOURS = '[[rule]]\nkind = "hours"\nid = "hours"\nsource = "test"\nconfidence = "H"\ntuesday = [["08:30", "21:00"]]\n'
STORE_AWAY_AGO_SECONDS = 15.0
"""A daemon that ends so long after PostgreSQL was down may have met it down: it waits that long for an answer."""


@dataclass
class Drama:
    """The parts on the stage, and what was done to them."""

    stage: Stage
    postgres: PostgresServer
    redis: RedisServer
    url: str
    chance: Random
    say: Callable[[str], None]
    strikes: list[Strike] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    over: bool = False
    _meant: set[int] = field(default_factory=set)
    _store_down: bool = False
    _store_up_at: float = 0.0

    # -- the parts ------------------------------------------------------------------------------------

    async def supervise(self) -> None:
        """Run the daemon, and run it again when it ends, as an operator's systemd does."""
        while not self.over:
            daemon = await self.stage.spawn_daemon()
            code = await daemon.wait()
            away = self._store_down or time.time() - self._store_up_at < STORE_AWAY_AGO_SECONDS
            self.exits.append(Exit(time.time(), code, self.over or daemon.pid in self._meant, away))
            if not self.exits[-1].meant:
                self.say(f"the daemon ended by itself with {code}")
            await asyncio.sleep(RESTART_SECONDS)

    async def strike(self, what: str) -> None:
        """Kill one part, and start it again a while later."""
        down = self.chance.choice((0.0, self.chance.uniform(0, 2), self.chance.uniform(3, 8)))
        began = time.time()
        match what:
            case "daemon":
                daemon = self.stage.daemon
                if daemon is not None and daemon.returncode is None:
                    self._meant.add(daemon.pid)
                    daemon.kill()
                self._struck(what, began)  # the supervisor starts it again
            case "redis-flushed":
                async with Redis.from_url(self.redis.url) as redis:
                    await redis.flushall()
                self._struck(what, began)
            case "postgres":
                self._store_down = True
                self.postgres.kill()
                self._struck(what, began)
                await asyncio.sleep(down)
                await self.postgres.start()
                self._store_down, self._store_up_at = False, time.time()
            case _:
                files, old = self.redis.folder / "appendonlydir", self.redis.folder / "old"
                self.redis.kill()
                self._struck(what, began)
                if what != "redis-kept":
                    shutil.rmtree(files)
                if what == "redis-old" and old.exists():
                    shutil.copytree(old, files)
                await asyncio.sleep(down)
                await self.redis.start()
                shutil.rmtree(old, ignore_errors=True)
                shutil.copytree(files, old)

    def _struck(self, what: str, began: float) -> None:
        self.strikes.append(Strike(what, began, time.time()))
        self.say(f"{len(self.strikes)}: {what}")

    # -- the people -----------------------------------------------------------------------------------

    async def act(self) -> None:
        """Agents who log in again whenever they are out, talk a little, and write up most of their calls."""
        async with Client(self.stage.api_port, self.stage.token) as client:
            while True:
                with contextlib.suppress(DialerError):
                    floor = await client.get("/api/v1/live")
                    if floor["campaigns"][0]["state"] == "stopped" and not self.over:
                        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
                    await asyncio.gather(*(self._act(client, line) for line in floor["agents"]))
                await asyncio.sleep(0.2)

    async def _act(self, client: Client, line: dict[str, Any]) -> None:
        at = f"/api/v1/agents/{line['agent']}"
        with contextlib.suppress(DialerError):
            match line["state"]:
                case "offline":
                    await client.post(f"{at}/log-in", {"ready": True})
                case "paused":
                    await client.post(f"{at}/ready")
                case "talking" if line["seconds"] > TALK_SECONDS:
                    await client.post(f"{at}/hang-up")
                case "wrapping":
                    if self.chance.random() < 0.8:
                        await client.post(f"{at}/outcome", {"code": "paid_already"})
                    await client.post(f"{at}/wrapped")

    async def press(self) -> None:
        """Make cases due again long before their time, those of people called lately above all.

        So nothing but the gate stands between a debtor and the next call.
        """
        while True:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await asyncpg.connect(self.url, timeout=5, command_timeout=5)
                try:
                    while True:
                        await self._press(connection)
                        await asyncio.sleep(0.5)
                finally:
                    connection.terminate()
            await asyncio.sleep(0.2)

    async def _press(self, connection: asyncpg.Connection) -> None:
        hot = "select case_id from (select distinct case_id from attempts) as called order by random() limit 3"
        fresh = "select id from cases where id not in (select case_id from attempts)"
        waiting = await connection.fetchval(f"select count(*) from ({fresh} and due_at <= {EARLY}) as fresh")
        for chosen in (hot, f"{fresh} order by id limit 4")[: 2 if waiting < 8 else 1]:
            await connection.execute(
                f"update cases set due_at = floor(random() * {EARLY}) where state = 'open' and id in ({chosen})"
            )

    # -- the plot -------------------------------------------------------------------------------------

    async def play(self, acts: list[tuple[str, ...]]) -> None:
        """Strike, and mostly wait until somebody is called again; sometimes strike at once once more."""
        await self._called_again()
        for number, parts in enumerate(acts):
            await asyncio.sleep(self.chance.uniform(0.2, 8))
            await asyncio.gather(*(self.strike(part) for part in parts))
            if number == len(acts) - 1 or self.chance.random() < 0.75:
                self.resumed.append(await self._called_again())
        await asyncio.sleep(self.chance.uniform(3, 6))

    async def _called_again(self) -> float:
        """Seconds until the PBX has made another leg to a debtor."""
        before, began = len(self.legs()), time.monotonic()
        try:
            async with asyncio.timeout(RESUME_SECONDS):
                while len(self.legs()) == before:
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"nobody was called for {RESUME_SECONDS:g} s: read {self.stage.folder}") from None
        return time.monotonic() - began

    async def end(self) -> None:
        """Drain, and stop the daemon in good order."""
        self.over = True
        async with asyncio.timeout(END_SECONDS), Client(self.stage.api_port, self.stage.token) as client:
            while True:
                with contextlib.suppress(DialerError):
                    line = (await client.get("/api/v1/live"))["campaigns"][0]
                    if line["state"] == "stopped":
                        break
                    if line["state"] != "draining":
                        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/drain")
                await asyncio.sleep(0.2)
        code = await self.stage.stop_daemon()
        if code != 0:
            raise AssertionError(f"the daemon's stop ended with {code}")

    def legs(self) -> dict[str, float]:
        """Attempt to the start of its leg, by the PBX's own log."""
        rows = self.stage.pbx.read_csv("cel-custom/legs.csv")
        return {
            row[0]: float(row[2])
            for row in rows
            if len(row) == 3 and row[0].startswith("dla-") and row[1] == "CHAN_START"
        }


def script(chance: Random, kills: int) -> list[tuple[str, ...]]:
    """What is killed in which order: every kind comes before any comes again; sometimes two parts at once."""
    order: list[str] = []
    while len(order) < kills:
        order += chance.sample(KINDS, len(KINDS))
    del order[kills:]
    acts: list[tuple[str, ...]] = []
    for what in order:
        part = what.partition("-")[0]
        alone = acts and len(acts[-1]) == 1 and not acts[-1][0].startswith(part)
        if alone and chance.random() < 0.25:
            acts[-1] = (*acts[-1], what)
        else:
            acts.append((what,))
    return acts


def portfolio(chance: Random, debtors: int) -> tuple[str, dict[str, str]]:
    """A CSV of debtors with three numbers each, and whose each number is. Nobody in it exists."""
    rows = ["creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1;phone_2;phone_3"]
    debtor_of: dict[str, str] = {}
    for debtor in range(debtors):
        numbers = []
        for place in range(3):
            code = chance.choice(BEHAVIOURS).value.code
            number = f"+39347{debtor:03d}{place}{chance.randrange(3)}{code}"
            debtor_of[number.removeprefix("+")] = f"D{debtor}"
            numbers.append(number)
        rows.append(f"Luce;D{debtor};Name {debtor};F{debtor};10,00;" + ";".join(numbers))
    return "\n".join(rows), debtor_of


async def play(
    folder: Path, *, seed: int, kills: int, cache: Path = CACHE, say: Callable[[str], None] = lambda _: None
) -> Played:
    """One run, from an empty stage to what is left of it. folder: emptied at the start."""
    chance = Random(seed)
    acts = script(chance, kills)
    text, debtor_of = portfolio(chance, min(999, 40 + 9 * kills))
    async with _servers(cache) as (postgres, redis):
        url = postgres.url("dialer")
        sections = f'[ledger]\nkind = "redis"\nurl = "{redis.url}"\n\n[compliance]\npack_folder = "packs"'
        async with standing(
            folder.resolve(), tree=(cache / "asterisk").resolve(), agents=AGENTS, packs=("kills",), store=f'url = "{url}"',
            sections=sections, campaign="ring_timeout_seconds = 15\npost_dial_delay_seconds = 0",
        ) as stage:  # fmt: skip
            (stage.folder / "packs").mkdir()
            (stage.folder / "packs/kills.toml").write_text(PACK.replace("{rules}", HOURS))
            parsed = importing.parse(text.encode(), importing.Defaults())
            await add(settings.load(stage.config), CAMPAIGN, parsed)
            await _postpone(url)
            drama = Drama(stage, postgres, redis, url, chance, say)
            began = time.monotonic()
            tasks = [asyncio.create_task(work) for work in (drama.supervise(), drama.act(), drama.press())]
            try:
                await drama.play(acts)
                await drama.end()
            finally:
                drama.over = True
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            return await _left(drama, seed, time.monotonic() - began, debtor_of)


@asynccontextmanager
async def _servers(cache: Path) -> AsyncIterator[tuple[PostgresServer, RedisServer]]:
    postgres, redis = PostgresServer(cache / "postgres"), RedisServer((cache / "redis").resolve(), appendonly=True)
    try:
        await postgres.start()
        await redis.start()
        connection = await asyncpg.connect(postgres.url())
        await connection.execute("create database dialer")
        await connection.close()
        yield postgres, redis
    finally:
        await redis.discard()
        await postgres.discard()


async def _postpone(url: str) -> None:
    # who is called next is `press`'s business alone
    connection = await asyncpg.connect(url)
    await connection.execute("update cases set due_at = null")
    await connection.close()


async def _left(drama: Drama, seed: int, seconds: float, debtor_of: dict[str, str]) -> Played:
    stage, place = drama.stage, Place(Path(), drama.url)
    lines = await report.read(place)
    engine = await open_database(place)
    try:
        links = [link async for link in SqlDecisions(engine).links()]
        clock = SystemClock()
        entries = {
            line.id: line
            async for page in SqlLines(engine, clock).pages()
            for line in page
            if isinstance(line, Entry)
        }  # fmt: skip
        async with engine.connect() as connection:
            reasons = await connection.scalars(select(decisions.c.reasons).where(decisions.c.decision == "block"))
            refused = Counter(reason for row in reasons for reason in row.split(","))
    finally:
        await engine.dispose()
    async with Redis.from_url(drama.redis.url, decode_responses=True) as redis:
        in_flight = await redis.hkeys("cadenza:{ledger}:flying")
    log = (stage.folder / "daemon.log").read_text(errors="replace")
    assert stage.network
    return Played(
        seed=seed,
        seconds=seconds,
        offset_seconds=stage.offset_seconds,
        strikes=drama.strikes,
        exits=drama.exits,
        debtor_of=debtor_of,
        calls=witness.network_calls(stage.network.read_csv("cdr-custom/network.csv")),
        legs=drama.legs(),
        lines=lines,
        entries=entries,
        told=judged.told(log),
        decisions=len(links),
        allowed={attempt for link in links if (attempt := _allowed(link))},
        faults=evidence.verify(links)[1],
        refused=refused,
        audited=await _audit(stage),
        in_flight=[str(attempt) for attempt in in_flight],
        resumed=drama.resumed,
        tracebacks=log.count("Traceback"),
    )


async def _audit(stage: Stage) -> list[Found]:
    """What `dialer audit` finds, which shares no code with the gate."""
    assert stage.network
    cdr = stage.network.folder / "log/cdr-custom/network.csv"
    audit = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialer", "audit", "-c", str(stage.config), "--cdr", str(cdr), "--verify", "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await audit.communicate()
    if audit.returncode not in (0, 1):
        raise AssertionError(f"dialer audit ended with {audit.returncode}")
    answer = json.loads(out)
    found = [Found(line["rule"], line["subject"], line["words"]) for line in answer["violations"]]
    chain = answer["chain"]
    return found + [Found("chain", "", str(fault)) for fault in chain["faults"]]


def _allowed(link: Link) -> str | None:
    content = json.loads(link.content)
    return str(content["attempt"]) if content["decision"] == "allow" else None


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(2)))
    parser.add_argument("--folder", type=Path, default=Path("build/soak-kills"), help="emptied at the start")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.kills} kills", flush=True)
    began = time.monotonic()
    options.folder.parent.mkdir(parents=True, exist_ok=True)
    run = await play(
        options.folder, seed=options.seed, kills=options.kills,
        say=lambda words: print(f"{time.monotonic() - began:7.1f} s  {words}", flush=True),
    )  # fmt: skip
    print("\n".join(judged.figures(run)))
    wrong = judged.failures(run)
    print("\n".join(wrong) or "everything holds")
    return 1 if wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    sys.exit(asyncio.run(main()))
