"""The end of a call: its result, the record, the ledger, and when the case is due again."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dialer.agents.roster import AgentError, Roster
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.live import LiveAttempts
from dialer.calls.results import Result
from dialer.calls.settling import result_of
from dialer.campaigns.campaign import Campaign
from dialer.cases.book import CaseBook
from dialer.cases.model import NOT_CALLED, CaseState, DueCase, NextAction
from dialer.cases.payment import refuse_card_numbers
from dialer.compliance.entry import Line
from dialer.compliance.gate import Gate
from dialer.compliance.verdict import Verdict
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import AttemptId
from dialer.outcomes import next_action
from dialer.outcomes.counting import entry_for, opt_out
from dialer.outcomes.filling import Filling
from dialer.outcomes.form import Form
from dialer.outcomes.planning import Planning
from dialer.outcomes.record import MOST_NOTE_CHARACTERS, RecordedOutcome
from dialer.outcomes.rules import RulesOf

log = structlog.get_logger(__name__)

ASKED_AGAIN_AFTER = timedelta(days=2)
"""A case that is refused for a reason that doesn't end by itself: it may have been mended by then."""

OVERTAKEN = "not planned, as the case was called again since"
"""What is added to what comes next after a word about a call that isn't the last one."""

SKIPPED_FOR = timedelta(minutes=15)
"""A case that an agent skipped in preview is offered again after this time."""


MOST_TO_LEARN = 1_000
"""Calls that are over and wait to be learnt of; beyond them a call teaches nothing, and the next one stays as planned."""
LEARNERS = 4
"""Calls that are learnt of at once: each reads and writes the record."""


class CallRecord(Protocol):
    """Where calls and outcomes are kept."""

    def save(self, attempt: Attempt, *lines: Line) -> None: ...
    async def add_outcome(self, outcome: RecordedOutcome) -> None: ...
    async def flush(self) -> None: ...
    async def find(self, ids: list[AttemptId]) -> list[Attempt]: ...
    async def called_since(self, attempt: AttemptId) -> bool: ...


