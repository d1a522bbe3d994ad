"""`make bench-recordings`: every bridged call of a campaign has its recording, and a retention run deletes what it should.

A real Asterisk with real phones calls the simulated phone network; agents say that the debtor consented, debtors hang up.
Then every file is hashed anew and held against the record, its length against the bridge in the PBX's own log, and the
calls against the network's CDR. Creditors differ: one says nothing of recordings (the pack's 180 days), one has them kept 30 days, one
has every second debtor's debt disputed, one has none made. The retention runs on 31 days and on 181 days later; what must
be gone then is reckoned here, from the list that was imported. The exit code is 1 where anything differs.
"""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import lab
from dialer import settings
from dialer.cases import importing
from dialer.cli import report
from dialer.cli.cases import add
from dialer.demo import witness
from dialer.demo.client import Client
from dialer.demo.stage import CAMPAIGN, Stage, standing
from dialer.kernel.errors import AwayError, DialerError
from dialer.reports.attempts import AttemptLine

POLL_SECONDS, LOOK_SECONDS, AWAY_SECONDS, COLLECTED_SECONDS = 0.2, 1.0, 2.0, 60.0
MOST_SECONDS, MOST_SECONDS_A_CALL = 120.0, 6.0
PACK = "bench-recordings"
MOST_DAYS, KEPT_DAYS = 180, 30
SHORTER_SECONDS, LONGER_SECONDS = 0.5, 2.0
"""How much shorter or longer than its bridge a recording may be. On a loaded machine frames of one side come late, and are
written after those of the other: the recording grows, and loses nothing."""
SAYS_NOTHING, KEEPS_SHORTLY, DISPUTED, NOT_RECORDED = "Luce", "Gas", "Banca", "Acqua"
CREDITORS = (SAYS_NOTHING, KEEPS_SHORTLY, DISPUTED, NOT_RECORDED)
PERSON_HANGS_UP = 11


@dataclass(slots=True)
class Played:
    """What a run came to. bridged: by the PBX's own log, from when to when. wrong: what isn't as it must be."""

    seconds: float = 0.0
    bridged: dict[str, tuple[float, float]] = field(default_factory=dict)
    recorded: int = 0
    bytes: int = 0
    off_seconds: list[float] = field(default_factory=list)
    deleted: list[int] = field(default_factory=list)
    held: int = 0
    wrong: list[str] = field(default_factory=list)

    def must(self, what: str, *, holds: bool) -> None:
        if not holds:
            self.wrong.append(what)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument(
        "--kill", action="store_true", help="kill the engine in the middle; nobody is asked for consent"
    )
    options = parser.parse_args()
    began = time.monotonic()
    run = await play(
        Path("build/bench-recordings").resolve(), calls=options.calls, agents=options.agents, kill=options.kill,
        say=lambda words: print(f"{time.monotonic() - began:7.1f} s  {words}", flush=True),
    )  # fmt: skip
    off = sorted(run.off_seconds)
    print(
        f"{len(run.bridged)} calls bridged in {run.seconds:.0f} s, {run.recorded} recordings, {run.bytes / 1e6:.1f} MB;\n"
        f"length against the bridge: {off[0]:+.2f} to {off[-1]:+.2f} s, median {median(off):+.2f} s;\n"
        f"deleted after {KEPT_DAYS + 1} and {MOST_DAYS + 1} days: {run.deleted}; held by a dispute: {run.held}"
    )
    print("\n".join(run.wrong) or "everything holds")
    return 1 if run.wrong else 0


