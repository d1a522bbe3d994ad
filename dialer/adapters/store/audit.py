"""The record as the auditor reads it: attempts by debtor, with everything that a rule may look at beside them."""

import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, and_, case, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import attempts, debtors, decisions, ledger, numbers, outcomes
from dialer.audit.happened import MACHINE_OUTCOMES, read_line
from dialer.audit.instants import DAY, MINUTE, instant, micros
from dialer.audit.record import LOOK_BACK_DAYS, Decided, Page, Placed, Tally

PAGE_DEBTORS = 100
PAGE_DECISIONS = 2_000
MOST_IN_LIST = 5_000
"""Both databases bound the values of one statement (about 32,000)."""
QUARTER = 15 * MINUTE
_ATTEMPTS = (
    select(
        attempts,
        outcomes.c.code,
        outcomes.c.recorded_at,
        debtors.c.household,
        debtors.c.zone,
        debtors.c.place,
    )
    .join(debtors, attempts.c.debtor_id == debtors.c.id)
    .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
)


class SqlAuditRecord:
    """The port to the record. Each page holds `page_debtors` debtors and all whom they concern; every method raises
    AwayError.
    """

    def __init__(self, engine: AsyncEngine, page_debtors: int = PAGE_DEBTORS) -> None:
        self._engine = engine
        self._page_debtors = page_debtors

    async def pages(self, since: int | None, until: int, *, totals: bool) -> AsyncIterator[Page]:
        """The attempts that were cleared, or ended, from `since` on, by debtor, with all that concerns them."""
        wanted = _wanted(since, until)
        after = -1
        while True:
            async with reading(self._engine) as connection:
                chosen = select(attempts.c.debtor_id).where(wanted, attempts.c.debtor_id > after).distinct()
                ids = list(await connection.scalars(chosen.order_by(attempts.c.debtor_id).limit(self._page_debtors)))
                if not ids:
                    return
                page = await _page(connection, ids, wanted, since, until, totals=totals)
            yield page
            after = ids[-1]

    async def around(self, numbers_: Collection[str], since: int, until: int) -> Page:
        """All attempts between two instants, and every line about these numbers (digits alone) and their debtors."""
        page = Page()
        async with reading(self._engine) as connection:
            between = and_(attempts.c.cleared_at >= instant(since), attempts.c.cleared_at <= instant(until))
            _take(page, await connection.execute(_ATTEMPTS.where(between)))
            e164 = [f"+{digits}" for digits in numbers_]
            owners = select(numbers.c.debtor_id, numbers.c.number)
            rows = [row async for row in _in(connection, owners, numbers.c.number, e164)]
            for row in rows:
                page.owners.setdefault(row.number, set()).add(row.debtor_id)
            ids = {row.debtor_id for row in rows} | {placed.debtor for placed in page.attempts.values()}
            page.zones = {
                row.id: row.zone
                async for row in _in(connection, select(debtors.c.id, debtors.c.zone), debtors.c.id, ids)
            }
            await _lines(connection, page, ids, e164, (), None)
        return page

    async def decisions(self, since: int | None, until: int) -> AsyncIterator[Sequence[Decided]]:
        """Every decision from `since` on, oldest first."""
        order = (decisions.c.at, decisions.c.chain, decisions.c.position)
        after: tuple[datetime, str, int] | None = None
        while True:
            chosen = select(decisions).where(decisions.c.at <= instant(until)).order_by(*order).limit(PAGE_DECISIONS)
            if since is not None:
                chosen = chosen.where(decisions.c.at >= instant(since))
            if after is not None:
                at, chain, position = after
                later = (decisions.c.chain > chain) | ((decisions.c.chain == chain) & (decisions.c.position > position))
                chosen = chosen.where((decisions.c.at > at) | ((decisions.c.at == at) & later))
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen)).all()
            if not rows:
                return
            yield [_decided(row) for row in rows]
            after = rows[-1].at, rows[-1].chain, rows[-1].position

    async def first_decision(self) -> int | None:
        """When the first decision was made."""
        async with reading(self._engine) as connection:
            first = await connection.scalar(select(decisions.c.at).order_by(decisions.c.at).limit(1))
        return None if first is None else micros(first)

    async def known(self, ids: Collection[str]) -> set[str]:
        """Which of these attempts are on record."""
        async with reading(self._engine) as connection:
            return {row.id async for row in _in(connection, select(attempts.c.id), attempts.c.id, ids)}

    async def tallies(self, since: int | None, until: int, *, whole: bool) -> list[Tally]:
        """What the caps on abandoned calls compare, counted by the database: a quarter of an hour a row.

        A quarter, because the day begins at one in every zone.
        """
        begun = type_coerce(attempts.c.cleared_at, BigInteger) // QUARTER
        person = or_(outcomes.c.code.is_(None), outcomes.c.code.not_in(sorted(MACHINE_OUTCOMES)))
        bridged = attempts.c.bridged_at.is_not(None)
        abandoned = or_(
            attempts.c.result.in_(("abandoned", "withheld")), and_(attempts.c.abandoned_at.is_not(None), ~bridged)
        )
        unknown = and_(attempts.c.result == "unknown", attempts.c.answered_at.is_(None))
        chosen = (
            select(
                attempts.c.campaign,
                attempts.c.packs,
                debtors.c.zone,
                begun.label("quarter"),
                _sum(and_(attempts.c.answered_at.is_not(None), person), "answered"),
                _sum(and_(bridged, person), "live"),
                _sum(bridged, "connected"),
                _sum(abandoned, "abandoned"),
                _sum(unknown, "unknown"),
            )
            .join(debtors, attempts.c.debtor_id == debtors.c.id)
            .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
            .where(attempts.c.cleared_at <= instant(until))
            .group_by(attempts.c.campaign, attempts.c.packs, debtors.c.zone, begun)
        )
        if since is not None:
            active = select(attempts.c.campaign).where(attempts.c.cleared_at >= instant(since)).distinct()
            chosen = chosen.where(attempts.c.campaign.in_(active))
            if not whole:
                chosen = chosen.where(attempts.c.cleared_at >= instant(since - 32 * DAY))
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
        return [
            Tally(
                row.campaign, _names(row.packs), row.zone, int(row.quarter) * QUARTER, row.answered, row.live,
                row.connected, row.abandoned, row.unknown,
            )
            for row in rows
        ]  # fmt: skip


