"""What a file says anew of debtors who are known: addresses, guarantors, mandate and note.

A cell that is blank erases nothing, and nothing is removed: what the file says comes first, or is added. Rows that only
join what the same file said before of their debtor fill what is empty and add, so that the same file again changes nothing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from dialer.adapters.store import intake
from dialer.adapters.store.schema import addresses, cases, debts, guarantors
from dialer.cases.debtor import Address, AddressKind, Guarantor
from dialer.cases.model import NewCase
from dialer.kernel.phone import PhoneNumber

Key = tuple[str, str]
"""A creditor's name and its reference."""


def complete(
    connection: Connection, new: Sequence[NewCase], known: Mapping[Key, Row[Any]], joining: Collection[Key]
) -> set[Key]:
    """Debtors that were known, with all their debts on record by now; of whom something changed. joining: those of whom
    an earlier part of the same file spoke.
    """
    told = [(known[key], one) for one in new if (key := (one.creditor, one.debtor_reference)) in known]
    if not told:
        return set()
    changed = _addresses(connection, told, joining)
    return changed | _cases(connection, told, joining)


def _addresses(connection: Connection, told: Sequence[tuple[Row[Any], NewCase]], joining: Collection[Key]) -> set[Key]:
    chosen = select(addresses).where(addresses.c.debtor_id.in_([row.id for row, one in told if one.addresses]))
    have: dict[int, list[Address]] = {}
    for line in connection.execute(chosen.order_by(addresses.c.position)):
        have.setdefault(line.debtor_id, []).append(
            Address(line.street, line.postal_code, line.city, line.province, line.country, AddressKind(line.kind))
        )
    changed: dict[int, NewCase] = {}
    for row, one in told:
        before = have.get(row.id, [])
        first = before if (one.creditor, one.debtor_reference) in joining else one.addresses[:1]
        after = list(dict.fromkeys((*first, *before, *one.addresses)))
        if after != before:
            have[row.id], changed[row.id] = after, one
    if changed:
        connection.execute(delete(addresses).where(addresses.c.debtor_id.in_(changed)))
        connection.execute(insert(addresses), [line for id_ in changed for line in intake.address_rows(id_, have[id_])])
    return _keys(changed.values())


def _cases(connection: Connection, told: Sequence[tuple[Row[Any], NewCase]], joining: Collection[Key]) -> set[Key]:
    """Mandate, note and guarantors of the cases in which the debts of the file stand."""
    asked = [(row, one) for row, one in told if one.mandate or one.note or one.guarantors]
    chosen = (
        select(debts.c.creditor, debts.c.reference, cases.c.id, cases.c.debtor_id, cases.c.mandate, cases.c.note)
        .join(cases)
        .where(
            debts.c.creditor.in_({one.creditor for _, one in asked}),
            debts.c.reference.in_([debt.reference for _, one in asked for debt in one.debts]),
        )
    )
    of_debt = {(line.creditor, line.reference): line for line in connection.execute(chosen)}
    terms = {line.id: (line.mandate, line.note) for line in of_debt.values()}
    beside = _guarantors_of(connection, list(terms))
    changed: dict[int, NewCase] = {}
    renewed: set[int] = set()
    for row, one in asked:
        lines = [of_debt[one.creditor, debt.reference] for debt in one.debts]
        joins = (one.creditor, one.debtor_reference) in joining
        for id_ in {line.id for line in lines if line.debtor_id == row.id}:
            mandate, note = terms[id_]
            after = (mandate or one.mandate if joins else one.mandate or mandate, _noted(note, one.note))
            people = _joined(beside.get(id_, []), one.guarantors, joins=joins)
            if people != beside.get(id_, []):
                beside[id_], changed[id_] = people, one
                renewed.add(id_)
            if after != terms[id_]:
                terms[id_], changed[id_] = after, one
    if changed:
        rows = [{"case": id_, "new_mandate": terms[id_][0], "new_note": terms[id_][1]} for id_ in changed]
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("mandate", "note")}
        connection.execute(update(cases).where(cases.c.id == bindparam("case")).values(values), rows)
    if renewed:
        connection.execute(delete(guarantors).where(guarantors.c.case_id.in_(renewed)))
        connection.execute(
            insert(guarantors), [line for id_ in renewed for line in intake.guarantor_rows(id_, beside[id_])]
        )
    return _keys(changed.values())


def _guarantors_of(connection: Connection, case_ids: Sequence[int]) -> dict[int, list[Guarantor]]:
    chosen = select(guarantors).where(guarantors.c.case_id.in_(case_ids)).order_by(guarantors.c.position)
    found: dict[int, list[Guarantor]] = {}
    for line in connection.execute(chosen):
        called = tuple(map(PhoneNumber, filter(None, line.numbers.split(","))))
        found.setdefault(line.case_id, []).append(Guarantor(line.name, line.tax_code, called, line.note))
    return found


def _joined(before: Sequence[Guarantor], more: Iterable[Guarantor], *, joins: bool) -> list[Guarantor]:
    """A guarantor is known by the name, and by the tax code where both have one."""
    people = list(before)
    for one in more:
        for index, known in enumerate(people):
            if known.name == one.name and (not known.tax_code or not one.tax_code or known.tax_code == one.tax_code):
                first, second = (known, one) if joins else (one, known)
                people[index] = replace(
                    first,
                    tax_code=first.tax_code or second.tax_code,
                    numbers=first.numbers or second.numbers,
                    note=first.note or second.note,
                )
                break
        else:
            people.append(one)
    return people


def _noted(before: str, more: str) -> str:
    """The note with the lines that it doesn't have yet."""
    lines = before.splitlines()
    return "\n".join([*lines, *(line for line in more.splitlines() if line not in lines)])


def _keys(found: Iterable[NewCase]) -> set[Key]:
    return {(one.creditor, one.debtor_reference) for one in found}
