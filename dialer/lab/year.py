"""One year of one portfolio in virtual time: the engine's own gate, next action and choice, and a simulated public.

Real are the packs and the gate with its ledger, the placing of calls, the state machine of an attempt, the roster, the
agent's form, promises and their judging, the outcomes with their next actions, and of our own order all of it. Simulated
are the network, the people and the money. Pacing is left out: each call has an agent from its dial on.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random

from dialer.agents.roster import Roster
from dialer.agents.seating import Seating
from dialer.agents.session import Session
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.live import LiveAttempts
from dialer.calls.pbx import Survey, TurnAway
from dialer.calls.placing import Placing
from dialer.calls.reserving import Reserving
from dialer.calls.results import Result
from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign, CampaignState
from dialer.campaigns.learning import Learning
from dialer.campaigns.trunk import Trunk
from dialer.cases.model import CaseState, DueCase
from dialer.cases.offers import Step
from dialer.compliance.clearance import Clearance, OutsideClearance
from dialer.compliance.gate import Gate, Law
from dialer.compliance.ledger import ProcessLedger
from dialer.compliance.reasons import ENGINE
from dialer.compliance.rules import MinCadence
from dialer.compliance.verdict import CallMode
from dialer.kernel.events import SpyMode
from dialer.kernel.ids import AttemptId, Ids, OutsideLegId, SeatLegId, SpyLegId
from dialer.kernel.phone import PhoneNumber
from dialer.kernel.tasks import Tasks
from dialer.lab.oracle import Oracle
from dialer.lab.orders import Deaf, OrderName, order_of
from dialer.lab.public import MOST_INSTALMENTS, ROME, Habits, Public, Ring
from dialer.lab.record import YearRecord
from dialer.lab.recount import recount
from dialer.lab.shifts import Shift, Shifts
from dialer.outcomes.catalogue import shipped
from dialer.outcomes.closing import Closing
from dialer.outcomes.keeping import Keeping
from dialer.outcomes.planning import Planning
from dialer.outcomes.rules import Rules
from dialer.testing.law import FACTS, law

CAMPAIGN = "year"
FIRST_DAY = date(2026, 1, 7)
LOT_EVERY_DAYS = 30
"""The creditor hands over so often."""
MANDATE_DAYS = 120
"""And takes back what isn't paid so long after."""
PAID_AT = time(12)
RING_TIMEOUT_SECONDS, POST_DIAL_DELAY_SECONDS = 22.0, 2.0
BRIDGED_AFTER = timedelta(milliseconds=150)
STARVES_AFTER_DAYS = 10.0
"""A case that waits so many working days longer than it should starves."""
LATE_AFTER_DAYS = 1.0
LADDER = (Step(discount_percent=0.0, most_instalments=MOST_INSTALMENTS, deadline_days=30),)
_RINGS = frozenset({Result.NO_ANSWER, Result.REJECTED, Result.HUNG_UP})
"""What counts as an attempt for the least cadence, and leaves nothing agreed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated, the same for every order. debtors: handed over in all, in equal lots. attempts_an_hour: calls
    that the shifts of one hour release; what isn't used at once may be used later on the same day. None: as many as the
    agents can make. cadence_days: least cadence instead of the packs' own.
    """

    debtors: int = 3_000
    agents: int = 4
    days: int = 365
    attempts_an_hour: float | None = None
    packs: tuple[str, ...] = ("it-unirec",)
    cadence_days: int | None = None
    habits: Habits = Habits.USUAL


