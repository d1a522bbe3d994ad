"""`dialer demo`: the main job, from a portfolio to bridged calls, on a real Asterisk; at its end it checks itself."""

import asyncio
import fcntl
import ipaddress
import re
import signal
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from dialer.adapters.store.place import Place
from dialer.cli import report
from dialer.cli.output import AsJson, print_json
from dialer.kernel.errors import EXIT_NO, AwayError, InputError, InUseError

DEFAULT_FOR_SECONDS = 180.0
SPARE_CASES = 20
CASES_PER_AGENT_MINUTE = 12
DRAIN_SECONDS = 90.0
TRUNK_PATIENCE_SECONDS = 60.0
SEAT_PATIENCE_SECONDS = 15.0
PROBE_SECONDS = 0.3
WITNESS_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    cases: int
    calls: int | None
    seconds: float | None
    agents: int
    seed: int
    trunk: Any
    folder: Path
    tree: Path
    picture: Path | None
    as_json: bool


def demo(
    *,
    agents: Annotated[int, typer.Option(min=1, max=200, help="agents in their seats")] = 10,
    calls: Annotated[int | None, typer.Option(min=1, help="end after so many calls")] = None,
    for_: Annotated[str | None, typer.Option("--for", help="end after this time, as 90s, 2m or 1h")] = None,
    cases: Annotated[int | None, typer.Option(min=1, help="cases of the portfolio; enough by default")] = None,
    seed: Annotated[int, typer.Option(help="of the portfolio and the agents' doings")] = 1,
    trunk: Annotated[
        str | None, typer.Option(help="a foreign SIP network, as sip:127.0.0.1:5060, in place of the simulated one")
    ] = None,
    folder: Annotated[Path, typer.Option(help="where everything goes; emptied at the start")] = Path(".demo"),
    asterisk: Annotated[Path, typer.Option(help="what setup/fetch-asterisk made", envvar="DIALER_ASTERISK")] = Path(
        ".cache/asterisk"
    ),
    hold: Annotated[
        bool,
        typer.Option(
            "--hold",
            help="only set up the PBX, the phone network, the agents' phones and the beginning of a dialer.toml, for a "
            "daemon of your own, until Ctrl-C",
        ),
    ] = False,
    picture: Annotated[Path | None, typer.Option(help="keep a picture of the live view here, as SVG")] = None,
    as_json: AsJson = False,
) -> None:
    """Run a progressive campaign against a simulated public network, or a foreign one, and check the record.

    Ends after --calls or --for (3 minutes if neither is given) or on Ctrl-C: drains, prints the report, and holds
    the record against an outside witness, call by call. Exit code 1 if they disagree, if no call was placed, or if the
    cases are used up before --calls.
    """
    seconds = _seconds(for_)
    if calls is None and seconds is None:
        seconds = DEFAULT_FOR_SECONDS
    wanted = cases or (
        calls + SPARE_CASES if calls else int(agents * CASES_PER_AGENT_MINUTE * (seconds or 0) / 60) + SPARE_CASES
    )
    to = _trunk(trunk)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder.resolve()}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUseError(f"another demo runs in {folder}", "end it, or choose --folder") from None
        wish = Wish(wanted, calls, seconds, agents, seed, to, folder.resolve(), asterisk.resolve(), picture, as_json)
        if hold:
            asyncio.run(_hold(wish))
            return
        agreed = asyncio.run(_play(wish))
    if not agreed:
        raise typer.Exit(EXIT_NO)


async def _play(wish: Wish) -> bool:
    from dialer.demo import stage as stages
    from dialer.demo.view import View

    note = f"the engine's clock is shifted to {_shifted():%A %H:%M} in Rome, so that the rules hold at any hour"
    with View(note, quiet=wish.as_json) as view:
        view.say(f"starting {'the PBX' if wish.trunk else 'the PBX and the phone network'}; {note}")
        async with stages.standing(
            wish.folder, tree=wish.tree, agents=wish.agents, trunk=wish.trunk, most_calls=wish.calls
        ) as stage:
            await _import(stage.config, wish)
            await stage.start_daemon()
            view.say(f"{wish.cases} cases, {wish.agents} agents; everything is in {wish.folder}")
            enough = await _campaign(stage, wish, view)
            code = await stage.stop_daemon()
            if code != 0:
                raise AwayError(f"the daemon ended with {code}", f"read {wish.folder / 'daemon.log'}")
            if not enough:
                view.say(f"the cases are used up before {wish.calls} calls: give more with --cases")
            return await _report(wish, stage) and enough


