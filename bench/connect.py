"""`make bench-connect`: from the answer to the agent, by the PBX's own clock and at the debtor's ear.

20 seats, 5 answers a second. The same dialplan is driven in turn by a bare socket client (the raw floor) and by the
daemon; every figure comes from the same witnesses: the PBX's channel event log, and SIP endpoints that know whom
they hear.
"""

import argparse
import asyncio
from itertools import islice

from bench import lab
from bench.raw import RawClient
from dialer.demo.stage import CAMPAIGN
from dialer.kernel.percentiles import percentiles

SEATS, ANSWERS_PER_SECOND = 20, 5.0


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=40, help="of each turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each")
    options = parser.parse_args()
    stock = lab.numbers()
    waits: dict[str, list[float]] = {"raw": [], "daemon": []}
    ears: dict[str, list[float]] = {"raw": [], "daemon": []}
    for turn in range(options.rounds):
        for who in ("raw", "daemon"):
            print(f"turn {turn + 1}: {who}, {options.seconds:g} s …", flush=True)
            numbers = list(islice(stock, int(ANSWERS_PER_SECOND * options.seconds * 1.2)))
            async with lab.standing("bench-connect", SEATS) as place:
                await (_raw if who == "raw" else _daemon)(place, numbers, options.seconds)
                heard = await place.ears()
                await asyncio.sleep(0.5)
                waits[who] += place.waits()
                ears[who] += [ear["heard_at"] - ear["answered_at"] for ear in heard if ear["heard_at"]]
    print(f"\n{SEATS} seats, {ANSWERS_PER_SECOND:g} calls a second, every one answered; milliseconds")
    print(f"{'answer to agent':<28}{'calls':>6}  {'p50':>7}  {'p95':>7}  {'p99':>7}  {'max':>7}")
    for name, values in (
        ("PBX's clock, raw floor", waits["raw"]),
        ("PBX's clock, daemon", waits["daemon"]),
        ("debtor's ear, raw floor", ears["raw"]),
        ("debtor's ear, daemon", ears["daemon"]),
    ):
        print(f"{name:<28}{len(values):>6}  {lab.milliseconds(sorted(values))}")
    raw, daemon = percentiles(sorted(waits["raw"])), percentiles(sorted(waits["daemon"]))
    ear = percentiles(sorted(ears["daemon"]))
    print(f"\np99 by the PBX's clock: {daemon['p99'] / raw['p99']:.2f} times the raw floor (aim: 1.5)")
    print(f"p50 by the PBX's clock: {daemon['p50'] * 1000:.1f} ms (aim: under 10)")
    print(f"p99 at the debtor's ear: {ear['p99'] * 1000:.1f} ms (aim: under 60)")


async def _raw(place: lab.Lab, numbers: list[str], seconds: float) -> None:
    client = RawClient(place.ami_port, place.secret)
    await client.start()
    await client.call_seats([phone.name for phone in place.phones])
    await client.run(numbers, ANSWERS_PER_SECOND, seconds)
    await client.close()


async def _daemon(place: lab.Lab, numbers: list[str], seconds: float) -> None:
    async with lab.daemon(place, numbers, ANSWERS_PER_SECOND) as (client, _):
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
        await asyncio.sleep(seconds)
        await client.post(f"/api/v1/campaigns/{CAMPAIGN}/drain")
        while (await lab.placed(client))["state"] != "stopped":
            await asyncio.sleep(0.2)


asyncio.run(main())
