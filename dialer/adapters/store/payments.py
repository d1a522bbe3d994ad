"""Payments on record: each counts once, and a case of which nothing is left is worked no more."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import telling_away
from dialer.adapters.store.ranking import rank
from dialer.adapters.store.schema import cases, debts, payments, promises
from dialer.adapters.store.statements import owed_of
from dialer.cases.dossier import PaymentsAdded, RefusedPayment
from dialer.cases.model import PAID, TAKEN_BACK, CaseState
from dialer.cases.payment import Payment

CHUNK = 1_000
_PAYMENT = upsert(payments).on_conflict_do_nothing().returning(payments.c.reference)


class SqlPayments:
    """The port. Raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, creditor: str, new: Sequence[Payment], by: str, now: datetime) -> PaymentsAdded:
        """Take payments in transactions of `CHUNK`: told again after one was cut off, what came in changes nothing."""
        parts = []
        for start in range(0, len(new), CHUNK):
            with telling_away():
                async with self._engine.begin() as connection:
                    parts.append(await connection.run_sync(_add, creditor, start, new[start : start + CHUNK], by, now))
        return PaymentsAdded(
            sum(part.new for part in parts),
            sum(part.known for part in parts),
            tuple(refused for part in parts for refused in part.refused),
            tuple(dict.fromkeys(case for part in parts for case in part.settled)),
            tuple(dict.fromkeys(case for part in parts for case in part.reopened)),
        )


def _add(
    connection: Connection, creditor: str, start: int, new: Sequence[Payment], by: str, now: datetime
) -> PaymentsAdded:
    owed = _debts(connection, creditor, {payment.debt_reference for payment in new})
    lock(connection, {debt.case_id for debt in owed.values()})
    before = _known(connection, creditor, {payment.reference for payment in new})
    rows: list[dict[str, Any]] = []
    refused: list[RefusedPayment] = []
    known = 0
    places: dict[str, int] = {}
    for at, payment in enumerate(new, start=start):
        debt = owed.get(payment.debt_reference)
        if debt is None:
            refused.append(RefusedPayment(at, "no such debt of this creditor", "correct the debt's reference"))
        elif debt.currency != payment.amount.currency:
            remedy = f"give the amount in {debt.currency}"
            refused.append(RefusedPayment(at, f"the debt is in {debt.currency}", remedy))
        elif (same := before.get(payment.reference)) is None:
            before[payment.reference] = (debt.id, payment.amount.cents, payment.paid_on)
            places[payment.reference] = at
            rows.append(_row(creditor, debt.id, payment, by, now))
        elif same == (debt.id, payment.amount.cents, payment.paid_on):
            known += 1
        else:
            refused.append(_another(at))
    if not rows:
        return PaymentsAdded(0, known, tuple(refused))
    came = set(connection.scalars(_PAYMENT, rows))
    late = set(places) - came  # told meanwhile of a case that isn't locked here
    for reference, found in _known(connection, creditor, late).items():
        if found == before[reference]:
            known += 1
        else:
            refused.append(_another(places[reference]))
    paid = {row["debt_id"] for row in rows if row["reference"] in came}
    touched = {debt.case_id for debt in owed.values() if debt.id in paid}
    settled, reopened = close_and_reopen(connection, touched, now)
    rank(connection, touched, now)
    today = now.date()
    again = update(promises).where(promises.c.case_id.in_(touched))
    sooner = promises.c.check_on.is_(None) | (promises.c.check_on > today)
    connection.execute(again.where(sooner).values(check_on=today))
    return PaymentsAdded(len(came), known, tuple(refused), settled, reopened)


def lock(connection: Connection, case_ids: Collection[int]) -> None:
    """Whoever else judges what these cases owe waits, and then sees what came here (SQLite has one writer anyway)."""
    rows = select(cases.c.id).where(cases.c.id.in_(case_ids)).order_by(cases.c.id).with_for_update(key_share=True)
    connection.execute(rows).all()


def _another(at: int) -> RefusedPayment:
    remedy = "give each payment its own reference; correct one with a second one below zero"
    return RefusedPayment(at, "another payment has this reference", remedy)


def _debts(connection: Connection, creditor: str, references: Collection[str]) -> dict[str, Any]:
    chosen = select(debts.c.id, debts.c.case_id, debts.c.reference, debts.c.currency).where(
        debts.c.creditor == creditor, debts.c.reference.in_(references)
    )
    return {row.reference: row for row in connection.execute(chosen)}


def _known(connection: Connection, creditor: str, references: Collection[str]) -> dict[str, tuple[Any, ...]]:
    chosen = select(payments).where(payments.c.creditor == creditor, payments.c.reference.in_(references))
    return {row.reference: (row.debt_id, row.amount_cents, row.paid_on) for row in connection.execute(chosen)}


def _row(creditor: str, debt_id: int, payment: Payment, by: str, now: datetime) -> dict[str, Any]:
    return {
        "creditor": creditor,
        "reference": payment.reference,
        "debt_id": debt_id,
        "amount_cents": payment.amount.cents,
        "paid_on": payment.paid_on,
        "method": payment.method.value,
        "receipt": payment.receipt,
        "recorded_by": by,
        "recorded_at": now,
    }


def close_and_reopen(
    connection: Connection, touched: Collection[int], now: datetime
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cases with nothing left are closed; one that was closed so, and isn't paid any more, is due again."""
    owing = {
        case_id for case_id, left in owed_of(connection, touched).items() if any(cents > 0 for cents in left.values())
    }
    closed = {"state": CaseState.CLOSED.value, "due_at": None, "wanted_by": None, "why": PAID}
    settle = update(cases).where(cases.c.id.in_(set(touched) - owing), cases.c.state != CaseState.CLOSED.value)
    settled = connection.scalars(settle.values(**closed).returning(cases.c.id)).all()
    due = {"state": CaseState.OPEN.value, "due_at": now, "why": TAKEN_BACK}
    reopen = update(cases).where(cases.c.id.in_(owing), cases.c.state == CaseState.CLOSED.value, cases.c.why == PAID)
    reopened = connection.scalars(reopen.values(**due).returning(cases.c.id)).all()
    return tuple(sorted(settled)), tuple(sorted(reopened))
