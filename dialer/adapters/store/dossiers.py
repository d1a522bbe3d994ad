"""Cases whole, and who looked at them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import standing_about
from dialer.adapters.store.intake import facts_of
from dialer.adapters.store.lines import LINES_BY_RESULT, TRIES, by_debtor, hours_of
from dialer.adapters.store.mandates import mandate_of
from dialer.adapters.store.promises import remitted_of
from dialer.adapters.store.ranking import habits_of, worths_of
from dialer.adapters.store.schema import (
    AGREED_BAND,
    addresses,
    case_history,
    case_views,
    cases,
    debtors,
    debts,
    guarantors,
    numbers,
    payments,
    written_facts,
)
from dialer.adapters.store.statements import fact_of, statements_of
from dialer.adapters.store.timeline import MOST_MOMENTS, Whose, timeline_of
from dialer.campaigns.priority import rank_words
from dialer.campaigns.timing import best_hour_words
from dialer.cases.debtor import (
    Address,
    AddressKind,
    DebtorKind,
    Guarantor,
    NumberDetails,
    NumberKind,
    Provenance,
)
from dialer.cases.dossier import Debtor, Dossier, Running, View, left_of
from dialer.cases.history import HistoryEntry
from dialer.cases.limitation import Limitation, WrittenFact, WrittenFactKind, limitation_of
from dialer.cases.model import CaseState
from dialer.kernel.money import Money
from dialer.kernel.phone import PhoneNumber

MOST_VIEWS = 1_000
PAGE = 1_000
_SAME = ("reference", "name", "tax_code", "pec", "language", "zone", "household", "place", "risk_class", "income_class")
_ENTRY = upsert(case_history)
_ENTRY = _ENTRY.on_conflict_do_update(
    index_elements=["case_id", "reference"],
    set_={name: _ENTRY.excluded[name] for name in ("at", "kind", "direction", "text", "recorded_by", "recorded_at")},
)


_VIEW = insert(case_views)
_PAID = (
    select(func.coalesce(func.sum(payments.c.amount_cents), 0))
    .where(payments.c.debt_id == debts.c.id)
    .scalar_subquery()
)
_RUNNING = (
    select(debts, (debts.c.amount_cents - _PAID).label("left_cents"))
    .join(cases)
    .where(cases.c.state != CaseState.CLOSED.value)
)
_JUDGED = debts.c.id.in_(select(written_facts.c.debt_id).where(written_facts.c.kind == WrittenFactKind.JUDGMENT.value))


class SqlDossiers:
    """The port. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def look(self, case_id: int, by: str, how: str, now: datetime, most_moments: int = MOST_MOMENTS) -> Dossier:
        """The case whole; that `by` looked at it is on record with it, or nothing is shown. Raises LookupError."""
        with telling_away():
            async with self._engine.begin() as connection:
                found = await _dossier(connection, case_id, now, most_moments)
                await record_view(connection, case_id, by, how, now)
                return found

    async def viewed(self, case_id: int, by: str, how: str, now: datetime) -> None:
        """Return once it is on record that `by` sees the case."""
        with telling_away():
            async with self._engine.begin() as connection:
                await record_view(connection, case_id, by, how, now)

    async def views(self, case_id: int) -> list[View]:
        """Who looked at it, the last first."""
        chosen = select(case_views).where(case_views.c.case_id == case_id)
        newest = chosen.order_by(case_views.c.viewed_at.desc(), case_views.c.id.desc()).limit(MOST_VIEWS)
        async with reading(self._engine) as connection:
            return [View(row.viewed_at, row.viewed_by, row.how) for row in await connection.execute(newest)]

    async def running_out(self, until: date, most: int) -> list[Running]:
        """The debts of open cases that can be claimed at most until then, the nearest first.

        Looked at are those whose date by the creditor is near, as a fact moves it on, and those with a judgment: its
        ten years hold where the creditor gave no date, or a later one.
        """
        near = _RUNNING.where(debts.c.limitation_on <= until)
        judged = _RUNNING.where(_JUDGED, debts.c.limitation_on.is_(None) | (debts.c.limitation_on > until))
        async with reading(self._engine) as connection:
            found = await _running_out(connection, near, ("limitation_on", "id"), until, most)
            found += await _running_out(connection, judged, ("id",), until)
        return sorted(found, key=lambda one: (one.limitation.on, one.case_id))[:most]

    async def write(self, entry: HistoryEntry, now: datetime) -> None:
        """Put an entry into a case's history; one with the same reference is replaced. Raises LookupError."""
        with telling_away():
            async with self._engine.begin() as connection:
                await _write(connection, entry, now)

    async def record_fact(self, case_id: int, debt_reference: str, fact: WrittenFact, now: datetime) -> Limitation:
        """Put a written fact on record; where the debt's clock stands after it. Raises LookupError."""
        with telling_away():
            async with self._engine.begin() as connection:
                chosen = select(debts).where(debts.c.case_id == case_id, debts.c.reference == debt_reference)
                debt = (await connection.execute(chosen)).one_or_none()
                if debt is None:
                    raise LookupError(debt_reference)
                row = {
                    "debt_id": debt.id,
                    "kind": fact.kind.value,
                    "happened_on": fact.happened_on,
                    "evidence": fact.evidence,
                    "recorded_by": fact.recorded_by,
                    "recorded_at": now,
                }
                # told twice it is one fact, with the first evidence
                await connection.execute(upsert(written_facts).on_conflict_do_nothing(), [row])
                facts = await connection.execute(select(written_facts).where(written_facts.c.debt_id == debt.id))
                return limitation_of(debt.limitation_on, debt.limitation_years, map(fact_of, facts.all()))


