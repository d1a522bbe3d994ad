"""New cases into the tables: a chunk at a time, each table in one statement, whatever the number of rows."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Table,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too

from dialer.adapters.store.ranking import habits_of, rank
from dialer.adapters.store.schema import (
    addresses,
    cases,
    creditors,
    debt_items,
    debtors,
    debts,
    guarantors,
    numbers,
)
from dialer.campaigns.priority import Claim, worth
from dialer.cases.book import Added
from dialer.cases.debt import Debt
from dialer.cases.debtor import ITALIAN_ZONE, ITALY, Address, Guarantor, NumberDetails, zone_of_numbers
from dialer.cases.model import PAID, CaseState, NewCase, NumberLine, merged_facts
from dialer.kernel.money import Money

_FILLED_LATER = ("tax_code", "pec", "risk_class", "income_class", "household", "place")
_DEBTOR = upsert(debtors)
_UNNAMED = or_(debtors.c.zone_guessed, debtors.c.zone == "")
_NAMED_NOW = and_(_UNNAMED, not_(_DEBTOR.excluded.zone_guessed))
_DEBTOR = _DEBTOR.on_conflict_do_update(
    index_elements=["creditor", "reference"],
    # what is known stays; what was empty is filled
    set_={"name": _DEBTOR.excluded.name}
    | {name: func.coalesce(func.nullif(debtors.c[name], ""), _DEBTOR.excluded[name]) for name in _FILLED_LATER}
    | {"zone": case((_NAMED_NOW, _DEBTOR.excluded.zone), else_=debtors.c.zone)}
    | {"zone_guessed": and_(debtors.c.zone_guessed, not_(_NAMED_NOW))},
)
_CASE = upsert(cases)
_CASE = _CASE.on_conflict_do_update(
    index_elements=["campaign", "debtor_id"],
    set_={name: func.coalesce(func.nullif(cases.c[name], ""), _CASE.excluded[name]) for name in ("mandate", "note")},
)
NUMBER = upsert(numbers)
NUMBER = NUMBER.on_conflict_do_update(
    index_elements=["debtor_id", "number"],
    set_={
        name: case((numbers.c[name] == "unknown", NUMBER.excluded[name]), else_=numbers.c[name])
        for name in ("kind", "provenance")
    },
)


_ABROAD = exists().where(numbers.c.debtor_id == debtors.c.id, numbers.c.number.not_like(f"{ITALY}%"))
_BY_NUMBERS = case((_ABROAD, literal("")), else_=literal(ITALIAN_ZONE))


def add(connection: Connection, campaign: str, new: Sequence[NewCase], now: datetime) -> Added:
    """Take in one chunk, within the transaction of the connection."""
    of_creditor = debts.c.creditor.in_({one.creditor for one in new})  # the index begins with it
    references = [debt.reference for one in new for debt in one.debts]
    chosen = select(debts.c.creditor, debts.c.reference).where(of_creditor, debts.c.reference.in_(references))
    known = {(row.creditor, row.reference) for row in connection.execute(chosen)}
    fresh: list[tuple[NewCase, list[Debt]]] = []
    for one in new:
        owed = [debt for debt in one.debts if (one.creditor, debt.reference) not in known]
        known.update((one.creditor, debt.reference) for debt in owed)
        if owed:
            fresh.append((one, owed))
    added = Added(new=len(fresh), known=len(new) - len(fresh))
    if not fresh:
        return added
    connection.execute(upsert(creditors).on_conflict_do_nothing(), _names({one.creditor for one, _ in fresh}))
    debtor_ids = _debtors(connection, [one for one, _ in fresh])
    of = [(debtor_ids[one.creditor, one.debtor_reference], one) for one, _ in fresh]
    connection.execute(NUMBER, [row for id_, one in of for row in number_rows(id_, one)])
    guess_zones(connection, [id_ for id_, _ in of])
    _insert_new(connection, addresses, [row for id_, one in of for row in address_rows(id_, one.addresses)])
    case_ids = _cases(connection, campaign, of, now)
    _insert_new(
        connection, guarantors, [row for id_, one in of for row in guarantor_rows(case_ids[id_], one.guarantors)]
    )
    # who paid all, and owes again
    paid = update(cases).where(cases.c.id.in_(set(case_ids.values())), cases.c.why == PAID)
    connection.execute(paid.values(state=CaseState.OPEN.value, due_at=now, why="new"))
    _debts(
        connection,
        [(case_ids[id_], one, debt) for (id_, one), (_, owed) in zip(of, fresh, strict=True) for debt in owed],
    )
    came_before = select(cases.c.id).where(cases.c.id.in_(set(case_ids.values())), cases.c.uncalled_since != now)
    rank(connection, list(connection.scalars(came_before)), now)
    return added


def guess_zones(connection: Connection, debtor_ids: Collection[int]) -> None:
    """The zone that nobody named, by all the numbers that are on record by now."""
    differs = debtors.c.zone != _BY_NUMBERS
    guess = update(debtors).where(debtors.c.id.in_(debtor_ids), _UNNAMED, differs)
    connection.execute(guess.values(zone=_BY_NUMBERS, zone_guessed=True))


def facts_of(text: str) -> dict[str, Any]:
    """What packs may require of the case; a date is a date again."""
    if text == "{}":  # most cases
        return {}
    return {
        name: date.fromisoformat(value) if name.endswith("_on") else value for name, value in json.loads(text).items()
    }


def _debtors(connection: Connection, new: Sequence[NewCase]) -> dict[tuple[str, str], int]:
    connection.execute(_DEBTOR, [_debtor_row(one) for one in new])
    chosen = select(debtors.c.id, debtors.c.creditor, debtors.c.reference).where(
        debtors.c.creditor.in_({one.creditor for one in new}),
        debtors.c.reference.in_([one.debtor_reference for one in new]),
    )
    return {(row.creditor, row.reference): row.id for row in connection.execute(chosen)}


def _cases(connection: Connection, campaign: str, new: Sequence[tuple[int, NewCase]], now: datetime) -> dict[int, int]:
    learnt = habits_of(connection, campaign)
    rows = [
        {
            "campaign": campaign,
            "debtor_id": debtor_id,
            "creditor": one.creditor,
            "state": CaseState.OPEN.value,
            "due_at": now,
            "why": "new",
            "facts": json.dumps(dict(one.facts), default=str),
            "mandate": one.mandate,
            "note": one.note,
            "uncalled_since": now,
            "worth": worth(_claim(one, now.date()), learnt, _lines(one)).band,
        }
        for debtor_id, one in new
    ]
    connection.execute(_CASE, rows)
    chosen = select(cases.c.id, cases.c.debtor_id, cases.c.facts).where(
        cases.c.campaign == campaign, cases.c.debtor_id.in_([debtor_id for debtor_id, _ in new])
    )
    found = connection.execute(chosen).all()
    _merge_facts(connection, found, new)
    return {row.debtor_id: row.id for row in found}


def _claim(one: NewCase, today: date) -> Claim:
    due_on = min((debt.due_on for debt in one.debts if debt.due_on), default=None)
    sums = Counter[str]()
    for debt in one.debts:
        sums[debt.amount.currency] += debt.amount.cents
    left = max((Money(cents, currency) for currency, cents in sums.items()), default=Money(0))
    return Claim(left, None if due_on is None else (today - due_on).days, one.risk_class)


def _lines(one: NewCase) -> list[NumberLine]:
    known = {details.number: details for details in one.number_details}
    found = (known.get(number) or NumberDetails(number) for number in one.numbers)
    return [NumberLine(line.number, kind=line.kind, provenance=line.provenance) for line in found]


def _debts(connection: Connection, owed: Sequence[tuple[int, NewCase, Debt]]) -> None:
    rows = [
        {
            "case_id": case_id,
            "creditor": one.creditor,
            "reference": debt.reference,
            "amount_cents": debt.amount.cents,
            "currency": debt.amount.currency,
            "due_on": debt.due_on,
            "limitation_on": debt.limitation_on,
            "limitation_years": debt.limitation_years,
        }
        for case_id, one, debt in owed
    ]
    connection.execute(insert(debts), rows)
    itemised = {(one.creditor, debt.reference): debt for _, one, debt in owed if debt.items}
    if not itemised:
        return
    chosen = select(debts.c.id, debts.c.creditor, debts.c.reference).where(
        debts.c.creditor.in_({creditor for creditor, _ in itemised}),
        debts.c.reference.in_([reference for _, reference in itemised]),
    )
    items = [
        item
        for row in connection.execute(chosen)
        if (debt := itemised.get((row.creditor, row.reference)))
        for item in item_rows(row.id, debt)
    ]
    connection.execute(insert(debt_items), items)


def _merge_facts(connection: Connection, found: Sequence[Any], more: Sequence[tuple[int, NewCase]]) -> None:
    """A case that was known may be another one with its new debts."""
    known = {row.debtor_id: facts_of(row.facts) for row in found}
    merged = dict(known)
    for debtor_id, one in more:
        if merged[debtor_id] != one.facts:
            merged[debtor_id] = merged_facts(merged[debtor_id], one.facts)
    changed = [
        {"case": row.id, "new_facts": json.dumps(merged[row.debtor_id], default=str)}
        for row in found
        if merged[row.debtor_id] != known[row.debtor_id]
    ]
    if changed:
        connection.execute(
            update(cases).where(cases.c.id == bindparam("case")).values(facts=bindparam("new_facts")), changed
        )


def _insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """What stands in a place already stays there."""
    if rows:
        connection.execute(upsert(table).on_conflict_do_nothing(), rows)


def _names(names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"name": name} for name in sorted(names)]


def _debtor_row(one: NewCase) -> dict[str, Any]:
    return {
        "creditor": one.creditor,
        "reference": one.debtor_reference,
        "name": one.debtor_name,
        "zone": one.zone or zone_of_numbers(one.numbers),
        "zone_guessed": not one.zone,
        "language": one.language,
        "household": one.household,
        "place": one.place,
        "kind": one.kind.value,
        "tax_code": one.tax_code,
        "pec": one.pec,
        "risk_class": one.risk_class,
        "income_class": one.income_class,
    }


def number_rows(debtor_id: int, one: NewCase) -> Iterable[dict[str, Any]]:
    """A debtor's numbers as the table has them."""
    known = {details.number: details for details in one.number_details}
    for position, number in enumerate(one.numbers):
        details = known.get(number) or NumberDetails(number)
        yield {
            "debtor_id": debtor_id,
            "number": number,
            "position": position,
            "kind": details.kind.value,
            "provenance": details.provenance.value,
            "verified_on": details.verified_on,
            "best_hours": ",".join(map(str, details.best_hours)),
            "note": details.note,
        }


def item_rows(debt_id: int, debt: Debt) -> Iterable[dict[str, Any]]:
    """The parts of a debt as the table has them."""
    for position, item in enumerate(debt.items):
        yield {
            "debt_id": debt_id,
            "position": position,
            "kind": item.kind.value,
            "amount_cents": item.amount.cents,
            "due_on": item.due_on,
            "description": item.description,
        }


def address_rows(debtor_id: int, homes: Iterable[Address]) -> Iterable[dict[str, Any]]:
    """Addresses as the table has them."""
    for position, address in enumerate(homes):
        yield {
            "debtor_id": debtor_id,
            "position": position,
            "kind": address.kind.value,
            "street": address.street,
            "postal_code": address.postal_code,
            "city": address.city,
            "province": address.province,
            "country": address.country,
        }


def guarantor_rows(case_id: int, people: Iterable[Guarantor]) -> Iterable[dict[str, Any]]:
    """Guarantors as the table has them."""
    for position, guarantor in enumerate(people):
        yield {
            "case_id": case_id,
            "position": position,
            "name": guarantor.name,
            "tax_code": guarantor.tax_code,
            "numbers": ",".join(guarantor.numbers),
            "note": guarantor.note,
        }
