"""All that is kept of one debtor, whatever the table: what an access request (GDPR art. 15) asks for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import telling_away
from dialer.adapters.store.dossiers import record_view
from dialer.adapters.store.schema import (
    METADATA,
    attempts,
    cases,
    creditors,
    debtors,
    debts,
    inbound_calls,
    mandates,
    numbers,
)
from dialer.cases.access import Kept

OF_NOBODY = frozenset(
    {
        "creditors",
        "mandates",
        "ledger_keys",
        "campaign_states",
        "sessions",
        "listenings",
        "listening_turns",
        "working_times",
        "pacing_memory",
        "habits",
        "reloads",
    }
)
"""Tables without a row about a debtor. ledger_keys has no more than the versions of what stands in the ledger."""


@dataclass(frozen=True, slots=True)
class _Whose:
    """By which keys rows are a debtor's."""

    debtor_id: int
    case_id: Collection[int]
    debt_id: Collection[int]
    attempt_id: Collection[str]
    numbers: Collection[str]


class SqlPerson:
    """Raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def of_case(self, case_id: int, by: str, now: datetime) -> Kept:
        """All about the debtor of a case. That `by` took it is on record with it. Raises LookupError."""
        return await self._kept(select(cases.c.debtor_id).where(cases.c.id == case_id), case_id, by, now)

    async def of_debtor(self, creditor: str, reference: str, by: str, now: datetime) -> Kept:
        """All about a creditor's debtor by the creditor's key. Raises as `of_case`."""
        named = (debtors.c.creditor == creditor) & (debtors.c.reference == reference)
        return await self._kept(select(debtors.c.id).where(named), reference, by, now)

    async def _kept(self, chosen: Any, asked: object, by: str, now: datetime) -> Kept:
        with telling_away():
            async with self._engine.begin() as connection:
                debtor_id = await connection.scalar(chosen)
                if debtor_id is None:
                    raise LookupError(asked)
                whose = await _whose(connection, debtor_id)
                for case_id in whose.case_id:
                    await record_view(connection, case_id, by, "access export", now)
                found = {
                    table.name: await _rows(connection, table, about)
                    for table in METADATA.sorted_tables
                    if (about := _about(table, whose)) is not None
                }
                (debtor,) = found["debtors"]
                terms = and_(
                    mandates.c.creditor == debtor["creditor"],
                    mandates.c.reference.in_({case["mandate"] for case in found["cases"]}),
                )
                creditor = await _rows(connection, creditors, creditors.c.name == debtor["creditor"])
                return Kept(now, by, found, creditor, await _rows(connection, mandates, terms))


async def _whose(connection: AsyncConnection, debtor_id: int) -> _Whose:
    case_ids = (await connection.scalars(select(cases.c.id).where(cases.c.debtor_id == debtor_id))).all()
    ours = (await connection.scalars(select(attempts.c.id).where(attempts.c.debtor_id == debtor_id))).all()
    came_in = (await connection.scalars(select(inbound_calls.c.id).where(inbound_calls.c.case_id.in_(case_ids)))).all()
    return _Whose(
        debtor_id,
        case_ids,
        (await connection.scalars(select(debts.c.id).where(debts.c.case_id.in_(case_ids)))).all(),
        [*ours, *came_in],
        (await connection.scalars(select(numbers.c.number).where(numbers.c.debtor_id == debtor_id))).all(),
    )


def _about(table: Table, whose: _Whose) -> ColumnElement[bool] | None:
    """Which rows of a table are about the debtor; None for a table that is about nobody."""
    if table.name in OF_NOBODY:
        return None
    if table is debtors:
        return table.c.id == whose.debtor_id
    if "debtor_id" in table.c:
        mine = table.c.debtor_id == whose.debtor_id
        if table.c.debtor_id.nullable and "number" in table.c:  # what stands about a number, whoever's it is
            return or_(mine, and_(table.c.debtor_id.is_(None), table.c.number.in_(whose.numbers)))
        return mine
    for name in ("case_id", "debt_id", "attempt_id"):
        if name in table.c:
            return table.c[name].in_(getattr(whose, name))
    msg = f"{table.name}: whose rows these are isn't known: give it one of the keys, or name it in OF_NOBODY"
    raise AssertionError(msg)


async def _rows(connection: AsyncConnection, table: Table, about: ColumnElement[bool]) -> Sequence[Mapping[str, Any]]:
    order = table.primary_key.columns
    found = await connection.execute(select(table).where(about).order_by(*order))
    return [dict(row) for row in found.mappings()]
