"""The record in memory, for tests in virtual time: it passes the same contract tests as the SQL one."""

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from dialer.agents.session import SavedSession, Work
from dialer.agents.working_time import Worked
from dialer.calls.attempt import Attempt
from dialer.calls.inbound import InboundCall, KnownCaller, talk_of
from dialer.calls.results import Result
from dialer.campaigns.campaign import CampaignState
from dialer.campaigns.habits import Habits
from dialer.campaigns.priority import BANDS, Claim, page, worth
from dialer.cases.book import Added
from dialer.cases.debtor import NumberDetails, zone_of_numbers
from dialer.cases.dossier import Statement, left_of
from dialer.cases.flag import FlagChange, standing
from dialer.cases.history import HistoryEntry
from dialer.cases.limitation import limitation_of
from dialer.cases.mandate import Mandate
from dialer.cases.model import (
    AGREED,
    PAID,
    CallBack,
    CaseCard,
    CaseState,
    Contact,
    DueCase,
    NewCase,
    NextAction,
    NextDue,
    NumberLine,
    Try,
    merged_facts,
)
from dialer.cases.payment import balance_of
from dialer.cases.turn import LOOKED_BACK, CaseGroup, LastCall, Turn, reasons_of
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Direction, Entry, Flag, Line, change_of
from dialer.compliance.gate import Decision
from dialer.kernel.errors import AwayError, CaseNotOpenError
from dialer.kernel.ids import AttemptId
from dialer.kernel.learnt import Learnt
from dialer.kernel.money import Money
from dialer.kernel.phone import PhoneNumber
from dialer.live.abandoned import NONE, Counts, Portion, counts_of
from dialer.outcomes.record import RecordedOutcome
from dialer.testing.memory_listenings import MemoryListenings
from dialer.testing.memory_outside import MemoryOutside


@dataclass(slots=True)
class Case:
    """A case as it is kept."""

    id: int
    campaign: str
    new: NewCase
    debtor_id: int
    state: CaseState = CaseState.OPEN
    due_at: datetime | None = None
    why: str = "new"
    wanted_by: datetime | None = None
    first_number: PhoneNumber | None = None
    uncalled_since: datetime | None = None
    worth: int = 1

    def order(self, now: datetime) -> tuple[int, datetime]:
        """Agreed call-backs, who was wanted by the time it was due, who is wanted since, and the others by worth."""
        assert self.due_at is not None
        if self.why.startswith(AGREED):
            return 0, self.due_at
        if self.wanted_by is None or self.wanted_by > now:
            return 3 + BANDS - self.worth, self.due_at
        return (1, self.due_at) if self.wanted_by <= self.due_at else (2, self.wanted_by)


class MemoryLearnt:
    """What was learnt, kept."""

    def __init__(self) -> None:
        self.kept: dict[str, Learnt] = {}

    def save_learnt(self, campaign: str, text: str, at: datetime) -> None:
        self.kept[campaign] = Learnt(at, text)

    async def learnt(self) -> dict[str, Learnt]:
        return dict(self.kept)


