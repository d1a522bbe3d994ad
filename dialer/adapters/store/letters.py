"""Letters on record, and what follows from their dates for cases and limitation dates."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import standing_about
from dialer.adapters.store.promises import promises_of
from dialer.adapters.store.reports import left
from dialer.adapters.store.schema import (
    attempts,
    cases,
    debtors,
    debts,
    inbound_calls,
    letters,
    numbers,
    outcomes,
    payments,
    promises,
    written_facts,
)
from dialer.cases.debtor import Address, AddressKind
from dialer.cases.letter import Due, Letter, LetterContent, LetterDates, LetterKind, Then, Unpaid, parse_letter_id
from dialer.cases.limitation import WrittenFactKind
from dialer.cases.model import AGREED, CaseState
from dialer.cases.promises import Kept
from dialer.kernel.money import Money
from dialer.outcomes.lettering import letter_words, what_follows

MOST_HANDED_OVER = 50
"""In one transaction: the engine's own writes wait for it."""
_DATES = ("sent_on", "received_on", "returned_on", "cancelled_on", "tracking")
_COUNTED = (
    select(func.count()).where(letters.c.case_id == cases.c.id, letters.c.cancelled_on.is_(None)).scalar_subquery()
)
_LAST = select(func.coalesce(func.max(letters.c.number), 0)).where(letters.c.case_id == cases.c.id).scalar_subquery()
# while a case is called, its end plans what comes next; an agreed call-back stays what it is
_WAITS = and_(cases.c.state == CaseState.OPEN.value, cases.c.due_at.is_not(None), ~cases.c.why.startswith(AGREED))
_FACT = upsert(written_facts).on_conflict_do_nothing()