async def play(folder: Path, *, calls: int, agents: int, kill: bool, say: Callable[[str], None]) -> Played:
    """Run the campaign and judge it."""
    run = Played()
    needs = "nothing" if kill else "consent"
    mandates = "".join(f'[[mandates]]\ncreditor = "{name}"\n{terms}\n' for name, terms in (
        (KEEPS_SHORTLY, f"recordings_kept_days = {KEPT_DAYS}"),
        (DISPUTED, f"recordings_kept_days = {KEPT_DAYS}"),
        (NOT_RECORDED, "record = false"),
    ))  # fmt: skip
    async with standing(
        folder, tree=lab.TREE, agents=agents, packs=(PACK,), calls_per_second=10.0, channels=200,
        campaign="record = true\nring_timeout_seconds = 20\nauto_ready_after_seconds = 0",
        sections=f'[compliance]\npack_folder = "."\n{mandates}[log]\nlevel = "warning"',
    ) as stage:  # fmt: skip
        (folder / f"{PACK}.toml").write_text(_pack(needs))
        creditor_of = await _import(stage, calls)
        await stage.start_daemon()
        began = time.monotonic()
        async with asyncio.timeout(MOST_SECONDS + calls * MOST_SECONDS_A_CALL):
            await _campaign(stage, calls, kill=kill, say=say)
        run.seconds = time.monotonic() - began
        run.bridged, lines = _bridges(stage), await _attempts(stage)
        of = {line.attempt: line for line in lines}
        run.must("the record knows of other bridges than the PBX",
                 holds={line.attempt for line in lines if line.bridged_at} == run.bridged.keys())  # fmt: skip
        creditors = {attempt: creditor_of[of[attempt].number] for attempt in run.bridged}
        wanted = {attempt for attempt, creditor in creditors.items() if creditor != NOT_RECORDED}
        say(f"{len(run.bridged)} calls bridged, {len(wanted)} of them to be recorded")
        await _collected(stage, wanted)
        agreement = witness.of_stage(stage, lines)
        say(agreement.sentence())
        if not kill:  # what ended while no engine was there is on record with the instant at which that was found
            run.wrong += agreement.disagreements
        await _judge_files(stage, run, wanted)
        say(f"{run.recorded} recordings hashed")
        disputed = await _dispute(stage, [of[one] for one, creditor in creditors.items() if creditor == DISPUTED])
        say(f"{len(disputed)} calls disputed")
        await stage.stop_daemon()
        await _judge_retention(stage, run, creditors, disputed)
    return run


async def _import(stage: Stage, calls: int) -> dict[str, str]:
    """One case for each call; whose debts each number is called about."""
    creditor_of = {f"+39347{n:03d}{10 + n % 10}{PERSON_HANGS_UP}": CREDITORS[n % len(CREDITORS)] for n in range(calls)}
    rows = [f"{who};D{n};Name {n};F{n};10,00;{number}" for n, (number, who) in enumerate(creditor_of.items())]
    header = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"
    parsed = importing.parse("\n".join([header, *rows]).encode(), importing.Defaults())
    await add(settings.load(stage.config), CAMPAIGN, parsed)
    return creditor_of


async def _campaign(stage: Stage, calls: int, *, kill: bool, say: Callable[[str], None]) -> None:
    """Until everybody was called and nobody talks any more; the engine is killed after a third, while calls go on."""
    asked: set[str] = set()
    killed, looked_at = not kill, 0.0
    async with Client(stage.api_port, stage.token) as client:
        names = [line["agent"] for line in (await client.get("/api/v1/live"))["agents"]]
        for name in names:
            await client.post(f"/api/v1/agents/{name}/log-in", {"ready": True})
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
        told = 0
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                floor = await client.get("/api/v1/live")
            except AwayError:
                continue
            talking = {line["attempt"]: line["agent"] for line in floor["agents"] if line["state"] == "talking"}
            if not kill:
                new = talking.keys() - asked
                asked |= new
                await asyncio.gather(*(_consent(client, talking[attempt]) for attempt in new))
            if time.monotonic() < looked_at + LOOK_SECONDS:
                continue
            looked_at = time.monotonic()
            over = [line for line in await _attempts(stage) if line.ended_at]
            if len(over) // 100 > told:
                told = len(over) // 100
                say(f"{len(over)} calls over")
            if not killed and len(over) >= calls // 3 and len(talking) > 1:
                killed = True
                say(f"engine killed with {len(talking)} conversations under way")
                assert stage.daemon
                stage.daemon.send_signal(signal.SIGKILL)
                await stage.daemon.wait()
                await asyncio.sleep(AWAY_SECONDS)
                await stage.spawn_daemon()  # it is there when it answers
            if len(over) >= calls and not talking:
                return


