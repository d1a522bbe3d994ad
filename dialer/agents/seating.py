"""Seats: each agent's phone is called once at log-in, and its leg waits for one debtor after another."""

from typing import Protocol

import structlog

from dialer.agents.roster import Roster
from dialer.agents.session import Session
from dialer.kernel.errors import PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.ids import SeatLegId
from dialer.kernel.tasks import Tasks

log = structlog.get_logger(__name__)


class SeatCaller(Protocol):
    """What of the PBX a seat needs."""

    async def call_seat(self, leg: SeatLegId, seat_number: int, phone: str) -> None: ...
    async def hang_up(self, leg: SeatLegId) -> None: ...


class Seating:
    """Calls the phones of those who logged in, or lost their seat."""

    def __init__(self, roster: Roster, pbx: SeatCaller, tasks: Tasks) -> None:
        self._roster = roster
        self._pbx = pbx
        self._tasks = tasks

    def call_due_seats(self) -> None:
        for session in self._roster.seats_to_call():
            assert session.leg is not None
            self._tasks.start("call seat", self._call(session, session.leg))

    def hang_up(self, leg: SeatLegId | None) -> None:
        """End the leg of an agent who left."""
        if leg is not None:
            self._tasks.start("hang up seat", self._hang_up(leg))

    async def _call(self, session: Session, leg: SeatLegId) -> None:
        try:
            await self._pbx.call_seat(leg, session.seat_number, session.phone)
        except (PbxAwayError, PbxRefusedError) as error:
            log.warning("seat.not_called", agent=session.agent, error=str(error))
            self._roster.seat_ended(leg)
        except PbxUnsureError:
            log.warning("seat.call_unacknowledged", agent=session.agent)

    async def _hang_up(self, leg: SeatLegId) -> None:
        try:
            await self._pbx.hang_up(leg)
        except (PbxAwayError, PbxRefusedError, PbxUnsureError) as error:
            log.warning("seat.not_hung_up", leg=leg, error=str(error))
