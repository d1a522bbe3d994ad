"""The record of a simulated year: the shipped fake, with what it lacks for a whole portfolio: payments and promises."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from heapq import heappop, heappush

from dialer.agents.working_time import Worked
from dialer.campaigns.habits import Habits
from dialer.campaigns.learning import Learning
from dialer.cases.book import Added
from dialer.cases.dossier import Statement, left_of
from dialer.cases.limitation import limitation_of
from dialer.cases.model import AGREED, PAID, CallBack, CaseCard, CaseState, NewCase, NextAction, NextDue
from dialer.cases.payment import Payment, balance_of
from dialer.cases.promises import Judged, Kept, Promise
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Entry
from dialer.compliance.gate import Decision
from dialer.kernel.ids import AttemptId
from dialer.kernel.money import Money
from dialer.outcomes.keeping import Found, ToJudge, Waiting
from dialer.outcomes.record import RecordedOutcome
from dialer.testing.memory_record import Case, MemoryRecord

OVER = "the mandate is over"


class YearRecord(MemoryRecord):
    """refused: how often the gate refused, by reason; the decisions themselves aren't kept. Each case has one debt.

    learning: by what cases are ranked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused: Counter[str] = Counter()
        self._payments: dict[int, list[Payment]] = defaultdict(list)
        self._promises: dict[int, list[Promise]] = defaultdict(list)
        self._judged: dict[str, tuple[Kept, date | None]] = {}
        self._to_check: set[int] = set()
        self.learning: Learning | None = None
        self._agreed: set[int] = set()
        self._later: list[tuple[datetime, int]] = []
        self._now: set[int] = set()
        self.put_off: set[int] = set()
        """Cases of which a plan is kept so far: not to be called before its next day."""

    def save_worked(self, worked: Worked) -> None:
        """Nothing is reported of a simulated year's agents."""

    # -- what is due: as the fake has it, without looking at every case ---------------------------------

    async def add(self, campaign: str, new: Sequence[NewCase], now: datetime) -> Added:
        known = len(self.cases)
        added = await super().add(campaign, new, now)
        for case_id in range(known + 1, len(self.cases) + 1):
            self._queue(case_id)
        return added

    def due_ids(self, now: datetime) -> list[int]:
        """The open cases whose time has come."""
        while self._later and self._later[0][0] <= now:
            self._now.add(heappop(self._later)[1])
        for case_id in [case_id for case_id in self._now if not self.is_due(case_id, now)]:
            self._now.discard(case_id)
        return sorted(self._now)

    def _perhaps_due(self, now: datetime) -> list[Case]:
        return [self.cases[case_id] for case_id in self.due_ids(now)]

    async def next_due(self, campaign: str, now: datetime) -> NextDue | None:  # noqa: ARG002
        self.due_ids(now)
        while self._later and self.cases[self._later[0][1]].due_at != self._later[0][0]:
            heappop(self._later)
        return NextDue(self._later[0][0], self.cases[self._later[0][1]].why) if self._later else None

    def is_due(self, case_id: int, now: datetime) -> bool:
        """Whether it is open, and its time has come."""
        case = self.cases[case_id]
        return case.state is CaseState.OPEN and case.due_at is not None and case.due_at <= now

    def _queue(self, case_id: int) -> None:
        case = self.cases[case_id]
        if case.state is CaseState.OPEN and case.due_at is not None:
            heappush(self._later, (case.due_at, case_id))

    # -- money ----------------------------------------------------------------------------------------

    def left_cents(self, case_id: int) -> int:
        """What is still to be paid."""
        owed = sum(debt.amount.cents for debt in self.cases[case_id].new.debts)
        return owed - sum(payment.amount.cents for payment in self._payments[case_id])

    def pay(self, case_id: int, cents: int, now: datetime) -> int:
        """Money came in, at most what is left: what was taken of it. Who owes nothing any more is closed."""
        taken = min(cents, self.left_cents(case_id))
        if taken <= 0:
            return 0
        paid = self._payments[case_id]
        (debt,) = self.cases[case_id].new.debts
        today = now.date()
        paid.append(Payment(f"P{case_id}-{len(paid)}", debt.reference, Money(taken), today))
        if self.left_cents(case_id) == 0:
            self._plan(case_id, NextAction(CaseState.CLOSED, None, PAID))
            self.want(case_id, None)
        for promise in self._promises[case_id]:  # judged anew with the next look
            kept, check_on = self._judged[promise.id]
            if check_on is None or check_on > today:
                self._judged[promise.id] = kept, today
        self._to_check.add(case_id)
        return taken

    def end(self, case_id: int) -> None:
        """The creditor takes the case back."""
        if self.cases[case_id].state is CaseState.OPEN:
            self.schedule(case_id, None, CaseState.CLOSED, OVER)

    def judged_promises(self) -> Counter[Kept]:
        """How many promises stand how."""
        return Counter(kept for kept, _ in self._judged.values())

    def _left(self, case: Case) -> Money:
        return Money(self.left_cents(case.id))

    def _habits(self, campaign: str) -> Habits:
        return self.learning.of(campaign) if self.learning else Habits()

    # -- promises: the port of Keeping ----------------------------------------------------------------

    async def waiting(self, on: date, after: int, most: int) -> list[Waiting]:
        due = [(case_id, self._check_on(case_id)) for case_id in sorted(self._to_check) if case_id > after]
        found = [Waiting(case_id, day, self.cases[case_id].new.zone) for case_id, day in due if day and day <= on]
        return found[:most]

    async def to_judge(self, case_id: int) -> ToJudge | None:
        promises = tuple(self._promises[case_id])
        if not promises:
            self._to_check.discard(case_id)
            return None
        return ToJudge(promises, tuple(self._payments[case_id]), *self._judged[promises[-1].id])

    async def judged(self, case_id: int, judged: Sequence[Judged], found: Found | None, now: datetime) -> None:  # noqa: ARG002
        for one in judged:
            self._judged[one.promise.id] = one.kept, one.check_on
        if self._check_on(case_id) is None:
            self._to_check.discard(case_id)
        case = self.cases[case_id]
        waits = case.state is CaseState.OPEN and case.due_at is not None and not case.why.startswith(AGREED)
        if found is not None and waits:
            case.why, case.due_at, case.wanted_by = found.why, found.due_at or case.due_at, found.wanted_by
            if found.due_at is not None:
                self.put_off.add(case_id)
                self._queue(case_id)

    def _check_on(self, case_id: int) -> date | None:
        days = (self._judged[promise.id][1] for promise in self._promises[case_id])
        return min((day for day in days if day is not None), default=None)

    # -- what the fake does too, for many cases ---------------------------------------------------------

    async def add_outcome(self, outcome: RecordedOutcome) -> None:
        await super().add_outcome(outcome)
        if outcome.promise is not None:
            promise = outcome.promise
            self._promises[promise.case_id].append(promise)
            self._judged[promise.id] = Kept.OPEN, promise.over_on(promise.instalments[0])
            self._to_check.add(promise.case_id)

    async def called_since(self, attempt: AttemptId) -> bool:
        this = self.attempts[attempt]
        return any(self.attempts[other].cleared_at > this.cleared_at for other in self._of_case[this.intent.case_id])

    async def open(self, reservation: Reservation, entry: Entry, decision: Decision) -> None:
        await super().open(reservation, entry, decision)
        self.decisions.clear()

    def decided(self, decision: Decision) -> None:
        self.refused.update(decision.verdict.reasons)

    def _plan(self, case_id: int, action: NextAction) -> None:
        super()._plan(case_id, action)
        self._queue(case_id)
        if action.why.startswith(AGREED):
            self._agreed.add(case_id)
        else:
            self._agreed.discard(case_id)

    async def call_backs(self, campaign: str, until: datetime, most: int) -> list[CallBack]:  # noqa: ARG002
        agreed = [self.cases[case_id] for case_id in self._agreed if self.cases[case_id].state is CaseState.OPEN]
        due = [(case.due_at, case.id) for case in agreed if case.due_at is not None and case.due_at <= until]
        return [CallBack(await self.case(case_id), at) for at, case_id in sorted(due)[:most]]

    async def card(self, case_id: int, now: datetime) -> CaseCard:  # noqa: ARG002
        new = self.cases[case_id].new
        (debt,) = new.debts
        payments = tuple(self._payments[case_id])
        clock = limitation_of(debt.limitation_on, debt.limitation_years, ())
        statement = Statement(case_id * 1_000, debt, payments, balance_of(debt, payments), clock)
        past = [self.attempts[attempt] for attempt in self._of_case[case_id]]
        history = tuple(self._contact(attempt) for attempt in reversed(past) if attempt.ended_at)
        return CaseCard(
            case_id,
            new.creditor,
            new.debtor_reference,
            new.debtor_name,
            new.language,
            new.debts,
            len(past),
            history,
            (statement,),
            left_of((statement,)),
            promises=tuple(self._promises[case_id]),
            zone=new.zone,
        )
