"""Cases on record."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import standing_about
from dialer.adapters.store.intake import add, facts_of
from dialer.adapters.store.lines import by_debtor, lines_of, tries_of
from dialer.adapters.store.promises import offers_of, promises_of, remitted_of
from dialer.adapters.store.schema import (
    AGREED_BAND,
    URGENT_BAND,
    Instant,
    attempts,
    cases,
    debtors,
    debts,
    numbers,
    outcomes,
)
from dialer.adapters.store.statements import statements_of
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.campaigns.priority import BANDS, page
from dialer.cases.book import Added
from dialer.cases.dossier import left_of
from dialer.cases.model import (
    PAID,
    CallBack,
    CaseCard,
    CaseState,
    Contact,
    DueCase,
    NewCase,
    NextAction,
    NextDue,
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
_REPLAN = (
    update(cases)
    .where(
        cases.c.id == bindparam("case"),
        cases.c.state == bindparam("planned_state"),
        cases.c.due_at == bindparam("planned_due_at"),
        cases.c.why == bindparam("planned_why"),
    )
    .values({name: bindparam(f"new_{name}") for name in ("state", "due_at", "why", "first_number")})
)
_WANT = update(cases).where(cases.c.id == bindparam("case")).values(wanted_by=bindparam("new_wanted_by"))
_DUE = select(
    cases.c.id,
    cases.c.debtor_id,
    cases.c.facts,
    cases.c.first_number,
    cases.c.wanted_by,
    debtors.c.risk_class,
    debtors.c.zone,
    debtors.c.household,
    debtors.c.place,
).join(debtors)
_LONGEST_DUE, _CLIMBING = 0, -1
_IN_ORDER = (AGREED_BAND, URGENT_BAND, _CLIMBING, *range(BANDS, 0, -1))
_OF_CAMPAIGN = (
    cases.c.campaign == bindparam("campaign"),
    cases.c.state == literal_column(f"'{CaseState.OPEN.value}'"),  # written out, as the partial index wants it
)
_NOW = bindparam("now", type_=Instant)
_CLIMBS = (cases.c.wanted_by <= _NOW, cases.c.band < literal_column(str(URGENT_BAND)))


_DUE_ORDER = (cases.c.due_at, cases.c.uncalled_since, cases.c.id)


def _seek(part: int, *where: ColumnElement[bool], by: Sequence[Any] = _DUE_ORDER) -> Any:
    """The first due cases of an index."""
    chosen = select(literal_column(str(part)).label("part"), cases.c.id)
    ordered = chosen.where(*_OF_CAMPAIGN, cases.c.due_at <= _NOW, *where).order_by(*by)
    return select(ordered.limit(bindparam("most", type_=Integer)).subquery())


_NEXT = union_all(
    _seek(_LONGEST_DUE),
    _seek(_CLIMBING, *_CLIMBS, by=(cases.c.wanted_by, cases.c.id)),
    *(_seek(part, cases.c.band == literal_column(str(part))) for part in _IN_ORDER if part != _CLIMBING),
)
_WANTED = select(
    select(func.count()).where(*_OF_CAMPAIGN, *_CLIMBS).select_from(cases).scalar_subquery()
    + select(func.count())
    .where(*_OF_CAMPAIGN, cases.c.wanted_by <= _NOW, cases.c.band.in_((AGREED_BAND, URGENT_BAND)))
    .select_from(cases)
    .scalar_subquery()
)
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
        """Up to `most` open cases whose time has come, none of those `excluding`: who agreed to be called and who is
        urgent first, then by worth; a share of them are those that are due longest.

        Sees every schedule asked for before the call. A few seeks in indexes, however many cases are due.
        """
        await self._writer.flush()
        values = {"campaign": campaign, "now": now, "most": most + len(excluding)}
        async with reading(self._engine) as connection:
            found: dict[int, list[int]] = {}
            for part, case_id in await connection.execute(_NEXT, values):
                if case_id not in excluding:
                    found.setdefault(part, []).append(case_id)
            in_order = (case_id for part in _IN_ORDER for case_id in found.get(part, ()))
            ids = page(in_order, found.get(_LONGEST_DUE, ()), most)
            rows = {row.id: row for row in await connection.execute(_DUE.where(cases.c.id.in_(ids)))}
            return await _due_cases(connection, [rows[case_id] for case_id in ids])

    async def call_backs(self, campaign: str, until: datetime, most: int) -> list[CallBack]:
        """Up to `most` agreed call-backs that are due until then, the earliest first.

        Sees every schedule asked for before the call.
        """
        await self._writer.flush()
        chosen = (
            _DUE.add_columns(cases.c.due_at)
            .where(cases.c.campaign == campaign, cases.c.state == CaseState.OPEN.value)
            .where(cases.c.band == AGREED_BAND, cases.c.due_at <= until)
            .order_by(*_DUE_ORDER)
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
            return (await _due_cases(connection, rows, with_tries=True))[0]

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
            .order_by(*_DUE_ORDER)
            .limit(1)
        )
        async with reading(self._engine) as connection:
            row = (await connection.execute(chosen)).one_or_none()
        return NextDue(row.due_at, row.why) if row else None

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
        async with reading(self._engine) as connection:
            return await connection.scalar(_WANTED, {"campaign": campaign, "now": now}) or 0

    def schedule(
        self, case_id: int, at: datetime | None, state: CaseState, why: str, number: PhoneNumber | None = None
    ) -> None:
        """When the case is due again (None: not by itself), the reason in words, and which number is tried first."""
        self._writer.put(action_write(case_id, NextAction(state, at, why, number)))

    def replan(self, case_id: int, planned: NextAction, better: NextAction) -> None:
        """Put one plan in place of another, where nothing else was planned since."""
        values = {
            "case": case_id,
            "planned_state": planned.state.value,
            "planned_due_at": planned.due_at,
            "planned_why": planned.why,
            "new_state": better.state.value,
            "new_due_at": better.due_at,
            "new_why": better.why,
            "new_first_number": better.number,
        }
        # after every plan that is written with it: what came since holds
        self._writer.put(Write(3, _REPLAN, values))


async def _due_cases(connection: AsyncConnection, rows: Sequence[Any], *, with_tries: bool = False) -> list[DueCase]:
    """The cases of these rows, with their numbers and debts; with_tries: of the one case, the calls too."""
    if not rows:
        return []
    debtor_ids = [row.debtor_id for row in rows]
    tries = await connection.execute(tries_of(debtor_ids[0])) if with_tries else ()
    lines = by_debtor(await connection.execute(lines_of(debtor_ids)), tries)
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
            lines.get(row.debtor_id, ()),
            tuple(owed.get(row.id, ())),
            row.household,
            row.place,
            facts_of(row.facts),
            row.first_number,
            row.wanted_by,
            row.risk_class,
        )
        for row in rows
    ]


def _contact(row: Any) -> Contact:
    return Contact(row.cleared_at, PhoneNumber(row.number), row.result, row.code, row.agent, row.note or "")
