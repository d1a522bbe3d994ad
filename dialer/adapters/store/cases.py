"""Cases on record."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import standing_about
from dialer.adapters.store.intake import add, facts_of, hours_of
from dialer.adapters.store.promises import offers_of, promises_of, remitted_of
from dialer.adapters.store.schema import attempts, cases, debtors, debts, numbers, outcomes
from dialer.adapters.store.statements import statements_of
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.calls.results import Result
from dialer.cases.book import Added
from dialer.cases.debtor import NumberKind, Provenance
from dialer.cases.dossier import left_of
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
)
from dialer.kernel.phone import PhoneNumber

_SCHEDULE = (
    update(cases)
    # a call that ends after the last payment plans nothing any more: only a payment that is taken back opens the case
    .where(cases.c.id == bindparam("case"), cases.c.why != PAID)
    .values(
        due_at=bindparam("new_due_at"),
        state=bindparam("new_state"),
        why=bindparam("new_why"),
        first_number=bindparam("new_first_number"),
    )
)
_WANT = update(cases).where(cases.c.id == bindparam("case")).values(wanted_by=bindparam("new_wanted_by"))
_DUE = select(
    cases.c.id,
    cases.c.debtor_id,
    cases.c.facts,
    cases.c.first_number,
    debtors.c.zone,
    debtors.c.household,
    debtors.c.place,
).join(debtors)
_LINE = ("debtor_id", "number", "position", "kind", "provenance", "best_hours")
MOST_HISTORY = 50
CHUNK = 1_000


def schedule_write(case_id: int, at: datetime | None, state: CaseState, why: str) -> Write:
    """The write that says when a case is due again."""
    return action_write(case_id, NextAction(state, at, why))


def action_write(case_id: int, action: NextAction) -> Write:
    """The write that says what comes next in a case."""
    values = {"new_due_at": action.due_at, "new_state": action.state.value, "new_why": action.why}
    return Write(2, _SCHEDULE, {"case": case_id, "new_first_number": action.number, **values})


class SqlCaseBook:
    """The cases, read beside the writer. Every coroutine raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def add(self, campaign: str, new: Sequence[NewCase], now: datetime) -> Added:
        """Take in new cases, due at once.

        A debt that the creditor gave before changes nothing; a new debt of a known debtor joins the case. So a
        file can be imported again, which also completes an import that was cut off: it runs in transactions of
        `CHUNK` cases, lest a running daemon wait for the disk.
        """
        total = Added()
        for start in range(0, len(new), CHUNK):
            with telling_away():
                async with self._engine.begin() as connection:
                    added = await connection.run_sync(add, campaign, new[start : start + CHUNK], now)
            total.new += added.new
            total.known += added.known
        return total

    async def due(self, campaign: str, now: datetime, most: int, excluding: Collection[int]) -> list[DueCase]:
        """Up to `most` open cases whose time has come, the longest due first; none of those `excluding`.

        Sees every schedule asked for before the call.
        """
        await self._writer.flush()
        chosen = (
            _DUE.where(cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value, cases.c.due_at <= now)
            # who is called less often than wanted comes first, then the longest due
            .order_by((cases.c.wanted_by <= now).is_not(True), cases.c.due_at, cases.c.id)
            .limit(most + len(excluding))
        )
        async with reading(self._engine) as connection:
            rows = [row for row in await connection.execute(chosen) if row.id not in excluding][:most]
            return await _due_cases(connection, rows)

    async def call_backs(self, campaign: str, until: datetime, most: int) -> list[CallBack]:
        """Up to `most` agreed call-backs that are due until then, the earliest first.

        Sees every schedule asked for before the call.
        """
        await self._writer.flush()
        chosen = (
            _DUE.add_columns(cases.c.due_at)
            .where(cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value, cases.c.due_at <= until)
            .where(cases.c.why.startswith(AGREED))
            .order_by(cases.c.due_at, cases.c.id)
            .limit(most)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
            found = await _due_cases(connection, rows)
            return [CallBack(case, row.due_at) for case, row in zip(found, rows, strict=True)]

    async def case(self, case_id: int) -> DueCase:
        """The case as the gate sees it, due or not. Raises LookupError."""
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_DUE.where(cases.c.id == case_id))).all()
            if not rows:
                raise LookupError(case_id)
            return (await _due_cases(connection, rows))[0]

    async def campaign_of(self, case_id: int) -> str:
        """The campaign that works it. Raises LookupError."""
        async with reading(self._engine) as connection:
            name = await connection.scalar(select(cases.c.campaign).where(cases.c.id == case_id))
        if name is None:
            raise LookupError(case_id)
        return str(name)

    async def cases_of(self, number: str) -> list[int]:
        """The cases of the debtors whose number it is."""
        chosen = select(cases.c.id).join(numbers, numbers.c.debtor_id == cases.c.debtor_id)
        async with reading(self._engine) as connection:
            return list(await connection.scalars(chosen.where(numbers.c.number == number).order_by(cases.c.id)))

    async def next_due(self, campaign: str, now: datetime) -> NextDue | None:
        """When the first open case of the campaign will be due that isn't yet; None where none will by itself.

        Sees every schedule asked for before the call.
        """
        await self._writer.flush()
        chosen = (
            select(cases.c.due_at, cases.c.why)
            .where(cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value, cases.c.due_at > now)
            .order_by(cases.c.due_at, cases.c.id)
            .limit(1)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return NextDue(row.due_at, row.why) if row else None

    async def count_due(self, campaign: str, now: datetime) -> int:
        """How many open cases of the campaign are due."""
        async with reading(self._engine) as connection:
            count = await connection.scalar(
                select(func.count()).where(
                    cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value, cases.c.due_at <= now
                )
            )
        return count or 0

    async def card(self, case_id: int, now: datetime) -> CaseCard:
        """The case with its history, and what stands about it now. Raises LookupError."""
        async with reading(self._engine) as connection:
            case = (
                await connection.execute(
                    select(cases, debtors.c.reference, debtors.c.name, debtors.c.language, debtors.c.zone)
                    .join(debtors)
                    .where(cases.c.id == case_id)
                )
            ).one_or_none()
            if case is None:
                raise LookupError(case_id)
            tried = await connection.scalar(select(func.count()).where(attempts.c.case_id == case_id))
            past = await connection.execute(
                select(
                    attempts.c.cleared_at, attempts.c.number, attempts.c.result, attempts.c.agent,
                    outcomes.c.code, outcomes.c.note,
                )
                .outerjoin(outcomes)
                .where(attempts.c.case_id == case_id, attempts.c.ended_at.is_not(None))
                .order_by(attempts.c.cleared_at.desc())
                .limit(MOST_HISTORY)
            )  # fmt: skip
            history = tuple(_contact(row) for row in past)
            called = (
                await connection.scalars(select(numbers.c.number).where(numbers.c.debtor_id == case.debtor_id))
            ).all()
            statements = await statements_of(connection, case_id)
            return CaseCard(
                case_id,
                case.creditor,
                case.reference,
                case.name,
                case.language,
                tuple(statement.debt for statement in statements),
                tried or 0,
                history,
                statements,
                left_of(statements, await remitted_of(connection, case_id)),
                await standing_about(connection, case.debtor_id, called, now),
                case.note,
                tuple(await promises_of(connection, [case_id])),
                tuple(await offers_of(connection, case_id)),
                case.zone,
            )

    def want(self, case_id: int, by: datetime | None) -> None:
        """The case is urgent from `by` on; None: no more than any."""
        self._writer.put(Write(2, _WANT, {"case": case_id, "new_wanted_by": by}))

    async def count_wanted(self, campaign: str, now: datetime) -> int:
        """How many open cases of the campaign are called less often than wanted."""
        wanted = (cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value, cases.c.wanted_by <= now)
        async with reading(self._engine) as connection:
            return await connection.scalar(select(func.count()).select_from(cases).where(*wanted)) or 0

    def schedule(
        self, case_id: int, at: datetime | None, state: CaseState, why: str, number: PhoneNumber | None = None
    ) -> None:
        """When the case is due again (None: not by itself), the reason in words, and which number is tried first."""
        self._writer.put(action_write(case_id, NextAction(state, at, why, number)))


async def _due_cases(connection: AsyncConnection, rows: Sequence[Any]) -> list[DueCase]:
    """The cases of these rows, with their numbers and debts."""
    if not rows:
        return []
    lines = await connection.execute(
        select(
            numbers.c.debtor_id,
            numbers.c.number,
            numbers.c.kind,
            numbers.c.provenance,
            numbers.c.best_hours,
            func.count(attempts.c.id).label("tried"),
            func.max(attempts.c.cleared_at).label("last_tried_at"),
        )
        .outerjoin(
            attempts,
            (attempts.c.debtor_id == numbers.c.debtor_id)
            & (attempts.c.number == numbers.c.number)
            # what never left our side was no attempt at anybody
            & attempts.c.result.is_distinct_from(Result.TRUNK_FAILURE.value),
        )
        .where(numbers.c.debtor_id.in_([row.debtor_id for row in rows]))
        .group_by(*(numbers.c[name] for name in _LINE))
        .order_by(numbers.c.position)
    )
    by_debtor: dict[int, list[NumberLine]] = {}
    for line in lines:
        by_debtor.setdefault(line.debtor_id, []).append(
            NumberLine(
                PhoneNumber(line.number),
                line.tried,
                line.last_tried_at,
                NumberKind(line.kind),
                Provenance(line.provenance),
                hours_of(line.best_hours),
            )
        )
    owed: dict[int, list[int]] = {}
    about = (
        select(debts.c.case_id, debts.c.id).where(debts.c.case_id.in_([row.id for row in rows])).order_by(debts.c.id)
    )
    for debt in await connection.execute(about):
        owed.setdefault(debt.case_id, []).append(debt.id)
    return [
        DueCase(
            row.id,
            row.debtor_id,
            (row.zone,) if row.zone else (),
            tuple(by_debtor.get(row.debtor_id, ())),
            tuple(owed.get(row.id, ())),
            row.household,
            row.place,
            facts_of(row.facts),
            row.first_number,
        )
        for row in rows
    ]


def _contact(row: Any) -> Contact:
    return Contact(row.cleared_at, PhoneNumber(row.number), row.result, row.code, row.agent, row.note or "")
