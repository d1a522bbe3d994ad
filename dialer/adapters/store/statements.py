"""What is owed in a case, and what was paid of it."""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.adapters.store.schema import debt_items, debts, payments, promises, written_facts
from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.dossier import Statement
from dialer.cases.limitation import WrittenFact, WrittenFactKind, limitation_of
from dialer.cases.payment import Payment, PaymentMethod, balance_of
from dialer.cases.promises import Kept
from dialer.kernel.money import Money


async def statements_of(connection: AsyncConnection, case_id: int) -> tuple[Statement, ...]:
    """Each debt of a case, the longest due first, as it stands after all payments and facts on record."""
    owed = (
        await connection.execute(
            select(debts)
            .where(debts.c.case_id == case_id)
            .order_by(debts.c.due_on.is_(None), debts.c.due_on, debts.c.id)
        )
    ).all()
    items = await _by_debt(connection, select(debt_items, debts.c.currency).join(debts), case_id, debt_items.c.position)
    paid = await _by_debt(
        connection,
        select(payments, debts.c.currency, debts.c.reference.label("debt")).join(debts),
        case_id,
        payments.c.paid_on,
        payments.c.recorded_at,
        payments.c.reference,
    )
    facts = await _by_debt(connection, select(written_facts).join(debts), case_id, written_facts.c.happened_on)
    return tuple(_statement(row, items[row.id], paid[row.id], facts[row.id]) for row in owed)


def fact_of(row: Any) -> WrittenFact:
    """The fact of a row."""
    return WrittenFact(WrittenFactKind(row.kind), row.happened_on, row.evidence, row.recorded_by)


async def _by_debt(connection: AsyncConnection, chosen: Any, case_id: int, *order: Any) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in await connection.execute(chosen.where(debts.c.case_id == case_id).order_by(*order)):
        found[row.debt_id].append(row)
    return found


def _statement(row: Any, items: list[Any], paid: list[Any], facts: list[Any]) -> Statement:
    parts = tuple(
        Item(ItemKind(item.kind), Money(item.amount_cents, item.currency), item.due_on, item.description)
        for item in items
    )
    amount = Money(row.amount_cents, row.currency)
    debt = Debt(row.reference, amount, row.due_on, parts, row.limitation_on, row.limitation_years)
    came = tuple(
        Payment(
            one.reference,
            one.debt,
            Money(one.amount_cents, one.currency),
            one.paid_on,
            PaymentMethod(one.method),
            one.receipt,
        )
        for one in paid
    )
    clock = limitation_of(row.limitation_on, row.limitation_years, map(fact_of, facts))
    return Statement(row.id, debt, came, balance_of(debt, came), clock)


def owed_of(connection: Connection, case_ids: Collection[int]) -> dict[int, Counter[str]]:
    """What is left of each of these cases, in cents by currency; what was paid too much for one debt pays no other.

    What a promise that was kept under an accepted offer leaves out isn't owed any more.
    """
    paid = (
        select(payments.c.debt_id, func.sum(payments.c.amount_cents).label("cents"))
        .join(debts, debts.c.id == payments.c.debt_id)
        .where(debts.c.case_id.in_(case_ids))
        .group_by(payments.c.debt_id)
        .subquery()
    )
    left = select(
        debts.c.case_id, debts.c.currency, (debts.c.amount_cents - func.coalesce(paid.c.cents, 0)).label("cents")
    ).outerjoin(paid, paid.c.debt_id == debts.c.id)
    remitted = select(promises.c.case_id, promises.c.currency, promises.c.remission_cents.label("cents")).where(
        promises.c.kept == Kept.KEPT.value
    )
    owed: dict[int, Counter[str]] = defaultdict(Counter)
    for row in connection.execute(left.where(debts.c.case_id.in_(case_ids))):
        owed[row.case_id][row.currency] += max(int(row.cents), 0)
    for row in connection.execute(remitted.where(promises.c.case_id.in_(case_ids))):
        owed[row.case_id][row.currency] -= row.cents
    return owed