async def _page(
    connection: AsyncConnection,
    ids: list[int],
    wanted: ColumnElement[bool],
    since: int | None,
    until: int,
    *,
    totals: bool,
) -> Page:
    page = Page()
    mine = select(attempts.c.id, attempts.c.number).where(wanted)
    judged = [row async for row in _in(connection, mine, attempts.c.debtor_id, ids)]
    page.judged = {row.id for row in judged}
    called = sorted({row.number for row in judged})
    homes_of = select(debtors.c.household).where(debtors.c.household != "")
    homes = {row.household async for row in _in(connection, homes_of, debtors.c.id, ids)}
    # lines before attempts: what is written in between makes the ledger seem to count more, never less
    await _lines(connection, page, ids, called, homes, since)
    there = {id_: line for id_, line in page.lines.items() if id_ in page.judged}
    homes |= {line.household for line in there.values() if line.household}
    others = set(ids)
    if homes:
        others |= {row.id async for row in _in(connection, select(debtors.c.id), debtors.c.household, sorted(homes))}
        others |= {line.debtor for line in page.lines.values() if line.debtor is not None}
        await _lines(connection, page, (), (), homes, since)
    recent = _ATTEMPTS.where(attempts.c.cleared_at <= instant(until))
    if since is not None:
        recent = recent.where(attempts.c.cleared_at >= instant(since - LOOK_BACK_DAYS * DAY))
    for column, values in ((attempts.c.debtor_id, sorted(others)), (attempts.c.number, called)):
        _take(page, [row async for row in _in(connection, recent, column, values)])
    page.judged &= page.attempts.keys()
    told = select(decisions)
    async for row in _in(connection, told, decisions.c.attempt_id, sorted(page.judged)):
        page.decisions.setdefault(row.attempt_id, []).append(_decided(row))
    if totals and since is not None:
        cases = {page.attempts[id_].case for id_ in page.judged}
        earlier = (
            select(attempts.c.case_id, func.count().label("n"))
            .where(
                attempts.c.cleared_at < instant(since - LOOK_BACK_DAYS * DAY),
                or_(attempts.c.result.is_(None), attempts.c.result != "trunk_failure"),
            )
            .group_by(attempts.c.case_id)
        )
        page.before = {row.case_id: row.n async for row in _in(connection, earlier, attempts.c.case_id, sorted(cases))}
    return page


