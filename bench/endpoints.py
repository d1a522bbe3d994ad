"""Agents' phones and, if asked, debtors, in a process of their own: `python -m bench.endpoints ORDER-AS-JSON`.

Prints the debtors' port when all stands; at end of input, what each debtor heard.
"""

import asyncio
import json
import sys
from random import Random

from dialer.testing.sip import SipCall, SipEndpoint, pick_up

AGENT_VOICE, DEBTOR_VOICE = 0x33, 0x2A


async def main() -> None:
    order = json.loads(sys.argv[1])
    chance = Random(1)

    async def debtor(call: SipCall) -> None:
        """Rings, answers, talks a while from the first frame of an agent on, and hangs up."""
        call.ring()
        await asyncio.sleep(chance.uniform(0.4, 1.2))
        await call.answer()
        for _ in range(300):
            await asyncio.sleep(0.02)
            if AGENT_VOICE in call.heard or call.ended.is_set():
                break
        await asyncio.sleep(order["talk_seconds"])
        call.hang_up()

    network = await SipEndpoint("network", debtor, voice=DEBTOR_VOICE).start_listening(order["network_port"])
    phones = []
    for name, password in order["phones"]:
        phone = SipEndpoint(name, pick_up, voice=AGENT_VOICE, frame_seconds=order["frame_seconds"])
        phones.append(await phone.start_listening())
        await phone.register(("127.0.0.1", order["sip_port"]), password)
    print(network.port, flush=True)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, sys.stdin.read)
    ears = [
        {"number": call.number, "answered_at": call.answered_at, "heard_at": call.heard.get(AGENT_VOICE)}
        for call in network.calls.values()
        if call.answered_at
    ]
    print(json.dumps(ears), flush=True)
    for endpoint in (network, *phones):
        await endpoint.close()


asyncio.run(main())