class SqlLetters:
    """The port. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def due(self, now: datetime, campaign: str | None, chosen: Sequence[int], most: int) -> list[Due]:
        """Up to `most` cases for which a letter is due, the longest due first; chosen: only of these cases, if any."""
        query = (
            select(
                cases.c.id, cases.c.campaign, cases.c.creditor, cases.c.why, debtors.c.zone,
                _COUNTED.label("letters"), _LAST.label("last"),
            )
            .join(debtors)
            .where(cases.c.state == CaseState.LETTER.value, cases.c.due_at <= now)
            .order_by(cases.c.due_at, cases.c.id)
            .limit(most)
        )  # fmt: skip
        if campaign is not None:
            query = query.where(cases.c.campaign == campaign)
        if chosen:
            query = query.where(cases.c.id.in_(chosen))
        async with reading(self._engine) as connection:
            return [
                Due(row.id, row.campaign, row.creditor, row.zone, row.why, row.letters, row.last + 1)
                for row in await connection.execute(query)
            ]

    async def keep(self, new: Sequence[Letter]) -> list[Letter]:
        """Put letters on record; those of cases that wait for one no more are left out of what is returned."""
        with telling_away():
            async with self._engine.begin() as connection:
                return [letter for letter in new if await connection.run_sync(_keep, letter)]

    async def find(self, batch: str | None, letter: str | None, state: str | None, most: int) -> list[Letter]:
        """Up to `most` letters of a batch, of an id, in a state: the newest first."""
        query = select(letters).order_by(letters.c.written_at.desc(), letters.c.case_id, letters.c.number).limit(most)
        if batch is not None:
            query = query.where(letters.c.batch == batch)
        if letter is not None:
            try:
                query = query.where(_is(letter))
            except LookupError:
                return []
        if state is not None:
            query = query.where(_STATES[state])
        async with reading(self._engine) as connection:
            return [letter_of(row) for row in await connection.execute(query)]

    async def tell(self, letter: str, told: LetterDates, by: str, now: datetime) -> tuple[Letter, bool]:
        """Put on record what became of a letter, with what follows for case and limitation dates."""
        here = _is(letter)
        with telling_away():
            async with self._engine.begin() as connection:
                # written before it is read: so SQLite holds it, too, and what somebody else tells now waits
                same = update(letters).where(here).values(told_by=letters.c.told_by)
                if (await connection.execute(same)).rowcount == 0:
                    raise LookupError(letter)
                known = letter_of((await connection.execute(select(letters).where(here))).one())
                dates = told.over(known.dates)
                dates.check(known.written_on, now.date())
                if dates == known.dates:
                    return known, False
                after = replace(known, dates=dates)
                values = {name: getattr(dates, name) for name in _DATES}
                await connection.execute(update(letters).where(here).values(**values, told_by=by, told_at=now))
                await connection.run_sync(_follow, after, by, now)
                return after, True

    async def unpaid(
        self, before: datetime, campaigns: Sequence[str], after: int, most: int
    ) -> tuple[list[Unpaid], int | None]:
        """Of up to `most` cases with a higher id the open ones whose debtor was last spoken with before, or was called and
        not reached, and nothing was paid or written since; and the last id looked at, None where no case is left.
        """
        # by their ids alone, and judged beside: an index on the state would be sorted anew for each page
        waits = and_(_WAITS, cases.c.campaign.in_(campaigns)).label("waits")
        query = (
            select(cases.c.id, cases.c.campaign, cases.c.creditor, debtors.c.zone, _COUNTED.label("letters"), waits)
            .join(debtors)
            .where(cases.c.id > after)
            .order_by(cases.c.id)
            .limit(most)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(query)).all()
            waiting = [row.id for row in rows if row.waits]
            spoken = await _spoken(connection, waiting, before)
            tries = await _unreached(connection, [id_ for id_ in waiting if id_ not in spoken])
            over = await _over_on(connection, list(spoken))
        found = [
            Unpaid(
                row.id,
                row.campaign,
                row.creditor,
                row.zone,
                spoken.get(row.id),
                over.get(row.id),
                tries.get(row.id, 0),
                row.letters,
            )
            for row in rows
            if row.id in spoken or row.id in tries
        ]
        return found, rows[-1].id if len(rows) == most else None

    async def hand_over(self, due: Mapping[int, str], now: datetime) -> int:
        """A letter is due for these cases, each with its reason: how many of them still waited to be called, and had no
        flag about their debtor.
        """
        handed, whys = 0, list(due.items())
        for start in range(0, len(whys), MOST_HANDED_OVER):
            with telling_away():
                async with self._engine.begin() as connection:
                    for case_id, why in whys[start : start + MOST_HANDED_OVER]:
                        handed += await _hand_over(connection, case_id, why, now)
        return handed


def letter_of(row: Any) -> Letter:
    """The letter of a row."""
    content = json.loads(row.content)
    address = content.pop("address")
    if address is not None:
        address = Address(**{**address, "kind": AddressKind(address["kind"])})
    return Letter(
        row.case_id,
        row.number,
        LetterKind(row.kind),
        row.template,
        row.version,
        row.batch,
        row.written_at,
        row.written_on,
        row.written_by,
        tuple(int(debt) for debt in row.debts.split(",") if debt),
        Money(row.total_cents, row.currency),
        row.wait_days,
        Then(row.next),
        LetterContent(**{**content, "sender": tuple(content["sender"])}, address=address),
        LetterDates(*(getattr(row, name) for name in _DATES)),
    )


_STATES: dict[str, ColumnElement[bool]] = {
    "written": and_(*(letters.c[name].is_(None) for name in _DATES[:4])),
    "sent": and_(letters.c.sent_on.is_not(None), letters.c.received_on.is_(None), letters.c.returned_on.is_(None)),
    "received": letters.c.received_on.is_not(None),
    "returned": letters.c.returned_on.is_not(None),
    "cancelled": letters.c.cancelled_on.is_not(None),
}


def _is(letter: str) -> ColumnElement[bool]:
    case_id, number = parse_letter_id(letter)
    return and_(letters.c.case_id == case_id, letters.c.number == number)


def _keep(connection: Connection, letter: Letter) -> bool:
    claim = update(cases).where(
        cases.c.id == letter.case_id, cases.c.state == CaseState.LETTER.value, cases.c.due_at <= letter.written_at
    )
    words = f"{letter_words(letter)} was written on {letter.written_on}: it waits to be sent"
    if connection.execute(claim.values(due_at=None, why=words)).rowcount == 0:
        return False
    row = {
        "case_id": letter.case_id,
        "number": letter.number,
        "kind": letter.kind.value,
        **{name: getattr(letter, name) for name in _SAME},
        "debts": ",".join(map(str, letter.debts)),
        "total_cents": letter.total.cents,
        "currency": letter.total.currency,
        "next": letter.then.value,
        "content": json.dumps(asdict(letter.content), ensure_ascii=False),
        **{name: getattr(letter.dates, name) for name in _DATES},
    }
    connection.execute(insert(letters), [row])
    return True


_SAME = ("template", "version", "batch", "written_at", "written_on", "written_by", "wait_days")


def _follow(connection: Connection, letter: Letter, by: str, now: datetime) -> None:
    """The case goes on as long as it is about this letter; a demand that was received is a written fact."""
    here = cases.c.id == letter.case_id
    zone = select(debtors.c.zone).join(cases, cases.c.debtor_id == debtors.c.id).where(here)
    action = what_follows(letter, connection.scalar(zone) or "", now)
    if action is not None:
        still = cases.c.why.startswith(letter_words(letter), autoescape=True)
        values = {"state": action.state.value, "due_at": action.due_at, "why": action.why}
        connection.execute(update(cases).where(here, still).values(**values))
    connection.execute(delete(written_facts).where(written_facts.c.letter == letter.id))
    if letter.kind.formal and letter.dates.received_on is not None:
        evidence = f"{letter.kind} {letter.dates.tracking or ''}".strip() + f", letter {letter.id}"
        rows = [
            {
                "debt_id": debt,
                "kind": WrittenFactKind.NOTICE_RECEIVED.value,
                "happened_on": letter.dates.received_on,
                "evidence": evidence,
                "recorded_by": by,
                "recorded_at": now,
                "letter": letter.id,
            }
            for debt in letter.debts
        ]
        connection.execute(_FACT, rows)


async def _hand_over(connection: AsyncConnection, case_id: int, why: str, now: datetime) -> bool:
    here = cases.c.id == case_id
    debtor = await connection.scalar(select(cases.c.debtor_id).where(here, _WAITS).with_for_update())
    if debtor is None or await _flagged(connection, debtor, now):
        return False
    values = {"state": CaseState.LETTER.value, "due_at": now, "why": why, "wanted_by": None}
    # SQLite begins its transaction here: the case may have been called since it was read
    return (await connection.execute(update(cases).where(here, _WAITS).values(**values))).rowcount == 1


async def _spoken(connection: AsyncConnection, ids: Sequence[int], before: datetime) -> dict[int, datetime]:
    """When the debtor of each case was last spoken with, where that was before, nothing came since, and no promise is
    open.
    """
    talks = union_all(_talks(attempts, ids), _talks(inbound_calls, ids)).subquery()
    last = func.max(talks.c.ended_at).label("at")
    old = select(talks.c.case_id, last).group_by(talks.c.case_id).having(last <= before)
    found = {row.case_id: row.at for row in await connection.execute(old)}
    written = (
        select(letters.c.case_id, func.max(letters.c.written_at).label("at"))
        .where(letters.c.case_id.in_(found), letters.c.cancelled_on.is_(None))
        .group_by(letters.c.case_id)
    )
    gone = {row.case_id for row in await connection.execute(written) if row.at >= found[row.case_id]}
    gone |= await _paid_or_promised(connection, found)
    return {case_id: at for case_id, at in found.items() if case_id not in gone}


async def _unreached(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, int]:
    """How many calls each case had since its last letter, where no conversation came of them, nothing was paid since the
    first of them, and no promise is open. A call that was bridged, and of which nobody has said yet what it was, may have
    reached the debtor.
    """
    called = (
        select(attempts.c.case_id, func.count().label("tries"), func.min(attempts.c.cleared_at).label("at"))
        .outerjoin(outcomes, outcomes.c.attempt_id == attempts.c.id)
        .where(attempts.c.case_id.in_(ids), attempts.c.ended_at.is_not(None), left)
        .where(or_(attempts.c.bridged_at.is_(None), outcomes.c.attempt_id.is_not(None)))
        .where(_since_last_letter(attempts, attempts.c.cleared_at))
        .group_by(attempts.c.case_id)
        .having(func.count(case((outcomes.c.right_party, 1))) == 0)
    )
    rows = {row.case_id: row for row in await connection.execute(called)}
    came_in = _talks(inbound_calls, list(rows)).where(_since_last_letter(inbound_calls, inbound_calls.c.ended_at))
    for row in await connection.execute(came_in):
        rows.pop(row.case_id, None)
    gone = await _paid_or_promised(connection, {case_id: row.at for case_id, row in rows.items()})
    return {case_id: row.tries for case_id, row in rows.items() if case_id not in gone}


def _talks(calls: Table, ids: Sequence[int]) -> Select[Any]:
    """The conversations with the debtors of these cases, with their ends."""
    return (
        select(calls.c.case_id, calls.c.ended_at)
        .join(outcomes, outcomes.c.attempt_id == calls.c.id)
        .where(outcomes.c.right_party, calls.c.case_id.in_(ids), calls.c.ended_at.is_not(None))
    )


def _since_last_letter(calls: Table, at: ColumnElement[Any]) -> ColumnElement[bool]:
    last = (
        select(func.max(letters.c.written_at))
        .where(letters.c.case_id == calls.c.case_id, letters.c.cancelled_on.is_(None))
        .scalar_subquery()
    )
    return or_(last.is_(None), at > last)


async def _paid_or_promised(connection: AsyncConnection, since: Mapping[int, datetime]) -> set[int]:
    """The cases in which something was paid since then, or a promise is open."""
    paid = (
        select(debts.c.case_id, func.max(payments.c.paid_on).label("on"))
        .join(payments, payments.c.debt_id == debts.c.id)
        .where(debts.c.case_id.in_(since), payments.c.amount_cents > 0)
        .group_by(debts.c.case_id)
    )
    awaited = select(promises.c.case_id).where(promises.c.case_id.in_(since), promises.c.kept == Kept.OPEN.value)
    gone = set(await connection.scalars(awaited))
    return gone | {row.case_id for row in await connection.execute(paid) if row.on >= _day_before(since[row.case_id])}


def _day_before(at: datetime) -> date:
    """The earliest day that it may have been where the debtor is."""
    return (at - timedelta(hours=12)).date()


async def _over_on(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, date]:
    """The first day after the last one by which a payment was promised."""
    found: dict[int, date] = {}
    for promise in await promises_of(connection, ids):
        over_on = promise.over_on(promise.instalments[-1])
        found[promise.case_id] = max(over_on, found.get(promise.case_id, over_on))
    return found


async def _flagged(connection: AsyncConnection, debtor_id: int, now: datetime) -> bool:
    called = (await connection.scalars(select(numbers.c.number).where(numbers.c.debtor_id == debtor_id))).all()
    return any(flag.number is None for flag in await standing_about(connection, debtor_id, called, now))