class MemoryRecord:
    """Case book, attempts and floor in one. `away`: nothing can be read or written."""

    def __init__(self) -> None:
        self.away = False
        self.cases: dict[int, Case] = {}
        self.attempts: dict[AttemptId, Attempt] = {}
        self._of_case: dict[int, list[AttemptId]] = defaultdict(list)
        self.inbound: dict[AttemptId, InboundCall] = {}
        self.outcomes: dict[AttemptId, RecordedOutcome] = {}
        self.decisions: list[Decision] = []
        self.lines: dict[str, Line] = {}
        self.mandates: dict[tuple[str, str], Mandate] = {}
        self.views: list[tuple[int, str, str]] = []
        self.flag_changes: dict[tuple[str, int], FlagChange] = {}
        self._sessions: dict[str, SavedSession] = {}
        self.worked: dict[tuple[str, datetime, Work], timedelta] = {}
        self._states: dict[str, CampaignState] = {}
        self._learnt: dict[str, Learnt] = {}
        self.habits = MemoryLearnt()
        self.history: list[HistoryEntry] = []
        self.listenings = MemoryListenings(self.views)
        self.outside = MemoryOutside(self._has_debtor)

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
                self._rank(here, now.date())
            else:
                case_id = len(self.cases) + 1
                here = Case(case_id, campaign, replace(case, debts=fresh), case_id, due_at=now, uncalled_since=now)
                self.cases[case_id] = mine[case.creditor, case.debtor_reference] = here
                self._rank(here, now.date())
        return added

    async def due(self, campaign: str, now: datetime, most: int, excluding: Collection[int]) -> list[DueCase]:
        self._reach()
        due = [case for case in self._due(campaign, now) if case.id not in excluding]
        in_order = sorted(due, key=lambda case: case.order(now))
        ids = page((case.id for case in in_order), (case.id for case in due), most)
        return [self._due_case(self.cases[case_id]) for case_id in ids]

    def _due(self, campaign: str, now: datetime) -> list[Case]:
        """Those that are due longest first."""
        due = [
            case
            for case in self._perhaps_due(now)
            if case.campaign == campaign
            and case.state is CaseState.OPEN
            and case.due_at is not None
            and case.due_at <= now
        ]
        return sorted(due, key=lambda case: (case.due_at, case.uncalled_since, case.id))

    def _perhaps_due(self, now: datetime) -> Iterable[Case]:  # noqa: ARG002 -- who keeps an order of them knows better
        return self.cases.values()

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

    async def groups(self, campaign: str, now: datetime) -> list[CaseGroup]:
        self._reach()
        found: dict[tuple[CaseState, bool, tuple[str, ...]], list[Case]] = defaultdict(list)
        for case in self.cases.values():
            if case.campaign == campaign:
                waits = case.state is CaseState.OPEN and case.due_at is not None and case.due_at > now
                due = case.state is CaseState.OPEN and case.due_at is not None and case.due_at <= now
                found[case.state, due, reasons_of(case.why) if waits else ()].append(case)
        groups = [
            CaseGroup(*alike, len(some), min((case.due_at for case in some if case.due_at), default=None))
            for alike, some in found.items()
        ]
        return sorted(groups, key=lambda one: (one.next_at is None, one.next_at, one.state, one.reasons))

    async def turn(self, case_id: int, now: datetime) -> Turn:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        case = self.cases[case_id]
        due = self._due(case.campaign, now)
        first, longest, among = 0, 0, 0
        if case in due:
            first, longest, among = sorted(due, key=lambda one: one.order(now)).index(case), due.index(case), len(due)
        mine = [self.attempts[attempt] for attempt in self._of_case[case_id]]
        last = max(mine, key=lambda attempt: attempt.cleared_at, default=None)
        refused = [
            decision
            for decision in self.decisions
            if decision.intent.case_id == case_id
            and not decision.verdict.allowed
            and not decision.bridge
            and decision.at >= now - LOOKED_BACK
        ]
        return Turn(
            case.campaign,
            case.new.creditor,
            case.state,
            case.due_at,
            case.why,
            first,
            longest,
            among,
            len(mine),
            None if last is None else LastCall(last.cleared_at, last.result),
            Counter(reason for decision in refused for reason in decision.verdict.reasons),
            len(refused),
            max((decision.at for decision in refused), default=None),
        )

    async def card(self, case_id: int, now: datetime) -> CaseCard:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        case = self.cases[case_id]
        new = case.new
        mine = [self.attempts[attempt] for attempt in self._of_case[case_id]]
        talks = [
            self._talk(call)
            for call in self.inbound.values()
            if call.case_id == case_id and call.intent and call.bridged_at and call.ended_at
        ]
        said = sorted(
            (self.outcomes[attempt.id] for attempt in (*mine, *talks) if attempt.id in self.outcomes),
            key=lambda outcome: outcome.recorded_at,
        )
        ended = [*(attempt for attempt in mine if attempt.ended_at), *talks]
        past = sorted(ended, key=lambda a: a.cleared_at, reverse=True)
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
            _zone(new),
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
        if self.cases[case_id].state is CaseState.OPEN:
            self._plan(case_id, NextAction(state, at, why, number))

    def _plan(self, case_id: int, action: NextAction) -> None:
        case = self.cases[case_id]
        case.due_at, case.state, case.why, case.first_number = action.due_at, action.state, action.why, action.number

    def replan(self, case_id: int, planned: NextAction, better: NextAction) -> None:
        case = self.cases[case_id]
        if (case.state, case.due_at, case.why) == (planned.state, planned.due_at, planned.why):
            self.schedule(case_id, better.due_at, better.state, better.why, better.number)

    async def case(self, case_id: int) -> DueCase:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        return self._due_case(self.cases[case_id], with_tries=True)

    async def rank(self, case_ids: Collection[int], now: datetime) -> None:
        self._reach()
        for case_id in case_ids:
            self._rank(self.cases[case_id], now.date())

    async def open_after(self, case_id: int, most: int) -> list[int]:
        self._reach()
        return [id_ for id_, case in self.cases.items() if id_ > case_id and case.state is CaseState.OPEN][:most]

    async def write(self, entry: HistoryEntry, now: datetime) -> None:  # noqa: ARG002 -- the entry suffices
        self._reach()
        self.history.append(entry)

    async def viewed(self, case_id: int, by: str, how: str, now: datetime) -> None:  # noqa: ARG002 -- who and what suffice
        self._reach()
        self.views.append((case_id, by, how))

    async def campaign_of(self, case_id: int) -> str:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        return self.cases[case_id].campaign

    async def creditor_of(self, case_id: int) -> str:
        self._reach()
        if case_id not in self.cases:
            raise LookupError(case_id)
        return self.cases[case_id].new.creditor

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
        self.cases[reservation.intent.case_id].uncalled_since = reservation.cleared_at

    def save_inbound(self, call: InboundCall) -> None:
        self.inbound[call.id] = replace(call)

    def _has_debtor(self, number: PhoneNumber) -> bool:
        return any(
            number in (*case.new.numbers, *(line for one in case.new.guarantors for line in one.numbers))
            for case in self.cases.values()
        )

    async def known_callers(self, number: PhoneNumber) -> list[KnownCaller]:
        self._reach()
        talks: dict[int, tuple[str, datetime]] = {}
        past = [(a.intent.case_id, a.agent, a.bridged_at) for a in self.attempts.values()]
        past += [(call.case_id, call.agent, call.bridged_at) for call in self.inbound.values() if call.case_id]
        for case_id, agent, at in past:
            if agent is not None and at is not None and (case_id not in talks or talks[case_id][1] < at):
                talks[case_id] = agent, at
        return [
            KnownCaller(case.id, case.campaign, *talks.get(case.id, (None, None)))
            for case in self.cases.values()
            if number in case.new.numbers
        ]

    async def unsettled_inbound(self, also: Collection[AttemptId], since: datetime) -> list[InboundCall]:
        self._reach()
        return [
            replace(call)
            for call in self.inbound.values()
            if call.ended_at is None
            or call.id in also
            or (call.call_back_at is not None and call.call_back_at >= since and call.call_back_due_at is None)
        ]

    def save(self, attempt: Attempt, *lines: Line) -> None:
        if attempt.direction is Direction.OUTBOUND:  # what came in is on record as a call of its own
            self.attempts[attempt.id] = replace(attempt)
        self.keep(*lines)

    async def add_outcome(self, outcome: RecordedOutcome) -> None:
        self._reach()
        before = self.outcomes.get(outcome.attempt)
        self.outcomes[outcome.attempt] = outcome
        self.keep(*outcome.lines, by=outcome.agent, evidence=outcome.form.evidence or f"said in call {outcome.attempt}")
        if outcome.case_id is None or outcome.action is None or await self.called_since(outcome.attempt):
            return
        case = self.cases[outcome.case_id]
        mine = before is not None and before.action is not None and before.action.why == case.why
        if mine or case.state is CaseState.OPEN:
            self._plan(outcome.case_id, outcome.action)

    async def called_since(self, attempt: AttemptId) -> bool:
        self._reach()
        if attempt in self.attempts:
            this = self.attempts[attempt]
            case_id, at = this.intent.case_id, this.cleared_at
        elif attempt in self.inbound and (came_in := self.inbound[attempt]).case_id is not None:
            case_id, at = came_in.case_id, came_in.arrived_at
        else:
            return False
        return any(other.intent.case_id == case_id and other.cleared_at > at for other in self.attempts.values())

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
        wanted = list(ids)
        talks = (self.inbound[id_] for id_ in wanted if id_ in self.inbound)
        return [
            *(self._read(self.attempts[attempt]) for attempt in wanted if attempt in self.attempts),
            *(self._read(self._talk(call)) for call in talks if call.intent and call.bridged_at),
        ]

    def _talk(self, call: InboundCall) -> Attempt:
        talk = talk_of(call)
        talk.result = Result.CONNECTED if call.ended_at else None
        return talk

    async def latest(self) -> datetime | None:
        self._reach()
        return max((attempt.cleared_at for attempt in self.attempts.values()), default=None)

    async def pages(self) -> AsyncIterator[Sequence[Line]]:
        self._reach()
        yield list(self.lines.values())

    # -- the floor ------------------------------------------------------------------------------------

    def save_session(self, session: SavedSession) -> None:
        self._sessions[session.agent] = session

    def save_worked(self, worked: Worked) -> None:
        self.worked[worked.agent, worked.began_at, worked.work] = worked.spent

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
        zones = {case.debtor_id: _zone(case.new) for case in self.cases.values()}
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

    def _due_case(self, case: Case, *, with_tries: bool = False) -> DueCase:
        terms = self.mandates.get((case.new.creditor, case.new.mandate))
        return DueCase(
            case.id,
            case.debtor_id,
            (zone,) if (zone := _zone(case.new)) else (),
            self._lines(case, with_tries=with_tries),
            tuple(range(case.id * 1_000, case.id * 1_000 + len(case.new.debts))),
            case.new.household,
            case.new.place,
            case.new.facts,
            case.first_number,
            case.new.creditor,
            case.wanted_by,
            case.new.risk_class,
            *((terms.starts_on, terms.ends_on) if terms else ()),
        )

    def _lines(self, case: Case, *, with_tries: bool) -> tuple[NumberLine, ...]:
        mine = [self.attempts[attempt] for attempt in self._of_case[case.id]]  # a debtor has one case here
        mine = [attempt for attempt in mine if attempt.result is not Result.TRUNK_FAILURE]
        mine.sort(key=lambda attempt: attempt.cleared_at, reverse=True)
        lines = []
        for number in case.new.numbers:
            known = next((one for one in case.new.number_details if one.number == number), NumberDetails(number))
            made = [(one, self._try(one)) for one in mine if one.intent.number == number]
            tries = tuple(tried for _, tried in made)
            lines.append(
                NumberLine(
                    number,
                    len(tries),
                    tries[0].at if tries else None,
                    known.kind,
                    known.provenance,
                    known.best_hours,
                    sum(tried.answered for tried in tries),
                    sum(tried.right_party for tried in tries),
                    tuple(tried for one, tried in made if one.ended_at is not None) if with_tries else (),
                    sum(tried.dead for tried in tries),
                )
            )
        return tuple(lines)

    def _try(self, attempt: Attempt) -> Try:
        said = self.outcomes.get(attempt.id)
        right_party = said is not None and said.right_party
        dead = attempt.result is Result.NOT_IN_SERVICE
        return Try(attempt.cleared_at, attempt.answered_at is not None, right_party, dead)

    def _rank(self, case: Case, today: date) -> None:
        due_on = min((debt.due_on for debt in case.new.debts if debt.due_on), default=None)
        claim = Claim(self._left(case), None if due_on is None else (today - due_on).days, case.new.risk_class)
        case.worth = worth(claim, self._habits(case.campaign), self._lines(case, with_tries=False)).band

    def _left(self, case: Case) -> Money:
        return Money(sum(debt.amount.cents for debt in case.new.debts))

    def _habits(self, campaign: str) -> Habits:
        kept = self.habits.kept.get(campaign)
        return Habits.load(json.loads(kept.text)) if kept else Habits()

    def _contact(self, attempt: Attempt) -> Contact:
        outcome = self.outcomes.get(attempt.id)
        return Contact(
            attempt.cleared_at,
            attempt.intent.number,
            "inbound" if attempt.direction is Direction.INBOUND else attempt.result or "",
            outcome.code if outcome else None,
            attempt.agent,
            outcome.note if outcome else "",
        )


def _zone(new: NewCase) -> str:
    return new.zone or zone_of_numbers(new.numbers)
