"""The record in memory, for tests in virtual time: it passes the same contract tests as the SQL one."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dialer.agents.session import SavedSession
from dialer.calls.attempt import Attempt
from dialer.campaigns.campaign import CampaignState
from dialer.cases.book import Added
from dialer.cases.debtor import NumberDetails
from dialer.cases.dossier import Statement, left_of
from dialer.cases.flag import FlagChange, standing
from dialer.cases.limitation import limitation_of
from dialer.cases.model import (
    AGREED,
    PAID,
    CallBack,
    CaseCard,
    CaseState,
    Contact,
    DueCase,
    NewCase,
    NextDue,
    NumberLine,
    merged_facts,
)
from dialer.cases.payment import balance_of
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Entry, Flag, Line, change_of
from dialer.compliance.gate import Decision
from dialer.kernel.errors import AwayError, CaseNotOpenError
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.live.abandoned import NONE, Counts, Portion, counts_of
from dialer.live.pacer import Learnt
from dialer.outcomes.record import RecordedOutcome


@dataclass(slots=True)
class _Case:
    id: int
    campaign: str
    new: NewCase
    debtor_id: int
    state: CaseState = CaseState.OPEN
    due_at: datetime | None = None
    why: str = "new"
    wanted_by: datetime | None = None
    first_number: PhoneNumber | None = None


class MemoryRecord:
    """Case book, attempts and floor in one. `away`: nothing can be read or written."""

    def __init__(self) -> None:
        self.away = False
        self.cases: dict[int, _Case] = {}
        self.attempts: dict[AttemptId, Attempt] = {}
        self._of_case: dict[int, list[AttemptId]] = defaultdict(list)
        self.outcomes: dict[AttemptId, RecordedOutcome] = {}
        self.decisions: list[Decision] = []
        self.lines: dict[str, Line] = {}
        self.views: list[tuple[int, str, str]] = []
        self.flag_changes: dict[tuple[str, int], FlagChange] = {}
        self._sessions: dict[str, SavedSession] = {}
        self._states: dict[str, CampaignState] = {}
        self._learnt: dict[str, Learnt] = {}

    # -- cases ----------------------------------------------------------------------------------------

    async def add(self, campaign: str, new: Sequence[NewCase], now: datetime) -> Added:
        self._reach()
        added = Added()
        known = {(case.new.creditor, debt.reference) for case in self.cases.values() for debt in case.new.debts}
        mine = {
            (case.new.creditor, case.new.debtor_reference): case
            for case in self.cases.values()
            if case.campaign == campaign
        }
        for case in new:
            fresh = tuple(debt for debt in case.debts if (case.creditor, debt.reference) not in known)
            if not fresh:
                added.known += 1
                continue
            known.update((case.creditor, debt.reference) for debt in fresh)
            added.new += 1
            here = mine.get((case.creditor, case.debtor_reference))
            if here:
                numbers = tuple(dict.fromkeys(here.new.numbers + case.numbers))
                facts = merged_facts(here.new.facts, case.facts)
                if here.why == PAID:
                    here.state, here.due_at, here.why = CaseState.OPEN, now, "new"
                here.new = replace(here.new, debts=here.new.debts + fresh, numbers=numbers, facts=facts)
            else:
                case_id = len(self.cases) + 1
                here = _Case(case_id, campaign, replace(case, debts=fresh), case_id, due_at=now)
                self.cases[case_id] = mine[case.creditor, case.debtor_reference] = here
        return added

    async def due(self, campaign: str, now: datetime, most: int, excluding: Collection[int]) -> list[DueCase]:
        self._reach()
        due = [
            case
            for case in self.cases.values()
            if case.campaign == campaign
            and case.state is CaseState.OPEN
            and case.due_at is not None
            and case.due_at <= now
            and case.id not in excluding
        ]
        due.sort(key=lambda case: (case.wanted_by is None or case.wanted_by > now, case.due_at, case.id))
        return [self._due_case(case) for case in due[:most]]

    async def call_backs(self, campaign: str, until: datetime, most: int) -> list[CallBack]:
        self._reach()
        found = [
            CallBack(self._due_case(case), case.due_at)
            for case in self.cases.values()
            if (case.campaign, case.state) == (campaign, CaseState.OPEN)
            and case.why.startswith(AGREED)
            and case.due_at is not None
            and case.due_at <= until
        ]
        return sorted(found, key=lambda call: (call.at, call.case.id))[:most]

    async def next_due(self, campaign: str, now: datetime) -> NextDue | None:
        self._reach()
        later = [
            (case.due_at, case.id, case.why)
            for case in self.cases.values()
            if (case.campaign, case.state) == (campaign, CaseState.OPEN)
            and case.due_at is not None
            and case.due_at > now
        ]
        if not later:
            return None
        at, _, why = min(later)
        return NextDue(at, why)

    async def count_due(self, campaign: str, now: datetime) -> int:
        return len(await self.due(campaign, now, len(self.cases), ()))

    async def card(self, case_id: int, now: datetime) -> CaseCard:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        case = self.cases[case_id]
        new = case.new
        mine = [self.attempts[attempt] for attempt in self._of_case[case_id]]
        said = sorted(
            (self.outcomes[attempt.id] for attempt in mine if attempt.id in self.outcomes),
            key=lambda outcome: outcome.recorded_at,
        )
        past = sorted((attempt for attempt in mine if attempt.ended_at), key=lambda a: a.cleared_at, reverse=True)
        return CaseCard(
            case_id,
            new.creditor,
            new.debtor_reference,
            new.debtor_name,
            new.language,
            new.debts,
            len(mine),
            tuple(self._contact(attempt) for attempt in past),
            statements := tuple(
                Statement(
                    id_,
                    debt,
                    (),
                    balance_of(debt, ()),
                    limitation_of(debt.limitation_on, debt.limitation_years, ()),
                )
                for id_, debt in zip(self._due_case(case).debts, new.debts, strict=True)
            ),
            left_of(statements),
            standing(
                (
                    change
                    for change in self.flag_changes.values()
                    if case.debtor_id == change.debtor_id or (change.debtor_id is None and change.number in new.numbers)
                ),
                now,
            ),
            new.note,
            tuple(one.promise for one in said if one.promise is not None),
            tuple(offer for one in said for offer in one.offers),
            new.zone,
        )

    def want(self, case_id: int, by: datetime | None) -> None:
        self.cases[case_id].wanted_by = by

    async def count_wanted(self, campaign: str, now: datetime) -> int:
        self._reach()
        return sum(
            case.campaign == campaign
            and case.state is CaseState.OPEN
            and case.wanted_by is not None
            and case.wanted_by <= now
            for case in self.cases.values()
        )

    def schedule(
        self, case_id: int, at: datetime | None, state: CaseState, why: str, number: PhoneNumber | None = None
    ) -> None:
        case = self.cases[case_id]
        if case.why != PAID:
            case.due_at, case.state, case.why, case.first_number = at, state, why, number

    async def case(self, case_id: int) -> DueCase:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        return self._due_case(self.cases[case_id])

    async def viewed(self, case_id: int, by: str, how: str, now: datetime) -> None:  # noqa: ARG002 -- who and what suffice
        self._reach()
        self.views.append((case_id, by, how))

    async def campaign_of(self, case_id: int) -> str:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        return self.cases[case_id].campaign

    async def cases_of(self, number: str) -> list[int]:
        self._reach()
        return [case.id for case in self.cases.values() if number in case.new.numbers]

    # -- attempts -------------------------------------------------------------------------------------

    async def open(self, reservation: Reservation, entry: Entry, decision: Decision) -> None:
        self._reach()
        if reservation.attempt in self.attempts:
            msg = "an attempt's id stands once"
            raise ValueError(msg)
        if self.cases[reservation.intent.case_id].state is not CaseState.OPEN:
            raise CaseNotOpenError("the case isn't open any more")
        self.attempts[reservation.attempt] = Attempt(reservation.attempt, reservation.intent, reservation.cleared_at)
        self._of_case[reservation.intent.case_id].append(reservation.attempt)
        self.decisions.append(decision)
        self.keep(entry)
        self.schedule(reservation.intent.case_id, None, CaseState.OPEN, "being called")

    def save(self, attempt: Attempt, *lines: Line) -> None:
        self.attempts[attempt.id] = replace(attempt)
        self.keep(*lines)

    async def add_outcome(self, outcome: RecordedOutcome) -> None:
        self._reach()
        self.outcomes[outcome.attempt] = outcome
        self.keep(*outcome.lines, by=outcome.agent, evidence=outcome.form.evidence or f"said in call {outcome.attempt}")
        if outcome.case_id is not None and outcome.action is not None:
            action = outcome.action
            self.schedule(outcome.case_id, action.due_at, action.state, action.why, action.number)

    def decided(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def keep(self, *lines: Line, by: str = "", evidence: str = "") -> None:
        for line in lines:
            if isinstance(line, Flag):
                change = change_of(line, by, evidence)
                self.flag_changes.setdefault((line.id, line.revision), change)
            known = self.lines.get(line.id)
            if known is None or known.revision <= line.revision:
                self.lines[line.id] = line

    async def flush(self) -> None:
        self._reach()

    async def unsettled(self) -> list[Attempt]:
        self._reach()
        return [self._read(attempt) for attempt in self.attempts.values() if attempt.ended_at is None]

    async def find(self, ids: Iterable[AttemptId]) -> list[Attempt]:
        self._reach()
        return [self._read(self.attempts[attempt]) for attempt in ids if attempt in self.attempts]

    async def latest(self) -> datetime | None:
        self._reach()
        return max((attempt.cleared_at for attempt in self.attempts.values()), default=None)

    async def pages(self) -> AsyncIterator[Sequence[Line]]:
        self._reach()
        yield list(self.lines.values())

    # -- the floor ------------------------------------------------------------------------------------

    def save_session(self, session: SavedSession) -> None:
        self._sessions[session.agent] = session

    async def sessions(self) -> list[SavedSession]:
        self._reach()
        return [session for session in self._sessions.values() if session.leg is not None]

    async def save_campaign_state(self, campaign: str, state: CampaignState, since: datetime) -> None:  # noqa: ARG002
        self._reach()
        self._states[campaign] = state

    async def campaign_states(self) -> dict[str, CampaignState]:
        self._reach()
        return dict(self._states)

    # -- pacing ---------------------------------------------------------------------------------------

    def save_learnt(self, campaign: str, text: str, at: datetime) -> None:
        self._learnt[campaign] = Learnt(at, text)

    async def learnt(self) -> dict[str, Learnt]:
        self._reach()
        return dict(self._learnt)

    async def portions(
        self, since: datetime | None, until: datetime | None, excluding: Collection[AttemptId] = ()
    ) -> list[Portion]:
        self._reach()
        zones = {case.debtor_id: case.new.zone for case in self.cases.values()}
        found: dict[tuple[str, tuple[str, ...], str, datetime], Counts] = {}
        for attempt in map(self._read, self.attempts.values()):
            begun = attempt.cleared_at
            here = (since is None or begun >= since) and (until is None or begun < until)
            if not here or attempt.id in excluding:
                continue
            quarter = begun.replace(minute=begun.minute // 15 * 15, second=0, microsecond=0)
            key = attempt.campaign, attempt.intent.packs, zones.get(attempt.intent.debtor_id, ""), quarter
            found[key] = found.get(key, NONE) + counts_of(attempt)
        return [Portion(*key, counts) for key, counts in found.items()]

    def _reach(self) -> None:
        if self.away:
            raise AwayError("the record can't be written")

    def _read(self, attempt: Attempt) -> Attempt:
        outcome = self.outcomes.get(attempt.id)
        return replace(
            attempt,
            outcome=outcome.code if outcome else None,
            counts_as=outcome.counts_as if outcome else None,
            then=outcome.action if outcome else None,
            changes=0,
            hang_up_wanted=False,
            kind="",
        )

    def _due_case(self, case: _Case) -> DueCase:
        lines = []
        for number in case.new.numbers:
            tries = [
                self.attempts[attempt].cleared_at
                for attempt in self._of_case[case.id]  # a debtor has one case here
                if self.attempts[attempt].intent.number == number
            ]
            known = next((one for one in case.new.number_details if one.number == number), NumberDetails(number))
            last = max(tries, default=None)
            lines.append(NumberLine(number, len(tries), last, known.kind, known.provenance, known.best_hours))
        return DueCase(
            case.id,
            case.debtor_id,
            (case.new.zone,) if case.new.zone else (),
            tuple(lines),
            tuple(range(case.id * 1_000, case.id * 1_000 + len(case.new.debts))),
            case.new.household,
            case.new.place,
            case.new.facts,
            case.first_number,
        )

    def _contact(self, attempt: Attempt) -> Contact:
        outcome = self.outcomes.get(attempt.id)
        return Contact(
            attempt.cleared_at,
            attempt.intent.number,
            attempt.result or "",
            outcome.code if outcome else None,
            attempt.agent,
            outcome.note if outcome else "",
        )
