"""Ending legs, and forgetting the dialplan's marks once they are on record."""

from collections.abc import Awaitable, Callable

import structlog

from dialer.calls.pbx import Pbx
from dialer.kernel.errors import AwayError, PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.ids import AttemptId
from dialer.kernel.tasks import Tasks

log = structlog.get_logger(__name__)


class Ending:
    """Hangs up and tidies. What fails is asked again: a hang-up by the flow, a purge by the next reconciliation."""

    def __init__(self, pbx: Pbx, tasks: Tasks) -> None:
        self._pbx = pbx
        self._tasks = tasks

    def hang_up(self, attempt: AttemptId) -> None:
        """End a trunk leg."""
        self._tasks.start("hang up", self._hang_up(attempt))

    def purge_marks(self, attempt: AttemptId, recorded: Callable[[], Awaitable[None]]) -> None:
        """Forget the marks of a call as soon as `recorded` returns: its count is on disk."""
        self._tasks.start("purge", self._purge(attempt, recorded))

    async def _hang_up(self, attempt: AttemptId) -> None:
        try:
            await self._pbx.hang_up(attempt)
        except PbxRefusedError:
            log.info("attempt.leg_not_found", attempt=attempt)  # gone already, or not there yet
        except (PbxAwayError, PbxUnsureError) as error:
            log.warning("attempt.not_hung_up", attempt=attempt, error=str(error))

    async def _purge(self, attempt: AttemptId, recorded: Callable[[], Awaitable[None]]) -> None:
        try:
            await recorded()
            await self._pbx.purge(attempt)
        except (AwayError, PbxRefusedError) as error:
            log.warning("mark.not_purged", attempt=attempt, error=str(error))