async def _hold(wish: Wish) -> None:
    """Keep the stage for somebody else's daemon. It stands once the last line is printed."""
    from dialer.demo.stage import standing

    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with standing(wish.folder, tree=wish.tree, agents=wish.agents, trunk=wish.trunk, begun=True) as stage:
        phones = ", ".join(f"PJSIP/{phone.name}" for phone in stage.phones)
        print(f"the engine's clock is shifted to {_shifted():%A %H:%M} in Rome, so that the rules hold at any hour")
        print(f"registered, and picked up by themselves: {phones}")
        print(f"everything stands until Ctrl-C: add your sections to {stage.config}", flush=True)
        await ended.wait()


async def _campaign(stage: Any, wish: Wish, view: Any) -> bool:
    """From the agents' log-in to the last call; whether the wish was fulfilled."""
    from dialer.demo import agents as acting
    from dialer.demo.client import Client
    from dialer.demo.stage import CAMPAIGN
    from dialer.testing.public import behaviour_of

    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    loop.add_signal_handler(signal.SIGTERM, interrupted.set)
    latest: dict[str, Any] = {}

    def watch(floor: dict[str, Any]) -> None:
        latest.clear()
        latest.update(floor)
        view.show(floor)
        line = floor["campaigns"][0]
        if wish.picture and line["state"] == "running" and line["calls"].get("talking", 0) >= wish.agents // 2:
            wish.picture.write_text(view.picture_svg(floor))

    async with Client(stage.api_port, stage.token) as client:
        known = behaviour_of if wish.trunk is None else (lambda _: None)
        staff = [
            acting.ScriptedAgent(phone.name, client, Random(f"{wish.seed}/{n}"), known, phone)
            for n, phone in enumerate(stage.phones, start=1)
        ]
        for agent in staff:
            await client.post(f"/api/v1/agents/{agent.name}/log-in", {"ready": True})
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
        acts = asyncio.create_task(acting.work(staff, client, watch))
        try:
            enough = await _until_enough(acts, wish, latest, interrupted, stage)
            view.say("draining: no new calls, those under way end")
            await client.post(f"/api/v1/campaigns/{CAMPAIGN}/drain")
            await _until_drained(acts, latest, interrupted)
            for line in (await client.get("/api/v1/agents"))["agents"]:
                if line["state"] != "offline":  # on a busy machine a phone may have been lost
                    await client.post(f"/api/v1/agents/{line['agent']}/log-out")
            return enough
        finally:
            acts.cancel()
            with suppress(asyncio.CancelledError):
                await acts