async def _consent(client: Client, agent: str) -> None:
    with suppress(DialerError):  # nothing records this call
        await client.post(f"/api/v1/agents/{agent}/recording/consented")


def _bridges(stage: Stage) -> dict[str, tuple[float, float]]:
    """Each debtor's leg that was bridged, by the PBX's own log: from when to when."""
    seen: dict[str, dict[str, float]] = {}
    for leg, kind, at in stage.pbx.read_csv("cel-custom/legs.csv"):
        if leg.startswith("dla-"):
            seen.setdefault(leg, {}).setdefault(kind, float(at))
    return {leg: (kinds["BRIDGE_ENTER"], kinds["HANGUP"]) for leg, kinds in seen.items() if "BRIDGE_ENTER" in kinds}


async def _attempts(stage: Stage) -> list[AttemptLine]:
    return await report.read(settings.place(settings.load(stage.config).store))


async def _collected(stage: Stage, wanted: set[str]) -> None:
    """Until the daemon has put them on record and away, or for as long as it may take."""
    until = time.monotonic() + COLLECTED_SECONDS
    while time.monotonic() < until and (
        not wanted <= {line["attempt"] for line in await _listed(stage)} or any(_folder(stage).glob("dla-*"))
    ):
        await asyncio.sleep(1)


def _folder(stage: Stage) -> Path:
    return stage.folder / "pbx/spool/monitor/dialer"


async def _listed(stage: Stage, *more: str) -> list[dict[str, Any]]:
    _, lines = await _dialer(stage.config, "recordings", "list", "--json", *more)
    return list(lines["recordings"])


async def _judge_files(stage: Stage, run: Played, wanted: set[str]) -> None:
    """Each has exactly one, as it was, as long as its bridge."""
    listed = {line["attempt"]: line for line in await _listed(stage)}
    run.recorded = len(listed)
    run.must(f"{len(wanted - listed.keys())} bridged calls have no recording: {sorted(wanted - listed.keys())[:5]}",
             holds=wanted <= listed.keys())  # fmt: skip
    run.must(f"{len(listed.keys() - wanted)} recordings are of no call that is recorded", holds=listed.keys() <= wanted)
    files = {path.stem: path for path in _folder(stage).rglob("dla-*")}
    run.must("files and record differ", holds=files.keys() == listed.keys())
    for attempt in sorted(files.keys() & wanted & listed.keys()):
        content = files[attempt].read_bytes()
        run.bytes += len(content)
        run.must(f"{attempt}: another checksum", holds=hashlib.sha256(content).hexdigest() == listed[attempt]["sha256"])
        enter, hang_up = run.bridged[attempt]
        off = (len(content) - 44) / 16_000 - (hang_up - enter)
        run.off_seconds.append(off)
        run.must(f"{attempt}: {off:+.2f} s against its bridge", holds=-SHORTER_SECONDS <= off <= LONGER_SECONDS)
    code, found = await _dialer(stage.config, "recordings", "verify", "--json")
    run.must(f"dialer recordings verify says {found}", holds=(code, found["good"]) == (0, len(wanted)))


async def _dispute(stage: Stage, calls: list[AttemptLine]) -> set[str]:
    """The debts of every second call are disputed afterwards."""
    disputed = sorted(calls, key=lambda line: line.number)[::2]
    async with Client(stage.api_port, stage.token) as client:
        for line in disputed:
            await client.post(
                "/api/v1/ledger", {"kind": "flag", "case": line.case_id, "name": "dispute", "by": "bench"}
            )
    return {line.attempt for line in disputed}


