"""What the reports read of cases: debts, payments, calls and promises, page by page."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.promises import promises_of
from dialer.adapters.store.reports import contact, in_period, left, seconds, talked, times, wrapped
from dialer.adapters.store.schema import (
    attempts,
    cases,
    debt_items,
    debtors,
    debts,
    flag_changes,
    letters,
    outcomes,
    payments,
    promises,
)
from dialer.cases.debt import ItemKind
from dialer.cases.flag import FlagChange, standing
from dialer.cases.payment import Payment
from dialer.cases.promises import Kept, judge
from dialer.compliance.reasons import Reason
from dialer.kernel.money import Money
from dialer.reports.portfolio import NO_CALLS, CallFigures, CaseFigures, DebtFigures, PromiseFigures
from dialer.reports.report import Asked

PAGE = 1_000
NOWHERE = "UTC"


class SqlPortfolio:
    """Every method raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cases(self, asked: Asked) -> AsyncIterator[CaseFigures]:
        """Each case of the campaign and creditor that were asked for, with its calls in the period."""
        last = 0
        while True:
            chosen = _groups(select(cases), asked).where(cases.c.id > last).order_by(cases.c.id).limit(PAGE)
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen)).all()
                page = await _figures(connection, rows, asked)
            for one in page:
                yield one
            if len(rows) < PAGE:
                return
            last = rows[-1].id

    async def promises(self, asked: Asked) -> AsyncIterator[PromiseFigures]:
        """Each promise that was given in the period, as it is judged now; case by case, the earliest first."""
        last = 0
        while True:
            chosen = (
                _groups(select(cases, debtors.c.zone), asked)
                .join(debtors, cases.c.debtor_id == debtors.c.id)
                .where(cases.c.id > last, cases.c.id.in_(_promised(asked)))
                .order_by(cases.c.id)
                .limit(PAGE)
            )
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen)).all()
                page = await _judged(connection, rows, asked)
            for one in page:
                yield one
            if len(rows) < PAGE:
                return
            last = rows[-1].id


def _promised(asked: Asked) -> Select[Any]:
    return in_period(select(promises.c.case_id), promises.c.made_at, asked)


def _groups(chosen: Select[Any], asked: Asked) -> Select[Any]:
    if asked.campaign is not None:
        chosen = chosen.where(cases.c.campaign == asked.campaign)
    if asked.creditor is not None:
        chosen = chosen.where(cases.c.creditor == asked.creditor)
    return chosen


async def _figures(connection: AsyncConnection, rows: Sequence[Any], asked: Asked) -> list[CaseFigures]:
    ids = [row.id for row in rows]
    owed = await _debts(connection, ids, asked)
    calls = await _calls(connection, ids, asked)
    back = await _returned(connection, [row.debtor_id for row in rows], asked)
    remitted = (
        select(promises.c.case_id, func.sum(promises.c.remission_cents))
        .where(promises.c.case_id.in_(ids), promises.c.kept == Kept.KEPT.value, promises.c.currency == asked.currency)
        .group_by(promises.c.case_id)
    )
    spared = {row[0]: int(row[1]) for row in await connection.execute(remitted)}
    sent = await _letters(connection, ids, asked)
    return [
        CaseFigures(
            row.id,
            row.campaign,
            row.creditor,
            row.mandate,
            row.state,
            row.debtor_id in back,
            tuple(owed[row.id]),
            spared.get(row.id, 0),
            sent[row.id],
            calls.get(row.id, NO_CALLS),
        )
        for row in rows
    ]