async def _until_enough(
    acts: asyncio.Task[None], wish: Wish, latest: dict[str, Any], interrupted: asyncio.Event, stage: Any
) -> bool:
    """Return when the calls, the time or the cases are used up, or on Ctrl-C: False where the cases don't suffice for
    the calls. Raises AwayError for a dead trunk, and where no agent gets a seat.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + wish.seconds if wish.seconds is not None else float("inf")
    idle_since = trunk_lost_since = None
    seated_at = loop.time()
    while not interrupted.is_set() and loop.time() < end:
        if acts.done():
            acts.result()
        if stage.daemon.returncode is not None:
            raise AwayError("the daemon ended", f"read {wish.folder / 'daemon.log'}")
        await asyncio.sleep(0.1)
        if not latest:
            continue
        line = latest["campaigns"][0]
        if wish.calls is not None and line["placed"] >= wish.calls:
            return True
        idle_since = (idle_since or loop.time()) if line["limit"] == "cases" and not line["calls"] else None
        if idle_since and loop.time() - idle_since > 5:
            return wish.calls is None
        trunk_lost_since = (trunk_lost_since or loop.time()) if line["limit"] == "trunk" else None
        if trunk_lost_since and loop.time() - trunk_lost_since > TRUNK_PATIENCE_SECONDS:
            raise AwayError("the trunk takes no call", "check that a SIP network listens at the --trunk address")
        if any(agent["seat"] in ("idle", "busy") for agent in latest["agents"]):
            seated_at = loop.time()
        elif loop.time() - seated_at > SEAT_PATIENCE_SECONDS:
            raise AwayError(
                "no agent's phone takes its seat", f"read {wish.folder / 'daemon.log'} and {wish.folder}/pbx/log"
            )
    return True


async def _until_drained(acts: asyncio.Task[None], latest: dict[str, Any], interrupted: asyncio.Event) -> None:
    """Return when the last call is over and every agent has written it up; a second Ctrl-C waits no longer."""
    interrupted.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            while not interrupted.is_set() and not acts.done():
                busy = any(line["state"] in ("reserved", "talking", "wrapping") for line in latest.get("agents", []))
                if latest and latest["campaigns"][0]["state"] == "stopped" and not busy:
                    return
                await asyncio.sleep(0.1)


async def _report(wish: Wish, stage: Any) -> bool:
    from dialer.demo import witness
    from dialer.reports.attempts import summarise

    lines = await report.read(Place(wish.folder / "dialer.db"))
    end = asyncio.get_running_loop().time() + WITNESS_SECONDS
    while True:
        agreement = witness.of_stage(stage, lines)
        if agreement.complete or asyncio.get_running_loop().time() > end:
            break
        await asyncio.sleep(0.2)  # an Asterisk writes its last lines a little later
    summary = summarise(lines)
    if wish.as_json:
        print_json(
            {
                "summary": asdict(summary),
                "agreement": asdict(agreement) | {"complete": agreement.complete},
                "clock_offset_seconds": stage.offset_seconds,
                "folder": str(wish.folder),
                "attempts": [line.as_json() for line in lines],
            }
        )
        return agreement.complete
    print("\nReport")
    report.print_summary(summary)
    print(agreement.sentence())
    for text in agreement.disagreements[:20]:
        print(f"  {text}")
    print(f"every attempt: dialer report attempts -c {wish.folder / 'dialer.toml'}")
    return agreement.complete


async def _import(config: Path, wish: Wish) -> None:
    from dialer import settings
    from dialer.cases import importing
    from dialer.cli.cases import add
    from dialer.demo.portfolio import generate
    from dialer.demo.stage import CAMPAIGN

    # beside the loop: the phones live in it, and one that doesn't answer the PBX is taken for gone
    text = await asyncio.to_thread(generate, wish.cases, wish.seed, _shifted().date())
    (wish.folder / "portfolio.csv").write_text(text)
    parsed = await asyncio.to_thread(importing.parse, text.encode(), importing.Defaults())
    await add(settings.load(config), CAMPAIGN, parsed)


def _shifted() -> datetime:
    from dialer.demo.stage import ROME, tuesday_morning

    now = datetime.now(UTC)
    return (now + timedelta(seconds=tuesday_morning(now))).astimezone(ROME)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smh]?)", text)
    if not found or float(found[1]) <= 0:
        raise InputError(f"--for {text!r}: not a time", "write it as 90s, 2m or 1h")
    return float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]]


def _trunk(text: str | None) -> Any:
    """The address of a foreign network. The portfolio's numbers are invented, and somebody may own them: so the
    network must be on this machine or a private one.
    """
    from dialer.demo.stage import Trunk

    if text is None:
        return None
    found = re.fullmatch(r"sip:(?:[^@]+@)?([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(?:;transport=udp)?", text)
    if not found or not 0 < int(found[2] or 5060) < 65536:
        raise InputError(f"--trunk {text!r}: not a SIP address", "write it as sip:127.0.0.1:5060")
    port = int(found[2] or 5060)
    try:
        host = socket.getaddrinfo(found[1], port, socket.AF_INET)[0][4][0]
    except OSError:
        raise InputError(f"--trunk {text}: no host is named {found[1]}", "write it as sip:127.0.0.1:5060") from None
    if not _near(ipaddress.ip_address(host)):
        raise InputError(
            f"--trunk {text}: a public address, and the demo's invented numbers may be somebody's",
            "give a network on this machine or a private one",
        )
    _probe(str(host), port, text)
    return Trunk(str(host), port)


def _near(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """On this machine or in a private network: an address that names one host there."""
    return host.is_private and not (host.is_unspecified or host.is_multicast or host.is_reserved)


def _probe(host: str, port: int, text: str) -> None:
    """A keep-alive (RFC 5626 §3.5.1) tells whether anybody holds the port: a closed one answers at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect((host, port))
            probe.send(b"\r\n\r\n")
            probe.recv(1)
        except TimeoutError:
            return  # silence is a SIP network's good right
        except OSError:
            raise AwayError(f"--trunk {text}: nobody listens there", "start the SIP network first") from None
