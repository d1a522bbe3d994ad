"""Attempts on record: written before the originate, completed after the call."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.cases import CALLED_SINCE, follow_write, schedule_write
from dialer.adapters.store.decisions import decision_write
from dialer.adapters.store.inbound import call_of
from dialer.adapters.store.ledger import line_writes
from dialer.adapters.store.promises import outcome_writes
from dialer.adapters.store.schema import attempts, cases, debtors, inbound_calls, numbers, outcomes
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.calls.attempt import Attempt, Signal, State
from dialer.calls.inbound import talk_of
from dialer.calls.results import Result
from dialer.cases.debtor import NumberKind
from dialer.cases.model import NOT_CALLED, CaseState, NextAction
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Entry, EntryResult, Line
from dialer.compliance.gate import Decision
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import CallMode, Intent
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.record import RecordedOutcome
from dialer.reports.habits import CallTimes

_PROGRESS = (
    "state", "dialled_at", "gives_up_at", "rang_at", "answered_at", "bridged_at", "abandoned_at", "ended_at",
    "agent", "cause", "sip", "result",
)  # fmt: skip
_OPEN = insert(attempts)
_CLAIM = (
    update(cases)
    .where(cases.c.id == bindparam("case"), cases.c.state == CaseState.OPEN.value)
    .values(due_at=None, why="being called", first_number=None, uncalled_since=bindparam("cleared_at"))
)
_SAVE = (
    update(attempts)
    .where(attempts.c.id == bindparam("attempt"))
    .values({name: bindparam(f"new_{name}") for name in (*_PROGRESS, "refusals")})
)
_WITH_DEBTOR = (
    select(
        attempts,
        debtors.c.zone,
        debtors.c.household,
        numbers.c.kind,
        outcomes.c.code.label("outcome"),
        *(outcomes.c[name] for name in ("counts_as", "next_state", "next_due_at", "next_why", "next_number")),
    )
    .join(debtors, attempts.c.debtor_id == debtors.c.id)
    .outerjoin(numbers, (numbers.c.debtor_id == attempts.c.debtor_id) & (numbers.c.number == attempts.c.number))
    .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
)
_SAID = ("counts_as", "next_state", "next_due_at", "next_why", "next_number")
_TALKS = (
    select(
        inbound_calls,
        cases.c.campaign.label("its_campaign"),
        cases.c.debtor_id,
        debtors.c.zone,
        debtors.c.household,
        outcomes.c.code.label("outcome"),
        *(outcomes.c[name] for name in _SAID),
    )
    .join(cases, inbound_calls.c.case_id == cases.c.id)
    .join(debtors, cases.c.debtor_id == debtors.c.id)
    .outerjoin(outcomes, inbound_calls.c.id == outcomes.c.attempt_id)
    .where(inbound_calls.c.bridged_at.is_not(None))
)


class SqlAttempts:
    """The record of attempts. Every coroutine raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine, writer: Writer, clock: Clock) -> None:
        self._engine = engine
        self._writer = writer
        self._clock = clock

    async def open(self, reservation: Reservation, entry: Entry, decision: Decision) -> None:
        """Return once attempt, line and decision are durable, and the case is out of the queue.

        Raises AwayError; CaseNotOpenError where the case isn't open any more: then nothing of it is written.
        """
        intent = reservation.intent
        row = {
            "id": reservation.attempt,
            "campaign": intent.campaign,
            "case_id": intent.case_id,
            "debtor_id": intent.debtor_id,
            "number": intent.number,
            "packs": ",".join(intent.packs),
            "mode": intent.mode.value,
            "debts": ",".join(map(str, intent.debts)),
            "caller_id": intent.caller_id or "",
            "trunk": intent.trunk,
            "cleared_at": reservation.cleared_at,
            "state": State.CLEARED.value,
            "refusals": "",
        }
        try:
            await self._writer.commit(
                Write(0, _OPEN, row),
                *line_writes(entry, reservation.cleared_at),
                decision_write(decision),
                claim=Write(0, _CLAIM, {"case": intent.case_id, "cleared_at": reservation.cleared_at}),
            )
        except AwayError:
            self._withdraw(reservation)
            raise

    def _withdraw(self, reservation: Reservation) -> None:
        """Nobody is called. Where the connection broke within the commit the attempt may stand there all the same, and
        its case would wait for an end that never comes: so it ends, and the case is due as before.
        """
        attempt = Attempt(reservation.attempt, reservation.intent, reservation.cleared_at)
        attempt.apply(Signal.WITHDRAWN, self._clock.now())
        attempt.result = Result.TRUNK_FAILURE
        self.save(attempt)
        action = NextAction(CaseState.OPEN, reservation.cleared_at, NOT_CALLED + Reason.STORE_AWAY)
        self._writer.put(schedule_write(reservation.intent.case_id, action))

    def decided(self, decision: Decision) -> None:
        """Write a decision that placed no call, soon."""
        self._writer.put(decision_write(decision))

    def keep(self, *lines: Line, by: str = "", evidence: str = "") -> None:
        """Write lines of the ledger, soon; who said so and what shows it are kept with flags."""
        now = self._clock.now()
        self._writer.put(*(write for line in lines for write in line_writes(line, now, by, evidence)))

    def save(self, attempt: Attempt, *lines: Line) -> None:
        """Write the attempt as it stands, and what it counts as, in one step, soon."""
        values: dict[str, Any] = {f"new_{name}": _plain(getattr(attempt, name)) for name in _PROGRESS}
        values |= {"attempt": attempt.id, "new_refusals": ",".join(attempt.refusals)}
        now = self._clock.now()
        self._writer.put(Write(1, _SAVE, values), *(write for line in lines for write in line_writes(line, now)))

    async def add_outcome(self, outcome: RecordedOutcome) -> None:
        """Return once the outcome is durable, with what follows from it; a later one for the same attempt replaces it.

        Raises AwayError.
        """
        evidence = outcome.form.evidence or f"said in call {outcome.attempt}"
        writes = [*outcome_writes(outcome)]
        for line in outcome.lines:
            writes += line_writes(line, outcome.recorded_at, outcome.agent, evidence)
        if outcome.case_id is not None and outcome.action is not None:
            writes.append(follow_write(outcome.case_id, outcome.attempt, outcome.action))
        await self._writer.commit(*writes)

    async def flush(self) -> None:
        """Return once everything asked so far is on disk. Raises AwayError."""
        await self._writer.flush()

    async def unsettled(self) -> list[Attempt]:
        """The attempts that have not ended, as far as the record knows."""
        async with reading(self._engine) as connection:
            return [
                _attempt(row) for row in await connection.execute(_WITH_DEBTOR.where(attempts.c.ended_at.is_(None)))
            ]

    async def find(self, ids: Iterable[AttemptId]) -> list[Attempt]:
        """The attempts of these ids that are on record, and the conversations of calls that came in."""
        async with reading(self._engine) as connection:
            wanted = list(ids)
            ours = await connection.execute(_WITH_DEBTOR.where(attempts.c.id.in_(wanted)))
            came_in = await connection.execute(_TALKS.where(inbound_calls.c.id.in_(wanted)))
            return [*map(_attempt, ours), *map(_talk, came_in)]

    async def called_since(self, attempt: AttemptId) -> bool:
        """Whether the case of an attempt was called again after it."""
        await self._writer.flush()
        async with reading(self._engine) as connection:
            return bool(await connection.scalar(select(CALLED_SINCE), {"attempt": attempt}))

    async def latest(self) -> datetime | None:
        """When the last attempt was cleared."""
        async with reading(self._engine) as connection:
            found: datetime | None = await connection.scalar(
                select(attempts.c.cleared_at).order_by(attempts.c.cleared_at.desc()).limit(1)
            )
            return found

    async def times(self, campaign: str, since: datetime) -> list[CallTimes]:
        """The instants of every dialled call from then on, and nothing of whom it was for."""
        chosen = (
            select(
                *(attempts.c[name] for name in ("dialled_at", "answered_at", "bridged_at", "abandoned_at", "ended_at")),
                attempts.c.agent,
                attempts.c.result,
                outcomes.c.recorded_at,
            )
            .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
            .where(attempts.c.campaign == campaign, attempts.c.dialled_at >= since)
            .order_by(attempts.c.dialled_at)
        )
        async with reading(self._engine) as connection:
            return [
                CallTimes(*row[:6], Result(row.result) if row.result else None, row.recorded_at)
                for row in await connection.execute(chosen)
            ]


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, State | Result) else value


