"""`make bench-abandoned`: the engine frozen with calls ringing; what becomes of the debtors who answer meanwhile.

Measured at the debtor's end, by SIP endpoints: seconds from their answer to the first sound and to the end of the
call (Italy: comfort noise from the answer on, down by 3.0 s) or to the first word of the message (US: by 2.0 s).
"""

import argparse
import asyncio
import shutil
import signal
from pathlib import Path
from random import Random

from bench import lab
from dialer import settings
from dialer.cases import importing
from dialer.cli.cases import add
from dialer.demo.client import Client
from dialer.demo.stage import CAMPAIGN, Trunk, standing
from dialer.testing.sip import SipCall, SipEndpoint

QUIET, SPEECH = 12, 800
CHANCE = Random(1)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=60)
    options = parser.parse_args()
    print(f"{options.calls} debtors answer while the engine is stopped (SIGSTOP); seconds after the answer")
    print(f"{'':<34}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}   over the limit")
    for pack, limit in (("it-unirec", 3.0), ("us-tsr", 2.0)):
        calls = await _frozen(pack, options.calls)
        first = [_first(call, QUIET) for call in calls]
        if pack == "it-unirec":
            _row("Italy: first sound", first, None)
            _row("Italy: leg down", [(call.ended_at or 0) - (call.answered_at or 0) for call in calls], limit)
        else:
            _row("US: first word of the message", [_first(call, SPEECH) for call in calls], limit)


async def _frozen(pack: str, count: int) -> list[SipCall]:
    calls: list[SipCall] = []

    async def debtor(call: SipCall) -> None:
        calls.append(call)
        call.ring()
        await asyncio.sleep(5 + CHANCE.uniform(0, 3))
        await call.answer()

    network = await SipEndpoint("network", debtor, voice=0x2A, measures=True).start_listening()
    folder = Path("build") / "bench-abandoned"
    shutil.rmtree(folder, ignore_errors=True)
    async with standing(
        folder.resolve(), tree=lab.TREE, agents=count, trunk=Trunk("127.0.0.1", network.port), packs=(pack,),
        calls_per_second=50.0, channels=500,
    ) as stage:  # fmt: skip
        numbers = [number for number, _ in zip(lab.numbers(), range(count), strict=False)]
        rows = [f"Luce;D{n};Name {n};F{n};10,00;{number}" for n, number in enumerate(numbers)]
        header = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"
        parsed = importing.parse("\n".join([header, *rows]).encode(), importing.Defaults())
        await add(settings.load(stage.config), CAMPAIGN, parsed)
        await stage.start_daemon()
        async with Client(stage.api_port, stage.token) as client:
            for number in range(1, count + 1):
                await client.post(f"/api/v1/agents/agent{number:02d}/log-in", {"ready": True})
            await asyncio.sleep(3)
            await client.post(f"/api/v1/campaigns/{CAMPAIGN}/start")
            while len(calls) < count:
                await asyncio.sleep(0.05)
            assert stage.daemon
            stage.daemon.send_signal(signal.SIGSTOP)
            await asyncio.gather(*(call.ended.wait() for call in calls))
            stage.daemon.send_signal(signal.SIGCONT)
            await asyncio.sleep(2)
            line = await lab.placed(client)
            print(f"# {pack}: {line['abandoned']} of {count} counted as abandoned after the thaw")
    await network.close()
    return calls


def _first(call: SipCall, level: float) -> float:
    """Seconds from the answer to the first frame at least this loud; endless where there was none."""
    assert call.answered_at
    return next((at - call.answered_at for at, loudness in call.levels if loudness >= level), float("inf"))


def _row(name: str, values: list[float], limit: float | None) -> None:
    ordered = sorted(values)
    found = lab.percentiles(ordered)
    over = "" if limit is None else f"   {sum(value > limit for value in values)} of {len(values)} over {limit:g} s"
    print(f"{name:<34}" + "".join(f"{found[key]:>8.3f}" for key in ("p50", "p95", "p99", "max")) + over)


asyncio.run(main())
