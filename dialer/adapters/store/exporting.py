"""The cases of a campaign as they came in, page by page."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.intake import facts_of
from dialer.adapters.store.lines import hours_of
from dialer.adapters.store.schema import addresses, cases, debt_items, debtors, debts, guarantors, numbers
from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.debtor import Address, AddressKind, DebtorKind, Guarantor, NumberDetails, NumberKind, Provenance
from dialer.cases.model import NewCase
from dialer.kernel.money import Money
from dialer.kernel.phone import PhoneNumber

PAGE = 500
_DEBTOR = [debtors.c[name] for name in debtors.c.keys() if name not in ("id", "creditor")]  # noqa: SIM118 -- no dict


class SqlExport:
    """Reads whole cases. Raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def cases_of(self, campaign: str) -> AsyncIterator[NewCase]:
        """Every case of a campaign, the oldest first."""
        last = 0
        while True:
            chosen = (
                select(cases.c.id, cases.c.debtor_id, cases.c.creditor, cases.c.facts, cases.c.mandate, cases.c.note)
                .add_columns(*_DEBTOR)
                .join(debtors)
                .where(cases.c.campaign == campaign, cases.c.id > last)
                .order_by(cases.c.id)
                .limit(PAGE)
            )
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen)).all()
                page = await _whole(connection, rows)
            for one in page:
                yield one
            if len(rows) < PAGE:
                return
            last = rows[-1].id


async def _whole(connection: AsyncConnection, rows: Sequence[Any]) -> list[NewCase]:
    case_ids, debtor_ids = [row.id for row in rows], [row.debtor_id for row in rows]
    lines = await _by(connection, select(numbers).order_by(numbers.c.position), numbers.c.debtor_id, debtor_ids)
    homes = await _by(connection, select(addresses).order_by(addresses.c.position), addresses.c.debtor_id, debtor_ids)
    owed = await _by(connection, select(debts).order_by(debts.c.id), debts.c.case_id, case_ids)
    beside = await _by(connection, select(guarantors).order_by(guarantors.c.position), guarantors.c.case_id, case_ids)
    debt_ids = [debt.id for of in owed.values() for debt in of]
    parts = await _by(connection, select(debt_items).order_by(debt_items.c.position), debt_items.c.debt_id, debt_ids)
    return [
        NewCase(
            creditor=row.creditor,
            debtor_reference=row.reference,
            debtor_name=row.name,
            debts=tuple(_debt(debt, parts.get(debt.id, ())) for debt in owed.get(row.id, ())),
            numbers=tuple(PhoneNumber(line.number) for line in lines.get(row.debtor_id, ())),
            zone="" if row.zone_guessed else row.zone,
            language=row.language,
            household=row.household,
            place=row.place,
            facts=facts_of(row.facts),
            kind=DebtorKind(row.kind),
            tax_code=row.tax_code,
            pec=row.pec,
            addresses=tuple(map(_address, homes.get(row.debtor_id, ()))),
            number_details=tuple(map(_details, lines.get(row.debtor_id, ()))),
            guarantors=tuple(map(_guarantor, beside.get(row.id, ()))),
            risk_class=row.risk_class,
            income_class=row.income_class,
            mandate=row.mandate,
            note=row.note,
        )
        for row in rows
    ]


async def _by(
    connection: AsyncConnection, chosen: Select[Any], key: ColumnElement[int], ids: Sequence[int]
) -> dict[int, list[Any]]:
    """The rows of these ids, by id."""
    found: dict[int, list[Any]] = {}
    rows: Iterable[Any] = await connection.execute(chosen.where(key.in_(ids)))
    name = key.key or ""
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return found


def _debt(row: Any, items: Sequence[Any]) -> Debt:
    return Debt(
        row.reference,
        Money(row.amount_cents, row.currency),
        row.due_on,
        tuple(
            Item(ItemKind(item.kind), Money(item.amount_cents, row.currency), item.due_on, item.description)
            for item in items
        ),
        row.limitation_on,
        row.limitation_years,
    )


def _address(row: Any) -> Address:
    return Address(row.street, row.postal_code, row.city, row.province, row.country, AddressKind(row.kind))


def _details(row: Any) -> NumberDetails:
    return NumberDetails(
        PhoneNumber(row.number),
        NumberKind(row.kind),
        Provenance(row.provenance),
        row.verified_on,
        hours_of(row.best_hours),
        row.note,
    )


def _guarantor(row: Any) -> Guarantor:
    return Guarantor(row.name, row.tax_code, tuple(map(PhoneNumber, filter(None, row.numbers.split(",")))), row.note)
