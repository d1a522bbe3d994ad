"""An import's way into the record: what is new comes in, what is known is completed or corrected, and what is the same
changes nothing.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store import intake
from dialer.adapters.store.away import telling_away
from dialer.adapters.store.completing import Key, complete
from dialer.adapters.store.ranking import rank
from dialer.adapters.store.schema import cases, debt_items, debtors, debts, numbers, payments
from dialer.cases.book import Added
from dialer.cases.debt import Debt
from dialer.cases.debtor import NumberKind
from dialer.cases.model import NewCase, merged_facts

_DEBTOR_FIELDS = ("tax_code", "pec", "risk_class", "income_class", "household", "place")
_DEBT_FIELDS = ("amount_cents", "currency", "due_on", "limitation_on", "limitation_years")


class SqlImport:
    """Takes in batches of cases, a transaction each. Raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def take_in(
        self,
        campaign: str,
        new: Sequence[NewCase],
        now: datetime,
        joining: Collection[Key] = (),
        *,
        dry_run: bool = False,
    ) -> Added:
        """One batch. joining: debtors of whom an earlier batch of the same file spoke. dry_run: everything is done and
        taken back, so that the counts are what would come of it.

        A debt is known by (creditor, reference). Its amount and days become the file's, unless a payment of it is on
        record: then the sum is ours to reckon, and stays.
        """
        with telling_away():
            async with self._engine.connect() as connection:
                added = await connection.run_sync(_take_in, campaign, new, now, joining)
                if dry_run:
                    await connection.rollback()
                else:
                    await connection.commit()
        return added


def _take_in(
    connection: Connection, campaign: str, new: Sequence[NewCase], now: datetime, joining: Collection[Key]
) -> Added:
    known_debts = _known_debts(connection, new)
    debtor_rows = _known_debtors(connection, new)
    fresh = {_key(one) for one in new if any((one.creditor, debt.reference) not in known_debts for debt in one.debts)}
    # a debt that is known under another key of its debtor stays where it is
    known = [one for one in new if _key(one) not in fresh and _key(one) in debtor_rows]
    changed = _complete_debtors(connection, known, debtor_rows)
    changed |= _merge_facts(connection, known, known_debts)
    changed |= _correct_debts(connection, new, known_debts, now) - fresh
    added = intake.add(connection, campaign, new, now)
    changed |= complete(connection, new, debtor_rows, joining) - fresh
    return Added(added.new, len(new) - added.new - len(changed), len(changed))


def _key(one: NewCase) -> Key:
    return one.creditor, one.debtor_reference


def _known_debts(connection: Connection, new: Sequence[NewCase]) -> dict[Key, Row[Any]]:
    chosen = select(debts).where(
        debts.c.creditor.in_({one.creditor for one in new}),
        debts.c.reference.in_([debt.reference for one in new for debt in one.debts]),
    )
    return {(row.creditor, row.reference): row for row in connection.execute(chosen)}


def _known_debtors(connection: Connection, new: Sequence[NewCase]) -> dict[Key, Row[Any]]:
    chosen = select(debtors).where(
        debtors.c.creditor.in_({one.creditor for one in new}),
        debtors.c.reference.in_([one.debtor_reference for one in new]),
    )
    return {(row.creditor, row.reference): row for row in connection.execute(chosen)}


def _complete_debtors(connection: Connection, known: Sequence[NewCase], rows: dict[Key, Row[Any]]) -> set[Key]:
    """Another name becomes the file's; what was empty is filled, and a zone that was guessed; new numbers come behind
    those that are there.
    """
    changed: set[Key] = set()
    updates = []
    for one in known:
        row = rows[_key(one)]
        named_now = bool(one.zone) and (row.zone_guessed or not row.zone)
        values = {name: getattr(row, name) or getattr(one, name) for name in _DEBTOR_FIELDS} | {
            "name": one.debtor_name,
            "zone": one.zone if named_now else row.zone,
            "zone_guessed": row.zone_guessed and not named_now,
        }
        if any(getattr(row, name) != value for name, value in values.items()):
            updates.append({f"new_{name}": value for name, value in values.items()} | {"debtor": row.id})
            changed.add(_key(one))
    if updates:
        statement = update(debtors).where(debtors.c.id == bindparam("debtor"))
        connection.execute(
            statement.values(
                {name: bindparam(f"new_{name}") for name in (*_DEBTOR_FIELDS, "name", "zone", "zone_guessed")}
            ),
            updates,
        )
    return changed | _add_numbers(connection, [(rows[_key(one)].id, one) for one in known])