@dataclass(slots=True)
class Figures:
    """What a year came to under one order.

    reached: debtors who were talked to at least once. work_hours: of all agents, in ringing, talk and wrap-up. promises: by what became of them. late: attempts that came more
    than a working day later than the case's next action and the packs' least cadence want, of those that could legally
    have been made. starved: cases that waited more than `STARVES_AFTER_DAYS` longer. worst_wait_days: the longest such
    wait. violations: what the auditor found, by rule. by_hour: attempts and right-party contacts by local hour.
    """

    order: OrderName
    seed: int
    attempts: int = 0
    answered: int = 0
    right_party: int = 0
    debtors: int = 0
    reached: int = 0
    cash_cents: int = 0
    work_hours: float = 0.0
    promises: dict[str, int] = field(default_factory=dict)
    late: int = 0
    starved: int = 0
    worst_wait_days: float = 0.0
    refused: dict[str, int] = field(default_factory=dict)
    violations: dict[str, int] = field(default_factory=dict)
    recounted: int = 0
    by_hour: dict[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def per_attempt(self) -> float:
        """Right-party contacts of one attempt."""
        return self.right_party / self.attempts if self.attempts else 0.0

    @property
    def cash_an_hour(self) -> float:
        """Euros of one hour of an agent's work: ringing, talk and wrap-up."""
        return self.cash_cents / 100 / self.work_hours if self.work_hours else 0.0


TRUNK = Trunk("trunk", "trunk", country="IT", channels=10_000, calls_per_second=10_000.0)
"""What limits calls here is the agents and the law."""


class VirtualClock:
    """Stands until the next thing happens."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self.instant = start

    def now(self) -> datetime:
        return self.instant

    def at(self, epoch_seconds: float) -> datetime:
        return datetime.fromtimestamp(epoch_seconds, UTC)

    def monotonic(self) -> float:
        return (self.instant - self._start).total_seconds()


class Wire:
    """The port to the PBX; what is originated reaches nobody."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._rung: asyncio.Queue[AttemptId] = asyncio.Queue()

    async def originate(
        self,
        clearance: Clearance,
        timeout_seconds: float,  # noqa: ARG002
        *,
        record: bool = False,  # noqa: ARG002
        stereo: bool = False,  # noqa: ARG002
    ) -> None:
        self._rung.put_nowait(clearance.use(self._clock.now()).attempt)

    async def rings(self) -> AttemptId:
        """The call just placed: its originate is a task of its own."""
        return await self._rung.get()

    async def call_seat(self, leg: SeatLegId, seat_number: int, phone: str) -> None: ...
    async def connect(self, attempt: AttemptId, seat_number: int) -> None: ...
    async def hold_recording(self, attempt: AttemptId) -> None: ...
    async def record_caller(self, attempt: AttemptId, *, muted: bool, stereo: bool = False) -> None: ...
    async def mute_recording(self, attempt: AttemptId, *, muted: bool) -> None: ...
    async def refuse(self, attempt: AttemptId) -> None: ...
    async def transfer(self, attempt: AttemptId, seat_number: int) -> None: ...
    async def consult(self, attempt: AttemptId, leg: SeatLegId, own_seat: int, seat_number: int) -> None: ...
    async def hold_for_outside(self, attempt: AttemptId, own_seat: int) -> None: ...
    async def call_outside(self, clearance: OutsideClearance, own_seat: int, timeout_seconds: float) -> None: ...
    async def to_outside(self, attempt: AttemptId, own_seat: int) -> None: ...
    async def join(self, attempt: AttemptId, own_seat: int) -> None: ...
    async def reseat(self, leg: SeatLegId, seat_number: int) -> None: ...
    async def hold(self, attempt: AttemptId, seconds: float) -> None: ...
    async def turn_away(self, attempt: AttemptId, how: TurnAway) -> None: ...
    async def spy(self, leg: SpyLegId, phone: str, seat: SeatLegId, mode: SpyMode) -> None: ...
    async def switch_spy(self, leg: SpyLegId, mode: SpyMode) -> None: ...
    async def hang_up(self, leg: AttemptId | SeatLegId | SpyLegId | OutsideLegId) -> None: ...
    async def purge(self, attempt: AttemptId) -> None: ...
    async def survey(self) -> Survey:
        return Survey(self._clock.now())


class Year:
    """One order's year. The public is made anew from the seed, so that each order meets the same."""

    def __init__(self, plan: Plan, name: OrderName, seed: int) -> None:
        self._plan = plan
        self._public = Public(plan.debtors, seed, plan.habits)
        self._shifts = Shifts(FIRST_DAY, plan.days, ROME)
        self.shifts = self._shifts.all
        self.figures = Figures(name, seed, debtors=plan.debtors)
        self._begin = datetime.combine(FIRST_DAY, datetime.min.time(), ROME).astimezone(UTC)
        self._clock = VirtualClock(self._begin)
        self.record = YearRecord()
        self._ledger = ProcessLedger()
        ids = Ids(Random(seed))
        self._gate = Gate(_law(plan), self._ledger, self.record, self._clock, ids)
        self._gate.pbx_ready = True
        self._campaign = Campaign(
            CAMPAIGN,
            plan.packs,
            PhoneNumber("+390612345678"),
            RING_TIMEOUT_SECONDS,
            POST_DIAL_DELAY_SECONDS,
            None,
            facts=FACTS,
            state=CampaignState.RUNNING,
            trunks=(TRUNK,),
        )
        sessions = [
            Session(f"agent{n}", 1001 + n, f"PJSIP/agent{n}", frozenset({CAMPAIGN}), self._begin)
            for n in range(plan.agents)
        ]
        self._roster = Roster(sessions, self.record, self._clock, ids)
        self._live = LiveAttempts()
        campaigns = {CAMPAIGN: self._campaign}
        rules = Rules(ladder=LADDER)
        learns = Learning if name is OrderName.CADENZA else Deaf
        self._learning = self.record.learning = learns(self.record.habits, self._clock)
        planning = Planning(self.record, self.record, self._gate, campaigns, self._learning, self._clock)
        self._closing = Closing(
            self.record,
            self.record,
            self._gate,
            self._roster,
            self._live,
            self._clock,
            campaigns,
            lambda *_: rules,
            planning,
        )
        self._keeping = Keeping(self.record, self._clock)
        self._order = order_of(
            name,
            CAMPAIGN,
            self.record,
            lambda: Oracle(self.record, self._public, self._shifts.at, self._left_today),
        )
        self._wire = Wire(self._clock)
        self._events: list[tuple[datetime, int, Callable[[], Awaitable[None]]]] = []
        self._turn = count()
        self._released_from: Shift | None = None
        self._used = 0
        self._wakes_at: datetime | None = None
        self._owed_at: dict[int, datetime] = {}
        self._starved: set[int] = set()
        self._reached: set[int] = set()
        self._hours: Counter[tuple[int, bool]] = Counter()

    async def run(self) -> Figures:
        """Live through it."""
        async with Tasks() as tasks:
            self._staff(tasks)
            self._foresee_the_year()
            while self._events:
                at, _, happens = heappop(self._events)
                self._clock.instant = max(at, self._clock.instant)
                await happens()
                await self._dial()
        self._sum_up()
        return self.figures

    # -- what happens when ------------------------------------------------------------------------------

    def _at(self, instant: datetime, happens: Callable[[], Awaitable[None]]) -> None:
        heappush(self._events, (instant, next(self._turn), happens))

    def _foresee_the_year(self) -> None:
        lots = -(-self._plan.days // LOT_EVERY_DAYS)
        for lot in range(lots):
            self._at(self._begin + timedelta(days=lot * LOT_EVERY_DAYS), partial(self._hand_over, lot, lots))
        for day in range(self._plan.days):
            self._at(self._begin + timedelta(days=day, hours=5), self._morning)
        for shift in self._shifts.all:
            self._at(shift.begins, _nothing)

    async def _hand_over(self, lot: int, lots: int) -> None:
        """The creditor's next cases. Their ids are their places in the public's files, from 1 on."""
        first, end = (self._plan.debtors * n // lots for n in (lot, lot + 1))
        now = self._clock.now()
        await self.record.add(CAMPAIGN, self._public.handed_over(first, end, now.astimezone(ROME).date()), now)
        for case_id in range(first + 1, end + 1):
            self._owed_at[case_id] = now
            self._at(now + timedelta(days=MANDATE_DAYS), partial(self._take_back, case_id))
            unasked = self._public.unasked_day(case_id)
            if unasked is not None:
                self._at(now + timedelta(days=unasked), partial(self._paid, case_id, self.record.left_cents(case_id)))

    async def _take_back(self, case_id: int) -> None:
        self._waited(case_id)
        self._owed_at.pop(case_id, None)
        self.record.end(case_id)

    async def _paid(self, case_id: int, cents: int) -> None:
        self.figures.cash_cents += self.record.pay(case_id, cents, self._clock.now())
        if self.record.cases[case_id].state is not CaseState.OPEN:
            self._waited(case_id)
            self._owed_at.pop(case_id, None)

    async def _morning(self) -> None:
        await self._keeping.look()
        while self.record.put_off:
            case_id = self.record.put_off.pop()
            self._owed_at[case_id] = self.record.cases[case_id].due_at or self._clock.now()
        self._ledger.forget_before(self._clock.now())
        # what the daemon goes through over and over: cases grow older, and what was learnt since moves them
        await self.record.rank(await self.record.open_after(0, len(self.record.cases)), self._clock.now())

    # -- calls ------------------------------------------------------------------------------------------

    def _staff(self, tasks: Tasks) -> None:
        """Everybody sits, all year: who is there when, the shifts say."""
        seating = Seating(self._roster, self._wire, tasks)
        reserving = Reserving(self._roster, seating, self._live, lambda _: None, lambda: None)
        trunks = Trunks((TRUNK,), self._live, self._clock)
        self._placing = Placing(
            self._gate, self._wire, self._live, reserving, trunks, self._learning, self._clock, tasks, self._move
        )
        for session in self._roster:
            self._roster.log_in(session.agent, pause_reason=None)
        for session in self._roster.seats_to_call():
            assert session.leg is not None
            self._roster.seat_idle(session.leg)

    def _move(self, attempt: Attempt, signal: Signal) -> None:
        attempt.apply(signal, self._clock.now())

    async def _dial(self) -> None:
        """Give every free agent a call, as far as calls are released and cases are due."""
        now = self._clock.now()
        shift = self._shifts.at(now)
        if shift is None:
            return
        if shift is not self._released_from:
            self._released_from, self._used = shift, 0
        while any(session.free for session in self._roster):
            if (wait := self._until_released(shift, now)) > timedelta():
                self._wake(now + wait)
                return
            found = await self._order.next(now, self._clock.monotonic())
            if found is None:
                later = await self.record.next_due(CAMPAIGN, now)
                hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)  # some wait for it
                self._wake(hour if later is None else min(hour, later.at))
                return
            await self._place(*found)

    def _until_released(self, shift: Shift, now: datetime) -> timedelta:
        rate = self._plan.attempts_an_hour
        if rate is None:
            return timedelta()
        return shift.begins + timedelta(hours=self._used / rate) - now

    def _left_today(self) -> float:
        """How many calls may still be made today."""
        rate, shift = self._plan.attempts_an_hour, self._released_from
        if rate is None or shift is None:
            return inf
        return 1 + int((shift.ends - shift.begins) / timedelta(hours=1) * rate) - self._used

    def _wake(self, at: datetime) -> None:
        """Look again then: one such event is enough."""
        if self._wakes_at is None or not self._clock.now() < self._wakes_at <= at:
            self._wakes_at = at
            self._at(at, _nothing)

    async def _place(self, case: DueCase, mode: CallMode) -> None:
        now = self._clock.now()
        verdict = await self._placing.place(self._campaign, case, mode)
        if not verdict.allowed:
            if ENGINE.intersection(verdict.reasons):  # it was closed since its page was fetched
                self._order.put_back(case.id)
                return
            await self._closing.not_called(self._campaign, case, verdict)
            self._order.put_back(case.id)
            again_at = self.record.cases[case.id].due_at or now
            self._owed_at[case.id] = max(self._owed_at.get(case.id, again_at), again_at)
            return
        attempt = self._live.get(await self._wire.rings())
        assert attempt is not None
        self._used += 1
        self._waited(case.id)
        session = self._roster.of_attempt(attempt.id) or self._roster.take(CAMPAIGN, attempt.id)
        assert session is not None
        ring = self._public.ring(case.id, attempt.intent.number, now, RING_TIMEOUT_SECONDS)
        begins = now + timedelta(seconds=POST_DIAL_DELAY_SECONDS)
        over = begins + timedelta(seconds=ring.ring_seconds)
        if ring.rang:
            attempt.apply(Signal.RANG, begins)
        answered = partial(self._answered, attempt, session, ring)
        self._at(over, answered if ring.speaker else partial(self._unanswered, attempt, ring))

    async def _unanswered(self, attempt: Attempt, ring: Ring) -> None:
        attempt.cause, attempt.sip = ring.cause, ring.sip
        await self._over(attempt)
        self._roster.release(attempt.id)
        self._count(attempt)

    async def _answered(self, attempt: Attempt, session: Session, ring: Ring) -> None:
        """The gate is asked once more, then the agent talks."""
        now = self._clock.now()
        attempt.apply(Signal.UP, now)
        attempt.apply(Signal.WAITS, now)
        decision = self._gate.recheck(attempt.id, attempt.intent)
        self._gate.record(decision)
        self.figures.answered += 1
        if not decision.verdict.allowed:
            attempt.refusals = decision.verdict.reasons
            await self._unanswered(attempt, ring)
            return
        attempt.agent = session.agent
        attempt.apply(Signal.CLAIMED, now)
        attempt.apply(Signal.BRIDGED, now + BRIDGED_AFTER)
        self._roster.connect(attempt.id)
        self._at(now + timedelta(seconds=ring.talk_seconds), partial(self._talked, attempt, session, ring))

    async def _talked(self, attempt: Attempt, session: Session, ring: Ring) -> None:
        await self._over(attempt)
        self._roster.part(attempt.id)
        assert session.leg is not None
        self._roster.seat_idle(session.leg)
        self._at(
            self._clock.now() + timedelta(seconds=ring.wrap_seconds), partial(self._wrapped, attempt, session, ring)
        )

    async def _wrapped(self, attempt: Attempt, session: Session, ring: Ring) -> None:
        """The agent writes up what was said, and is free."""
        case_id, now = attempt.intent.case_id, self._clock.now()
        assert ring.speaker is not None
        said = self._public.talk(case_id, ring.speaker, self.record.left_cents(case_id), now)
        await self._closing.write_up(session.agent, said.code, "", said.form)
        self._roster.wrapped(session.agent)
        for day, cents in said.pays:
            at = datetime.combine(max(day, now.date()), PAID_AT, ROME).astimezone(UTC)
            self._at(max(at, now), partial(self._paid, case_id, cents))
        self._count(attempt, right_party=shipped()[said.code].right_party)

    async def _over(self, attempt: Attempt) -> None:
        attempt.apply(Signal.HUNG_UP, self._clock.now())
        planned = self._closing.settle(attempt, Signal.HUNG_UP)
        await self._closing.learn(attempt, planned)
        self._live.drop(attempt)
        self._order.put_back(attempt.intent.case_id)

    # -- what is told of it -----------------------------------------------------------------------------

    def _count(self, attempt: Attempt, *, right_party: bool = False) -> None:
        """A call is over and written up."""
        case_id, now, figures = attempt.intent.case_id, self._clock.now(), self.figures
        figures.attempts += 1
        figures.work_hours += (now - attempt.cleared_at) / timedelta(hours=1)
        self._hours[attempt.cleared_at.astimezone(ROME).hour, right_party] += 1
        if right_party:
            figures.right_party += 1
            self._reached.add(case_id)
        case = self.record.cases[case_id]
        if case.state is not CaseState.OPEN or case.due_at is None:
            self._owed_at.pop(case_id, None)
        elif attempt.result in _RINGS and case.wanted_by is not None:
            self._owed_at[case_id] = case.wanted_by  # nothing was agreed: the least cadence alone says by when
        else:
            self._owed_at[case_id] = max(case.due_at, case.wanted_by or case.due_at)

    def _waited(self, case_id: int) -> None:
        """The case's wait ends here: by a call, or because nobody may call it any more."""
        owed_at = self._owed_at.get(case_id)
        days = self._shifts.worked_days(owed_at, self._clock.now()) if owed_at is not None else 0.0
        self.figures.late += days > LATE_AFTER_DAYS
        self.figures.worst_wait_days = max(self.figures.worst_wait_days, days)
        if days > STARVES_AFTER_DAYS:
            self._starved.add(case_id)

    def _sum_up(self) -> None:
        figures = self.figures
        for case_id in list(self._owed_at):
            self._waited(case_id)
        figures.starved, figures.reached = len(self._starved), len(self._reached)
        figures.promises = {kept.value: number for kept, number in sorted(self.record.judged_promises().items())}
        figures.refused = dict(self.record.refused.most_common())
        figures.by_hour = {
            hour: (self._hours[hour, False] + self._hours[hour, True], self._hours[hour, True])
            for hour in sorted({hour for hour, _ in self._hours})
        }
        found = recount(self.record)
        figures.violations, figures.recounted = dict(found.by_rule), found.read["attempts"]


def _law(plan: Plan) -> Law:
    """The plan's packs, with its least cadence."""
    found = law(*plan.packs)
    if plan.cadence_days is None:
        return found
    packs = {}
    for name, pack in found.packs.items():
        rules = (replace(rule, days=plan.cadence_days) if isinstance(rule, MinCadence) else rule for rule in pack.rule)
        packs[name] = replace(pack, rule=tuple(rules))
    return replace(found, packs=packs)


async def _nothing() -> None:
    """Time passes."""


def live(plan: Plan, name: OrderName, seed: int) -> Figures:
    """One order's year."""
    return asyncio.run(Year(plan, name, seed).run())