async def _judge_retention(stage: Stage, run: Played, of: dict[str, str], disputed: set[str]) -> None:
    """31 days on, then 181: each time exactly what is over. of: whose debts each call was about."""
    before = {line["attempt"]: line["sha256"] for line in await _listed(stage)}
    first = {one for one in before if of[one] in (KEEPS_SHORTLY, DISPUTED)} - disputed
    second = {one for one in before if of[one] == SAYS_NOTHING}
    gone: set[str] = set()
    for days, goes in ((KEPT_DAYS + 1, first), (MOST_DAYS + 1, second)):
        config = _later(stage, days)
        _, would = await _dialer(config, "recordings", "prune", "--dry-run", "--json")
        code, done = await _dialer(config, "recordings", "prune", "--by", "bench", "--json")
        gone |= goes
        run.deleted.append(len(done["deleted"]))
        run.held = len(done["held"])
        run.must(f"after {days} days the run failed: {done['stuck']}", holds=code == 0)
        run.must(f"after {days} days the dry run said something else", holds=would["deleted"] == done["deleted"])
        run.must(f"after {days} days it deleted others than those {len(goes)} that are over",
                 holds={line["attempt"]: line["sha256"] for line in done["deleted"]} == {one: before[one] for one in goes})  # fmt: skip
        run.must("it held others than the disputed", holds={line["attempt"] for line in done["held"]} == disputed)
        files = {path.stem for path in _folder(stage).rglob("dla-*")}
        run.must(f"after {days} days other files are there", holds=files == before.keys() - gone)
        code, found = await _dialer(config, "recordings", "verify", "--json")
        run.must(f"after {days} days verify says {found}", holds=(code, found["good"]) == (0, len(before) - len(gone)))
    tombs = {line["attempt"]: line["sha256"] for line in await _listed(stage, "--deleted")}
    run.must("a tombstone is missing, or has another checksum", holds=tombs == {one: before[one] for one in gone})


def _later(stage: Stage, days: int) -> Path:
    """The same configuration, so many days on."""
    text = stage.config.read_text()
    now = f"clock_offset_seconds = {stage.offset_seconds:.3f}"
    assert now in text
    config = stage.folder / f"later-{days}.toml"
    config.write_text(text.replace(now, f"clock_offset_seconds = {stage.offset_seconds + days * 86_400:.3f}"))
    return config


async def _dialer(config: Path, *words: str) -> tuple[int, Any]:
    """A command's exit code and what it says as JSON."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialer", *words, "-c", str(config), stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, json.loads(out)


def _pack(needs: str) -> str:
    """A law that binds nobody here but by its recordings."""
    return f"""
name = "{PACK}"
version = "1"
title = "The recordings of the benchmark"
reviewed_by = ""
sources = ["none: the benchmark's own rule"]
retention_days = 365
recording = "{needs}"
recordings_most_days = {MOST_DAYS}
rule = [
    {{ kind = "flag", id = "flags", source = "the run", confidence = "H", flags = ["dispute", "attorney"] }},
    {{ kind = "hours", id = "hours", source = "the run", confidence = "H", tuesday = [["08:00", "20:00"]] }},
    {{ kind = "concurrency", id = "in-flight", source = "the run", confidence = "H" }},
    {{ kind = "answer_to_agent_max", id = "answer-to-agent", source = "the run", confidence = "H", seconds = 3.0 }},
    {{ kind = "abandon_treatment", id = "treatment", source = "the run", confidence = "H", treatment = "drop", comfort_noise = true }},
    {{ kind = "abandon_cap", id = "abandon-cap", source = "the run", confidence = "H", of = "answered", window = ["local_day"], cap = 0.5, comparison = "up_to" }},
]
"""


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