def _add_numbers(connection: Connection, known: Sequence[tuple[int, NewCase]]) -> set[Key]:
    have: dict[int, dict[str, str]] = {}
    chosen = select(numbers.c.debtor_id, numbers.c.number, numbers.c.kind).where(
        numbers.c.debtor_id.in_([id_ for id_, _ in known])
    )
    for row in connection.execute(chosen):
        have.setdefault(row.debtor_id, {})[row.number] = row.kind
    unknown = NumberKind.UNKNOWN.value
    more = [
        (id_, one, row)
        for id_, one in known
        for row in intake.number_rows(id_, one)
        if (kind := have.get(id_, {}).get(row["number"])) is None or (kind == unknown != row["kind"])
    ]
    if more:
        rows = [row | {"position": len(have.get(id_, ())) + row["position"]} for id_, _, row in more]
        connection.execute(intake.NUMBER, rows)  # the place of one that is known stays
        intake.guess_zones(connection, {id_ for id_, _, _ in more})
    return {_key(one) for _, one, _ in more}


def _merge_facts(connection: Connection, known: Sequence[NewCase], rows: dict[Key, Row[Any]]) -> set[Key]:
    """What packs may require of a case, where its debts stand."""
    told = [(rows[one.creditor, debt.reference].case_id, one) for one in known if one.facts for debt in one.debts]
    chosen = select(cases.c.id, cases.c.facts).where(cases.c.id.in_({id_ for id_, _ in told}))
    facts = {row.id: intake.facts_of(row.facts) for row in connection.execute(chosen)}
    changed: dict[int, NewCase] = {}
    for id_, one in told:
        merged = merged_facts(facts[id_], one.facts)
        if one.facts != facts[id_] != merged:
            facts[id_] = merged
            changed[id_] = one
    for id_ in changed:
        connection.execute(
            update(cases).where(cases.c.id == id_).values(facts=json.dumps(dict(facts[id_]), default=str))
        )
    return {_key(one) for one in changed.values()}


def _correct_debts(
    connection: Connection, new: Sequence[NewCase], known: dict[Key, Row[Any]], now: datetime
) -> set[Key]:
    differing = [
        (row, one, debt)
        for one in new
        for debt in one.debts
        if (row := known.get((one.creditor, debt.reference)))
        and any(getattr(row, name) != value for name, value in _values(row, debt).items())
    ]
    if not differing:
        return set()
    paid = set(
        connection.scalars(
            select(payments.c.debt_id).where(payments.c.debt_id.in_([row.id for row, _, _ in differing]))
        )
    )
    differing = [found for found in differing if found[0].id not in paid]
    if differing:
        statement = update(debts).where(debts.c.id == bindparam("debt"))
        connection.execute(
            statement.values({name: bindparam(f"new_{name}") for name in _DEBT_FIELDS}),
            [
                {f"new_{name}": value for name, value in _values(row, debt).items()} | {"debt": row.id}
                for row, _, debt in differing
            ],
        )
        rank(connection, {row.case_id for row, _, _ in differing}, now)
        connection.execute(delete(debt_items).where(debt_items.c.debt_id.in_([row.id for row, _, _ in differing])))
        items = [item for row, _, debt in differing for item in intake.item_rows(row.id, debt)]
        if items:
            connection.execute(insert(debt_items), items)
    return {_key(one) for _, one, _ in differing}


def _values(row: Row[Any], debt: Debt) -> dict[str, Any]:
    """The debt as the file has it; a day that the file doesn't say is the one on record."""
    return {
        "amount_cents": debt.amount.cents,
        "currency": debt.amount.currency,
        "due_on": debt.due_on or row.due_on,
        "limitation_on": debt.limitation_on or row.limitation_on,
        "limitation_years": debt.limitation_years or row.limitation_years,
    }