async def _debts(connection: AsyncConnection, ids: list[int], asked: Asked) -> dict[int, list[DebtFigures]]:
    here: ColumnElement[bool] = and_(debts.c.case_id.in_(ids), debts.c.currency == asked.currency)
    paid: dict[int, list[Any]] = defaultdict(list)
    for row in await connection.execute(
        select(payments.c.debt_id, payments.c.paid_on, payments.c.amount_cents).join(debts).where(here)
    ):
        paid[row.debt_id].append((row.paid_on, row.amount_cents))
    costs = (
        select(debt_items.c.debt_id, func.sum(debt_items.c.amount_cents))
        .join(debts)
        .where(here, debt_items.c.kind == ItemKind.COSTS.value)
        .group_by(debt_items.c.debt_id)
    )
    cost = {row[0]: int(row[1]) for row in await connection.execute(costs)}
    found: dict[int, list[DebtFigures]] = defaultdict(list)
    for row in await connection.execute(select(debts).where(here).order_by(debts.c.id)):
        found[row.case_id].append(
            DebtFigures(row.amount_cents, cost.get(row.id, 0), row.due_on, tuple(paid.get(row.id, ())))
        )
    return found


async def _letters(connection: AsyncConnection, ids: list[int], asked: Asked) -> Counter[int]:
    """How many were sent in the period, by case."""
    chosen = select(letters.c.case_id, letters.c.sent_on).where(
        letters.c.case_id.in_(ids), letters.c.sent_on.is_not(None), letters.c.cancelled_on.is_(None)
    )
    return Counter(row.case_id for row in await connection.execute(chosen) if asked.holds_day(row.sent_on))


async def _calls(connection: AsyncConnection, ids: list[int], asked: Asked) -> dict[int, CallFigures]:
    bridged = attempts.c.bridged_at.is_not(None)
    chosen = (
        select(
            attempts.c.case_id,
            func.count(),
            times(attempts.c.answered_at.is_not(None)),
            times(contact),
            times(and_(bridged, outcomes.c.right_party)),
            talked,
            wrapped,
            func.min(attempts.c.cleared_at),
        )
        .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
        .where(attempts.c.case_id.in_(ids), left)
        .group_by(attempts.c.case_id)
    )
    return {
        row[0]: CallFigures(row[1], int(row[2]), int(row[3]), int(row[4]), seconds(int(row[5]) + int(row[6])), row[7])
        for row in await connection.execute(in_period(chosen, attempts.c.cleared_at, asked))
    }


async def _returned(connection: AsyncConnection, debtor_ids: list[int], asked: Asked) -> set[int]:
    """The debtors of whom the creditor has taken a case, or a debt, back."""
    chosen = select(flag_changes).where(
        flag_changes.c.name == Reason.MANDATE_CLOSED.value, flag_changes.c.debtor_id.in_(debtor_ids)
    )
    words: dict[int, list[FlagChange]] = defaultdict(list)
    for row in await connection.execute(chosen.order_by(flag_changes.c.revision)):
        words[row.debtor_id].append(FlagChange(row.line_id, row.name, row.at, row.until))
    return {debtor_id for debtor_id, changes in words.items() if standing(changes, asked.now)}


async def _judged(connection: AsyncConnection, rows: Sequence[Any], asked: Asked) -> list[PromiseFigures]:
    ids = [row.id for row in rows]
    made: dict[int, list[Any]] = defaultdict(list)
    for promise in await promises_of(connection, ids):
        made[promise.case_id].append(promise)
    came: dict[int, list[Payment]] = defaultdict(list)
    columns = (debts.c.case_id, debts.c.currency, debts.c.reference.label("debt"))
    chosen = select(payments, *columns).join(debts).where(debts.c.case_id.in_(ids)).order_by(payments.c.paid_on)
    for row in await connection.execute(chosen):
        money = Money(row.amount_cents, row.currency)
        came[row.case_id].append(Payment(row.reference, row.debt, money, row.paid_on))
    found = []
    for row in rows:
        today = asked.now.astimezone(ZoneInfo(row.zone or NOWHERE)).date()
        found += [
            PromiseFigures(row.campaign, row.creditor, row.mandate, one, today)
            for one in judge(made[row.id], came[row.id], today)
            if asked.holds(one.promise.made_at) and one.promise.amount.currency == asked.currency
        ]
    return found