async def _known(connection: AsyncConnection, case_id: int) -> None:
    if await connection.scalar(select(cases.c.id).where(cases.c.id == case_id)) is None:
        raise LookupError(case_id)


async def _write(connection: AsyncConnection, entry: HistoryEntry, now: datetime) -> None:
    await _known(connection, entry.case_id)
    row = {
        "case_id": entry.case_id,
        "reference": entry.reference,
        "at": entry.at,
        "kind": entry.kind.value,
        "direction": "inbound" if entry.inbound else "outbound",
        "text": entry.text,
        "recorded_by": entry.recorded_by,
        "recorded_at": now,
    }
    await connection.execute(_ENTRY, [row])


async def record_view(connection: AsyncConnection, case_id: int, by: str, how: str, now: datetime) -> None:
    """Put on record, within the connection's transaction, that `by` looked at a case."""
    await connection.execute(_VIEW, [{"case_id": case_id, "viewed_by": by, "viewed_at": now, "how": how}])


async def _running_out(
    connection: AsyncConnection, chosen: Select[Any], order: Sequence[str], until: date, most: int | None = None
) -> list[Running]:
    """Of the chosen debts those that can be claimed at most until then, page by page: all, or the first `most`."""
    key = [debts.c[name] for name in order]
    chosen = page = chosen.order_by(*key)
    found: list[Running] = []
    while most is None or len(found) < most:
        rows = (await connection.execute(page.limit(PAGE))).all()
        if not rows:
            break
        running = await _running(connection, rows)
        found += [one for one in running if one.limitation.on is not None and one.limitation.on <= until]
        page = chosen.where(tuple_(*key) > tuple(getattr(rows[-1], name) for name in order))
    return found


async def _running(connection: AsyncConnection, rows: Sequence[Any]) -> list[Running]:
    facts: dict[int, list[WrittenFact]] = {}
    told = select(written_facts).where(written_facts.c.debt_id.in_([row.id for row in rows]))
    for row in await connection.execute(told):
        facts.setdefault(row.debt_id, []).append(fact_of(row))
    return [
        Running(
            row.case_id,
            row.creditor,
            row.reference,
            Money(row.left_cents, row.currency),
            limitation_of(row.limitation_on, row.limitation_years, facts.get(row.id, ())),
        )
        for row in rows
        if row.left_cents > 0
    ]


async def _dossier(connection: AsyncConnection, case_id: int, now: datetime, most_moments: int) -> Dossier:
    chosen = select(cases, *(debtors.c[name].label(f"debtor_{name}") for name in (*_SAME, "kind"))).join(debtors)
    row = (await connection.execute(chosen.where(cases.c.id == case_id))).one_or_none()
    if row is None:
        raise LookupError(case_id)
    of_debtor = numbers.c.debtor_id == row.debtor_id
    known = [
        _number(line)
        for line in await connection.execute(select(numbers).where(of_debtor).order_by(numbers.c.position))
    ]
    called = tuple(details.number for details in known)
    statements = await statements_of(connection, case_id)
    timeline, cut = await timeline_of(connection, Whose(case_id, row.debtor_id, called), most_moments)
    return Dossier(
        id=case_id,
        campaign=row.campaign,
        creditor=row.creditor,
        mandate=row.mandate,
        terms=await mandate_of(connection, row.creditor, row.mandate) if row.mandate else None,
        state=row.state,
        due_at=row.due_at,
        why=row.why,
        note=row.note,
        facts=facts_of(row.facts),
        debtor=await _debtor(connection, row),
        numbers=tuple(known),
        guarantors=await _guarantors(connection, case_id),
        statements=statements,
        left=left_of(statements, await remitted_of(connection, case_id)),
        flags=await standing_about(connection, row.debtor_id, called, now),
        timeline=timeline,
        cut=cut,
        rank=await connection.run_sync(_rank, row, now) if row.state == CaseState.OPEN.value else "",
    )


def _rank(connection: Connection, row: Any, now: datetime) -> str:
    """In words, with the calls up to now."""
    found = worths_of(connection, [row.id], now.date())[row.id]
    lines = by_debtor(
        connection.execute(LINES_BY_RESULT, {"debtor_ids": [row.debtor_id]}),
        connection.execute(TRIES, {"debtor_id": row.debtor_id}),
    ).get(row.debtor_id, ())
    zone = ZoneInfo(row.debtor_zone or "UTC")
    hour = best_hour_words(lines, zone, habits_of(connection, row.campaign))
    urgent = row.wanted_by is not None and row.wanted_by <= now
    return rank_words(found, hour, agreed=row.band == AGREED_BAND, urgent=urgent)


async def _debtor(connection: AsyncConnection, row: Any) -> Debtor:
    chosen = select(addresses).where(addresses.c.debtor_id == row.debtor_id).order_by(addresses.c.position)
    found = tuple(
        Address(line.street, line.postal_code, line.city, line.province, line.country, AddressKind(line.kind))
        for line in await connection.execute(chosen)
    )
    same = {name: getattr(row, f"debtor_{name}") for name in _SAME}
    return Debtor(id=row.debtor_id, kind=DebtorKind(row.debtor_kind), addresses=found, **same)


async def _guarantors(connection: AsyncConnection, case_id: int) -> tuple[Guarantor, ...]:
    chosen = select(guarantors).where(guarantors.c.case_id == case_id).order_by(guarantors.c.position)
    return tuple(
        Guarantor(row.name, row.tax_code, tuple(map(PhoneNumber, filter(None, row.numbers.split(",")))), row.note)
        for row in await connection.execute(chosen)
    )


def _number(row: Any) -> NumberDetails:
    return NumberDetails(
        PhoneNumber(row.number),
        NumberKind(row.kind),
        Provenance(row.provenance),
        row.verified_on,
        hours_of(row.best_hours),
        row.note,
    )