class Closing:
    """Closes calls: first by what the PBX saw, then by what the agent says."""

    def __init__(
        self,
        record: CallRecord,
        book: CaseBook,
        gate: Gate,
        roster: Roster,
        live: LiveAttempts,
        clock: Clock,
        campaigns: Mapping[str, Campaign],
        rules: RulesOf,
        planning: Planning,
    ) -> None:
        self._record = record
        self._book = book
        self._planning = planning
        self._filling = Filling(book, gate, campaigns, rules, planning)
        self._writing: set[AttemptId] = set()
        self._to_learn: asyncio.Queue[tuple[Attempt, NextAction]] = asyncio.Queue(MOST_TO_LEARN)
        self._gate = gate
        self._roster = roster
        self._live = live
        self._clock = clock

    def save(self, attempt: Attempt) -> None:
        """Put the attempt on record as it stands."""
        self._record.save(attempt)

    async def flush(self) -> None:
        """Return once all of it is on disk. Raises AwayError."""
        await self._record.flush()

    async def not_called(self, campaign: Campaign, case: DueCase, verdict: Verdict) -> None:
        """The gate refused the case: it is called when it would allow, at the hour that pays, or where nobody knows,
        some day.
        """
        again_at = verdict.not_before or self._clock.now() + ASKED_AGAIN_AFTER
        planned = NextAction(CaseState.OPEN, again_at, NOT_CALLED + ",".join(verdict.reasons))
        self._book.schedule(case.id, planned.due_at, planned.state, planned.why)
        try:
            await self._planning.refused(campaign, case, planned)
        except (AwayError, LookupError) as error:
            log.warning("case.not_replanned", case=case.id, error=type(error).__name__)

    def skipped(self, case_id: int, agent: str, reason: str) -> None:
        """The agent looked at the case and doesn't want it called now."""
        again_at = self._clock.now() + SKIPPED_FOR
        self._book.schedule(case_id, again_at, CaseState.OPEN, f"skipped by {agent}: {reason}")

    def settle(self, attempt: Attempt, ended_by: Signal, *, again: bool = False) -> NextAction:
        """The call is over: its result, and the next attempt in case that nobody says more; `learn` may better it.

        again: its trunk had no way, and another one is tried at once: so far nobody was called.
        """
        attempt.result = Result.TRUNK_FAILURE if again else result_of(attempt, ended_by)
        now = self._clock.now()
        ended_at = attempt.ended_at or now
        entry = entry_for(attempt, now)
        self._record.save(attempt, entry)
        self._gate.count(entry)
        self._gate.watch.drop(attempt.id)
        if wanted_by := self._gate.wanted_by(attempt.intent.packs, entry):
            self._book.want(attempt.intent.case_id, wanted_by)
        planned = attempt.then or next_action.after_call(attempt.result, ended_at)
        if again:
            planned = NextAction(CaseState.OPEN, ended_at, "its trunk had no way: again over another")
        self._plan(attempt, planned)
        return planned

    def learn_later(self, attempt: Attempt, planned: NextAction) -> None:
        """A settled call waits for its turn with a learner."""
        try:
            self._to_learn.put_nowait((attempt, planned))
        except asyncio.QueueFull:
            log.warning("attempt.not_learnt", attempt=attempt.id, campaign=attempt.campaign, error="too many wait")

    async def learner(self) -> None:
        """Learn of calls in the order of their ends, until cancelled."""
        while True:
            await self.learn(*await self._to_learn.get())

    async def learn(self, attempt: Attempt, planned: NextAction) -> None:
        """Learn of a call that was settled, and call again at the hour that pays; as planned where the store is away."""
        try:
            await self._record.flush()
            await self._planning.after(attempt, planned)
        except (AwayError, LookupError) as error:
            log.warning("attempt.not_learnt", attempt=attempt.id, campaign=attempt.campaign, error=type(error).__name__)

    def correct_abandoned(self, attempt: Attempt, at: datetime) -> None:
        """The dialplan's mark says that a call believed over was abandoned: so it counts."""
        attempt.abandoned_at = at
        attempt.answered_at = attempt.answered_at or at
        attempt.result = result_of(attempt, Signal.VANISHED)
        entry = entry_for(attempt, self._clock.now())
        self._record.save(attempt, entry)
        self._gate.count(entry)
        self._plan(attempt, next_action.after_call(attempt.result, at))

    def forbid(self, attempt: Attempt, at: datetime) -> None:
        """The person wants no more calls on this number: from this instant on."""
        self._gate.put(opt_out(attempt.intent.number, at))

    async def write_up(self, agent: str, code: str, note: str, form: Form) -> Attempt:
        """Record what the agent says of the call just made, or still under way; a later word replaces it.

        Raises AgentError where there is no such call, InputError where the form doesn't fit the outcome, the case or the
        mandate, AwayError where it can't be written: nothing changed then.
        """
        attempt = await self.current(agent)
        if attempt is None:
            raise AgentError(f"{agent} has no call to write up")
        if attempt.bridged_at is None:
            raise AgentError(f"nobody has answered {agent}'s call yet", "hang it up, or wait for the answer")
        if len(note) > MOST_NOTE_CHARACTERS:
            raise AgentError(f"the note is longer than {MOST_NOTE_CHARACTERS} characters", "shorten it")
        refuse_card_numbers("note", note)
        if attempt.id in self._writing:
            raise AgentError(f"the outcome of {agent}'s call is being written", "wait for the answer")
        self._writing.add(attempt.id)
        try:
            await self._write(attempt, agent, code, note, form)
        finally:
            self._writing.discard(attempt.id)
        return attempt

    async def _write(self, attempt: Attempt, agent: str, code: str, note: str, form: Form) -> None:
        now = self._clock.now()
        await self._record.flush()  # what was said before this instant is what the form is held against
        overtaken = attempt.result is not None and await self._record.called_since(attempt.id)
        filled = await self._filling.fill(attempt, agent, code, form, now, overtaken=overtaken)
        outcome, action = filled.outcome, filled.action
        if overtaken:
            action = replace(action, why=f"{action.why}; {OVERTAKEN}")
        over = attempt.result is not None
        lines = filled.said
        if over:
            lines = (entry_for(replace(attempt, counts_as=outcome.counts_as), now), *lines)
        recorded = RecordedOutcome(
            attempt.id,
            agent,
            outcome.code,
            note,
            now,
            lines,
            counts_as=outcome.counts_as,
            right_party=outcome.right_party,
            form=filled.form,
            promise=filled.promise,
            offers=filled.offers,
            action=action,
            case_id=attempt.intent.case_id if over else None,
            script=filled.script,
        )
        before = attempt.outcome, attempt.counts_as, attempt.then
        # said before it is written: a call that ends meanwhile is settled by it
        attempt.outcome, attempt.counts_as, attempt.then = outcome.code, outcome.counts_as, action
        try:
            await self._record.add_outcome(recorded)
        except AwayError:
            attempt.outcome, attempt.counts_as, attempt.then = before
            if attempt.result is not None and not over:  # it was settled by what isn't on record
                self._gate.put(entry_for(attempt, self._clock.now()))
                ended_at = attempt.ended_at or now
                self._plan(attempt, attempt.then or next_action.after_call(attempt.result, ended_at))
            raise
        self._planning.said(filled.case, attempt, outcome, filled.before)
        self._gate.count(*lines)
        if not overtaken and (outcome.right_party or filled.promise is not None):  # what made it urgent was spoken of
            ended = attempt.result is not None  # if not, its end says when it is wanted again
            again = self._gate.wanted_by(attempt.intent.packs, entry_for(attempt, now)) if ended else None
            self._book.want(attempt.intent.case_id, again)

    async def current(self, agent: str) -> Attempt | None:
        """The call that the agent is on, or writes up. Raises AwayError."""
        attempt = self._roster.session(agent).attempt
        return None if attempt is None else await self.call(attempt)

    async def call(self, attempt: AttemptId) -> Attempt | None:
        """A call under way, or on record. Raises AwayError."""
        found = self._live.get(attempt)
        if found is not None:
            return found
        await self._record.flush()  # its end may still wait to be written
        return next(iter(await self._record.find([attempt])), None)

    def _plan(self, attempt: Attempt, action: NextAction) -> None:
        self._book.schedule(attempt.intent.case_id, action.due_at, action.state, action.why, action.number)
