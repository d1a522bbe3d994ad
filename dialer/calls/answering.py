"""The answered call: at once to the agent held for it, or else ready longest. Nothing here waits for a store."""

import structlog

from dialer.agents.roster import Roster
from dialer.agents.session import Session
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.live import LiveAttempts
from dialer.calls.pbx import Pbx
from dialer.calls.placing import Move
from dialer.calls.recording import Recordings
from dialer.calls.telling import about_the_attempt
from dialer.compliance.gate import Gate
from dialer.kernel.errors import PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.tasks import Tasks

log = structlog.get_logger(__name__)


class Answering:
    """Gives answered debtors to agents, and agents to those who wait."""

    def __init__(
        self, gate: Gate, roster: Roster, pbx: Pbx, live: LiveAttempts, tasks: Tasks, move: Move, recordings: Recordings
    ) -> None:
        self._gate = gate
        self._roster = roster
        self._pbx = pbx
        self._live = live
        self._tasks = tasks
        self._move = move
        self._recordings = recordings

    @about_the_attempt
    def offer(self, attempt: Attempt) -> None:
        """Ask the gate again, then send the debtor to a free seat; who finds none waits for what time is left."""
        decision = self._gate.recheck(attempt.id, attempt.intent)
        if not decision.verdict.allowed:
            self._tasks.start("refuse", self._refuse(attempt))
            attempt.refusals = decision.verdict.reasons
            log.warning("attempt.withheld", attempt=attempt.id, reasons=list(attempt.refusals))
            self._gate.record(decision)
            return
        session = self._roster.of_attempt(attempt.id) or self._roster.take(attempt.campaign, attempt.id)
        if session is None:
            self._live.wait(attempt)
            return
        attempt.agent = session.agent
        self._move(attempt, Signal.CLAIMED)
        self._tasks.start("connect", self._connect(attempt, session))
        self._gate.record(decision)

    def serve_waiting(self) -> None:
        """An agent became free: the debtor who has waited longest comes first."""
        for attempt in self._live.take_waiting():
            self.offer(attempt)

    async def _connect(self, attempt: Attempt, session: Session) -> None:
        held = await self._recordings.hold(attempt)
        try:
            await self._pbx.connect(attempt.id, session.seat_number)
        except (PbxRefusedError, PbxAwayError):
            self._move(attempt, Signal.CLAIM_REFUSED)
        except PbxUnsureError:
            log.warning("attempt.connect_unacknowledged", attempt=attempt.id)
        if held:
            await self._recordings.put_held(attempt.id)

    async def _refuse(self, attempt: Attempt) -> None:
        try:
            await self._pbx.refuse(attempt.id)
        except (PbxRefusedError, PbxAwayError, PbxUnsureError):
            log.warning("attempt.refuse_unacknowledged", attempt=attempt.id)
