"""`make bench-calls`: calls per second against SIPp as the network, and what each costs.

The same network, seats and dialplan are driven in turn, at rising rates, by a bare socket client (the raw ceiling) and
by the daemon, gate and record included. A rate is sustained when 95 % of it was placed and every call was accounted
for. CPU is per placed call, from the kernel's own accounts.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench import lab
from bench.raw import RawClient
from dialer.demo.stage import CAMPAIGN
from dialer.testing import asterisk

SIPP = Path(".cache/sipp/run")
SUSTAINED = 0.95


@dataclass
class Turn:
    """One client at one rate."""

    who: str
    rate: float
    placed: int
    seconds: float
    client_cpu: float
    asterisk_cpu: float
    accounted: bool
    limit: str = ""

    @property
    def per_second(self) -> float:
        return self.placed / self.seconds

    @property
    def sustained(self) -> bool:
        return self.per_second >= SUSTAINED * self.rate and self.accounted

    def row(self) -> str:
        client, pbx = (cpu / max(1, self.placed) * 1000 for cpu in (self.client_cpu, self.asterisk_cpu))
        return (
            f"{self.who:<8}{self.rate:>7.0f}{self.per_second:>9.1f}{client:>12.2f}{pbx:>12.2f}"
            f"{self.client_cpu / self.seconds:>10.0%}{self.asterisk_cpu / self.seconds:>10.0%}"
            f"  {'yes' if self.sustained else 'no '}  {self.limit}"
        )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="of each turn")
    parser.add_argument("--rates", default="50,100,150,200,250,300", help="calls per second, rising")
    parser.add_argument("--seats", type=int, default=150)
    options = parser.parse_args()
    rates = [float(rate) for rate in options.rates.split(",")]
    if not SIPP.exists():
        sys.exit("no SIPp: run it with make bench-calls")
    stock = lab.numbers()
    print(
        f"{options.seats} seats; of ten calls five busy, two unknown, three answered for 1 s; {options.seconds:g} s a turn"
    )
    print(
        f"{'':<8}{'asked':>7}{'placed/s':>9}{'ms CPU/call':>12}{'Asterisk':>12}{'CPU':>10}{'Asterisk':>10}  sustained"
    )
    turns: list[Turn] = []
    failing: set[str] = set()
    for rate in rates:
        for who in ("raw", "daemon"):
            if who in failing:
                continue
            turn = await _turn(who, rate, options.seats, options.seconds, stock)
            turns.append(turn)
            print(turn.row(), flush=True)
            if not turn.sustained:
                failing.add(who)
    _conclude(turns)


def _conclude(turns: list[Turn]) -> None:
    best = {who: max((t.per_second for t in turns if t.who == who), default=0.0) for who in ("raw", "daemon")}
    hundred = next((t for t in turns if t.who == "daemon" and t.rate == 100), None)
    print()
    if hundred:
        ratio = hundred.client_cpu / hundred.asterisk_cpu
        print(
            f"at 100 calls/s: {'sustained' if hundred.sustained else 'NOT sustained'}, the daemon uses {ratio:.2f} of "
            "Asterisk's CPU (aim: under 1)"
        )
    print(
        f"most placed a second: raw {best['raw']:.0f}, daemon {best['daemon']:.0f} ({best['daemon'] / best['raw']:.0%})"
    )
    last = next((t for t in reversed(turns) if t.who == "daemon"), None)
    if last and not last.sustained:
        print(f"what limits the daemon at {last.rate:.0f}/s: {last.limit}")


async def _turn(who: str, rate: float, seats: int, seconds: float, stock: Iterator[str]) -> Turn:
    numbers = list(islice(stock, int(rate * seconds * 1.3) + 100))
    async with _network() as port, lab.standing("bench-calls", seats, network_port=port, frame_seconds=2.0) as place:
        turn = await (_raw if who == "raw" else _daemon)(place, numbers, rate, seconds)
        await place.ears()
        return turn


async def _raw(place: lab.Lab, numbers: list[str], rate: float, seconds: float) -> Turn:
    client = RawClient(place.ami_port, place.secret)
    await client.start()
    await client.call_seats([phone.name for phone in place.phones])
    pid = lab.asterisk_pid(place.pbx)
    own, pbx, loop = lab.cpu_seconds(os.getpid()), lab.cpu_seconds(pid), asyncio.get_running_loop()
    start = loop.time()
    await client.run(numbers, rate, seconds)
    turn = Turn(
        "raw", rate, client.placed, seconds, lab.cpu_seconds(os.getpid()) - own, lab.cpu_seconds(pid) - pbx,
        client.ended == client.placed, f"the rest took {loop.time() - start - seconds:.1f} s",
    )  # fmt: skip
    await client.close()
    return turn


async def _daemon(place: lab.Lab, numbers: list[str], rate: float, seconds: float) -> Turn:
    async with lab.daemon(place, numbers, rate) as (client, pid):
        pbx_pid = lab.asterisk_pid(place.pbx)
        own, pbx = lab.cpu_seconds(pid), lab.cpu_seconds(pbx_pid)
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
        await asyncio.sleep(seconds)
        at_end = await lab.placed(client)
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/drain")
        while (line := await lab.placed(client))["state"] != "stopped":
            await asyncio.sleep(0.2)
        return Turn(
            "daemon", rate, at_end["placed"], seconds, lab.cpu_seconds(pid) - own, lab.cpu_seconds(pbx_pid) - pbx,
            sum(line["results"].values()) == line["placed"] and "unknown" not in line["results"], at_end["sentence"],
        )  # fmt: skip


@asynccontextmanager
async def _network() -> AsyncIterator[int]:
    port = asterisk.free_port()
    process = await asyncio.create_subprocess_exec(
        SIPP, "usr/bin/sipp", "-sf", "bench/sipp/network.xml", "-i", "127.0.0.1", "-p", str(port), "-nostdin",
        "-recv_timeout", "10000", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await asyncio.sleep(0.5)
    if process.returncode is not None:
        sys.exit("SIPp didn't start")
    try:
        yield port
    finally:
        process.terminate()
        await process.wait()


asyncio.run(main())