def _attempt(row: Row[Any]) -> Attempt:
    intent = Intent(
        campaign=row.campaign,
        case_id=row.case_id,
        debtor_id=row.debtor_id,
        number=PhoneNumber(row.number),
        zones=(row.zone,) if row.zone else (),
        packs=tuple(row.packs.split(",")),
        ring_max_seconds=0.0,
        debts=tuple(int(debt) for debt in row.debts.split(",") if debt),
        household=row.household,
        mode=CallMode(row.mode),
        workplace=row.kind == NumberKind.WORKPLACE,
        caller_id=PhoneNumber(row.caller_id) if row.caller_id else None,
        trunk=row.trunk,
    )
    return Attempt(
        id=row.id,
        intent=intent,
        cleared_at=row.cleared_at,
        refusals=tuple(row.refusals.split(",")) if row.refusals else (),
        **{name: getattr(row, name) for name in _PROGRESS if name not in ("state", "result")},
        state=State(row.state),
        result=Result(row.result) if row.result else None,
        outcome=row.outcome,
        counts_as=EntryResult(row.counts_as) if row.counts_as else None,
        then=_then(row),
    )


def _talk(row: Row[Any]) -> Attempt:
    call = call_of(row)
    number = call.caller or PhoneNumber("")
    zones = (row.zone,) if row.zone else ()
    call.intent = Intent(
        campaign=row.its_campaign,
        case_id=row.case_id,
        debtor_id=row.debtor_id,
        number=number,
        zones=zones,
        packs=tuple(name for name in row.packs.split(",") if name),
        ring_max_seconds=0.0,
        debts=tuple(int(debt) for debt in row.debts.split(",") if debt),
        household=row.household,
        mode=CallMode.RESERVED,
    )
    talk = talk_of(call)
    talk.result = Result.CONNECTED if call.ended_at else None
    talk.outcome, talk.then = row.outcome, _then(row)
    talk.counts_as = EntryResult(row.counts_as) if row.counts_as else None
    return talk


def _then(row: Row[Any]) -> NextAction | None:
    if row.next_state is None:
        return None
    return NextAction(CaseState(row.next_state), row.next_due_at, row.next_why, row.next_number)
