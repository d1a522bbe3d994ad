"""The end of a call: its result, the record, the ledger, and when the case is due again."""

from datetime import datetime
from typing import Protocol

from dialer.agents.roster import AgentError, Roster
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.live import LiveAttempts
from dialer.calls.results import NEVER_LEFT
from dialer.calls.settling import result_of
from dialer.cases.model import CaseState
from dialer.compliance.ledger import Ledger
from dialer.compliance.verdict import Verdict
from dialer.kernel.clock import Clock
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes import next_action
from dialer.outcomes.codes import Outcome
from dialer.outcomes.next_action import NextAction
from dialer.outcomes.record import MOST_NOTE_CHARACTERS, RecordedOutcome


class CallRecord(Protocol):
    """Where calls and outcomes are kept."""

    def save(self, attempt: Attempt) -> None: ...
    def forbid(self, number: PhoneNumber, since: datetime, source: str) -> None: ...
    async def add_outcome(self, outcome: RecordedOutcome) -> None: ...
    async def flush(self) -> None: ...
    async def find(self, ids: list[AttemptId]) -> list[Attempt]: ...


class Schedule(Protocol):
    """Where the next due time of a case goes, and why it was not called."""

    def schedule(self, case_id: int, at: datetime | None, state: CaseState, why: str) -> None: ...
    def refuse(self, case_id: int, verdict: Verdict, at: datetime) -> None: ...


class Closing:
    """Closes calls: first by what the PBX saw, then by what the agent says."""

    def __init__(
        self,
        record: CallRecord,
        schedule: Schedule,
        ledger: Ledger,
        roster: Roster,
        live: LiveAttempts,
        clock: Clock,
    ) -> None:
        self._record = record
        self._schedule = schedule
        self._ledger = ledger
        self._roster = roster
        self._live = live
        self._clock = clock

    def save(self, attempt: Attempt) -> None:
        """Put the attempt on record as it stands."""
        self._record.save(attempt)

    async def flush(self) -> None:
        """Return once all of it is on disk. Raises AwayError."""
        await self._record.flush()

    def not_called(self, case_id: int, verdict: Verdict) -> None:
        """The gate refused the case: why, and when it may be asked again."""
        self._schedule.refuse(case_id, verdict, self._clock.now())

    def settle(self, attempt: Attempt, ended_by: Signal) -> None:
        """The call is over: its result, and the next attempt in case that nobody says more."""
        attempt.result = result_of(attempt, ended_by)
        ended_at = attempt.ended_at or self._clock.now()
        self._ledger.settle(attempt.id, ended_at, counts=attempt.result not in NEVER_LEFT)
        self._record.save(attempt)
        if attempt.outcome is None:
            self._plan(attempt, next_action.after_call(attempt.result, ended_at))
        else:
            self._plan(attempt, next_action.after_outcome(Outcome(attempt.outcome), ended_at))

    def correct_abandoned(self, attempt: Attempt, at: datetime) -> None:
        """The dialplan's mark says that a call believed over was abandoned: so it counts."""
        attempt.abandoned_at = at
        attempt.answered_at = attempt.answered_at or at
        attempt.result = result_of(attempt, Signal.VANISHED)
        self._record.save(attempt)
        self._plan(attempt, next_action.after_call(attempt.result, at))

    def forbid(self, attempt: Attempt, at: datetime, source: str) -> None:
        """The person wants no more calls on this number: from this instant on."""
        self._ledger.forbid(attempt.intent.number)
        self._record.forbid(attempt.intent.number, at, source)

    async def write_up(self, agent: str, code: Outcome, note: str) -> Attempt:
        """Record what the agent says of the call just made, or still under way; a later word replaces it.

        Raises AgentError where there is no such call, AwayError where it can't be written: nothing changed then.
        """
        attempt = await self.current(agent)
        if attempt is None:
            raise AgentError(f"{agent} has no call to write up")
        if len(note) > MOST_NOTE_CHARACTERS:
            raise AgentError(f"the note is longer than {MOST_NOTE_CHARACTERS} characters", "shorten it")
        now = self._clock.now()
        action = next_action.after_outcome(code, now)
        forbids = attempt.intent.number if code in next_action.DEAD_NUMBER else None
        then = (attempt.intent.case_id, action) if attempt.result is not None else None
        await self._record.add_outcome(RecordedOutcome(attempt.id, agent, code, note, now, forbids, then))
        attempt.outcome = code
        if forbids is not None:
            self._ledger.forbid(forbids)
        if attempt.result is not None and then is None:  # it ended while the outcome was being written
            self._plan(attempt, action)
        return attempt

    async def current(self, agent: str) -> Attempt | None:
        """The call that the agent is on, or writes up. Raises AwayError."""
        attempt = self._roster.session(agent).attempt
        if attempt is None:
            return None
        found = self._live.get(attempt)
        if found is not None:
            return found
        await self._record.flush()  # its end may still wait to be written
        return next(iter(await self._record.find([attempt])), None)

    def _plan(self, attempt: Attempt, action: NextAction) -> None:
        self._schedule.schedule(attempt.intent.case_id, action.due_at, action.state, action.why)
