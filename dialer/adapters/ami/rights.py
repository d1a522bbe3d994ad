"""Whether the AMI user may do, and hears, all that the engine needs: tried on the PBX, with nobody's phone."""

import asyncio
from contextlib import suppress

from dialer.adapters.ami.asterisk import DENIED, Asterisk
from dialer.kernel import events
from dialer.kernel.errors import PbxRefusedError
from dialer.kernel.events import PbxEvent
from dialer.kernel.ids import AttemptId, SeatLegId

SEAT = 1_000_000
"""Beyond every seat that can be configured."""
PHONE = f"Local/{SEAT}@dialer-seat/n"
HEAR_SECONDS = 2.0


class Ear:
    """Give it to an `Asterisk` as `on_event`: it remembers what was heard."""

    def __init__(self) -> None:
        self._heard: set[tuple[type[PbxEvent], str]] = set()
        self._news = asyncio.Event()

    def __call__(self, event: PbxEvent) -> None:
        if isinstance(event, events.SeatIdle | events.SeatEnded):
            self._heard.add((type(event), event.leg))
            self._news.set()

    async def hears(self, kind: type[PbxEvent], leg: SeatLegId) -> bool:
        """Whether such an event of the leg comes, or came, in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(HEAR_SECONDS):
                while (kind, leg) not in self._heard:
                    self._news.clear()
                    await self._news.wait()
        return (kind, leg) in self._heard


async def prove(asterisk: Asterisk, ear: Ear, leg: SeatLegId, nobody: AttemptId) -> None:
    """Use each right once: `leg` seats a channel of the dialplan's own, `nobody` is an attempt that was never made.

    A daemon that runs beside it hangs the leg up as nobody's. Raises PbxRefusedError for what is missing, and what
    the link raises.
    """
    await asterisk.survey()
    await asterisk.call_seat(leg, SEAT, PHONE)
    hears_user = await ear.hears(events.SeatIdle, leg)
    for ask in (asterisk.refuse(nobody), asterisk.hang_up(nobody), asterisk.hang_up(leg)):
        try:
            await ask
        except PbxRefusedError as error:  # no such channel: so we may
            if DENIED in str(error):
                raise
    hears_call = await ear.hears(events.SeatEnded, leg)
    heard = {"call": hears_call, "user": hears_user, "system": asterisk.link.hears_system}
    if deaf := [name for name, hears in heard.items() if not hears]:
        raise PbxRefusedError(
            f"Asterisk doesn't tell us of a call of our own, or of itself (events of class {' and '.join(deaf)})",
            "the AMI user needs read = call,user,system and the event filters of manager_dialer.conf",
        )
