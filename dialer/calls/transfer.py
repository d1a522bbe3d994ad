"""What transfers of a call are, how they end, and that the case's history tells of them."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import structlog

from dialer.calls.attempt import Attempt
from dialer.cases.history import HistoryEntry, HistoryKind
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError
from dialer.kernel.tasks import Tasks

log = structlog.get_logger(__name__)


class TransferKind(StrEnum):
    """How a call goes on with somebody else."""

    BLIND = "blind"
    """At once with another agent."""
    WARM = "warm"
    """With another agent, after the two have spoken."""
    OUTSIDE = "outside"
    """With somebody who has no seat, after the agent has spoken to them."""


class TransferResult(StrEnum):
    """How a transfer ended."""

    HANDED_OVER = "handed_over"
    TAKEN_BACK = "taken_back"
    """The first agent has the call again, by the agent's word or because the time on hold was over."""
    JOINED = "joined"
    """The three spoke together, and the first agent kept the call."""
    FAILED = "failed"
    """The first agent has the call: the other one couldn't be had."""
    HUNG_UP = "hung_up"
    """The debtor was gone meanwhile."""
    REFUSED = "refused"
    """The gate didn't let the call outside through, or no trunk was free."""


Count = Callable[[str, TransferKind, TransferResult], None]
"""Count one that ended: of which campaign, of which kind, and how."""


class History(Protocol):
    """Where a case's history is kept."""

    async def write(self, entry: HistoryEntry, now: datetime) -> None: ...


class Telling:
    """Writes who handed a call over to whom."""

    def __init__(self, history: History, clock: Clock, tasks: Tasks) -> None:
        self._history, self._clock, self._tasks = history, clock, tasks

    def __call__(self, attempt: Attempt, by: str, text: str) -> None:
        """Into the case's history, soon. A record that is away loses this line alone: who has the call is on record."""
        self._tasks.start("transfer history", self._write(attempt, by, text))

    async def _write(self, attempt: Attempt, by: str, text: str) -> None:
        now = self._clock.now()
        reference = f"transfer {attempt.id} {now.isoformat()}"
        entry = HistoryEntry(attempt.intent.case_id, reference, now, HistoryKind.NOTE, text, recorded_by=by)
        try:
            await self._history.write(entry, now)
        except (AwayError, LookupError):
            log.warning("transfer.history_not_written", attempt=attempt.id, campaign=attempt.campaign)