async def _lines(
    connection: AsyncConnection,
    page: Page,
    debtors_: Iterable[int],
    numbers_: Iterable[str],
    homes: Iterable[str],
    since: int | None,
) -> None:
    chosen = select(ledger.c.id, ledger.c.line, ledger.c.written_at)
    if since is not None:  # what had left every window before the first attempt to be judged
        chosen = chosen.where(or_(ledger.c.counts_until.is_(None), ledger.c.counts_until > instant(since)))
    for column, values in (
        (ledger.c.debtor_id, debtors_),
        (ledger.c.number, numbers_),
        (ledger.c.household, homes),
    ):
        async for row in _in(connection, chosen, column, values):
            if row.id in page.lines:
                continue
            try:
                page.lines[row.id] = read_line(row.line, micros(row.written_at))
            except ValueError:
                page.unreadable += 1


def _wanted(since: int | None, until: int) -> ColumnElement[bool]:
    cleared = attempts.c.cleared_at <= instant(until)
    if since is None:
        return cleared
    begin = instant(since)
    still = attempts.c.ended_at.is_(None)
    return and_(cleared, or_(attempts.c.cleared_at >= begin, attempts.c.ended_at >= begin, still))


def _take(page: Page, rows: Iterable[Row[Any]]) -> None:
    for row in rows:
        if row.id not in page.attempts:
            page.attempts[row.id] = _placed(row)


def _placed(row: Row[Any]) -> Placed:
    return Placed(
        row.id,
        row.campaign,
        row.case_id,
        row.debtor_id,
        row.number,
        _names(row.packs),
        row.mode,
        tuple(int(debt) for debt in _names(row.debts)),
        micros(row.cleared_at),
        dialled_at=_at(row.dialled_at),
        gives_up_at=_at(row.gives_up_at),
        rang_at=_at(row.rang_at),
        answered_at=_at(row.answered_at),
        bridged_at=_at(row.bridged_at),
        abandoned_at=_at(row.abandoned_at),
        ended_at=_at(row.ended_at),
        cause=row.cause,
        sip=row.sip,
        result=row.result,
        outcome=row.code,
        outcome_at=_at(row.recorded_at),
        household=row.household,
        zone=row.zone,
        place=row.place,
    )


def _at(at: datetime | None) -> int | None:
    return None if at is None else micros(at)


def _decided(row: Row[Any]) -> Decided:
    try:
        content = json.loads(row.content)
    except ValueError:
        content = {}
    return Decided(
        row.chain,
        row.position,
        content if isinstance(content, dict) else {},
        (row.decision, row.attempt_id, row.case_id, micros(row.at)),
        json.loads(row.subject) if row.subject else None,
    )


async def _in(
    connection: AsyncConnection, chosen: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> AsyncIterator[Row[Any]]:
    """The rows whose column is one of the values, however many there are."""
    wanted = list(values)
    for start in range(0, len(wanted), MOST_IN_LIST):
        rows = await connection.execute(chosen.where(column.in_(wanted[start : start + MOST_IN_LIST])))
        for row in rows:
            yield row


def _sum(condition: ColumnElement[bool], name: str) -> Any:
    return func.sum(case((condition, 1), else_=0)).label(name)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)
