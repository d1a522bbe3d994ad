"""The record as the auditor reads it: attempts by debtor, with everything that a rule may look at beside them."""

import json
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, Select, and_, case, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import (
    attempts,
    debtors,
    decisions,
    flag_changes,
    ledger,
    numbers,
    outcomes,
    outside_calls,
)
from dialer.audit.happened import MACHINE_ENDS, MACHINE_OUTCOMES, SAID, Flag, FlagWord, read_line, spans
from dialer.audit.instants import DAY, MINUTE, instant, micros
from dialer.audit.record import LOOK_BACK_DAYS, Decided, Page, Placed, PlacedOutside, Tally

PAGE_DEBTORS = 100
PAGE_DECISIONS = 2_000
MOST_IN_LIST = 5_000
"""Both databases bound the values of one statement (about 32,000)."""
QUARTER = 15 * MINUTE
_TIMES = (
    "cleared_at", "dialled_at", "gives_up_at", "rang_at", "answered_at", "bridged_at", "abandoned_at", "ended_at",
)  # fmt: skip
_PLAIN = (
    "id", "campaign", "case_id", "debtor_id", "number", "packs", "mode", "debts", "cause", "sip", "result",
)  # fmt: skip


def _raw(column: ColumnElement[datetime]) -> ColumnElement[int]:
    """An instant as the number that is stored: a page holds tens of thousands of them."""
    return type_coerce(column, BigInteger)


_ATTEMPTS = (
    select(
        *(attempts.c[name] for name in _PLAIN),
        *(_raw(attempts.c[name]).label(name) for name in _TIMES),
        outcomes.c.code,
        outcomes.c.counts_as,
        _raw(outcomes.c.recorded_at).label("recorded_at"),
        debtors.c.household,
        debtors.c.zone,
        debtors.c.place,
    )
    .join(debtors, attempts.c.debtor_id == debtors.c.id)
    .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
)
_WORDS = select(
    *(flag_changes.c[name] for name in ("line_id", "revision", "name", "debtor_id", "number", "debt_id")),
    *(_raw(flag_changes.c[name]).label(name) for name in ("recorded_at", "until")),
)
_DECISIONS = select(
    decisions.c.chain,
    decisions.c.position,
    decisions.c.content,
    decisions.c.subject,
    decisions.c.decision,
    decisions.c.attempt_id,
    decisions.c.case_id,
    decisions.c.at,
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
        chosen = select(attempts.c.debtor_id).distinct().order_by(attempts.c.debtor_id)
        async with reading(self._engine) as connection:
            # all of them at once: asked page by page, the database would look for each page anew
            ids = list(await connection.scalars(chosen if since is None else chosen.where(_since(since))))
        for start in range(0, len(ids), self._page_debtors):
            async with reading(self._engine) as connection:
                page = await _page(connection, ids[start : start + self._page_debtors], since, until, totals=totals)
            yield page

    async def around(self, numbers_: Collection[str], since: int, until: int) -> Page:
        """All attempts and calls outside between two instants, and every line about these numbers (digits alone) and their debtors."""
        page = Page()
        async with reading(self._engine) as connection:
            between = and_(attempts.c.cleared_at >= instant(since), attempts.c.cleared_at <= instant(until))
            _take(page, await connection.execute(_ATTEMPTS.where(between)))
            e164 = [f"+{digits}" for digits in numbers_]
            began = _raw(outside_calls.c.asked_at)
            parties = select(outside_calls.c.leg, outside_calls.c.number, began.label("at")).where(
                outside_calls.c.number.is_not(None), began >= since, began <= until
            )
            page.outside = [PlacedOutside(row.leg, row.number, row.at) for row in await connection.execute(parties)]
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
        """Every decision from `since` on, chain by chain."""
        starts = select(decisions.c.chain, func.min(decisions.c.position).label("first")).group_by(decisions.c.chain)
        if since is not None:
            starts = starts.where(decisions.c.at >= instant(since))
        async with reading(self._engine) as connection:
            chains = [(row.chain, row.first - 1) for row in await connection.execute(starts)]
        for chain, after in chains:
            async for page in self._chain(chain, after):
                wanted = [one for one in page if (since or 0) <= one.columns[3] <= until]
                if wanted:
                    yield wanted

    async def _chain(self, chain: str, after: int) -> AsyncIterator[list[Decided]]:
        while True:
            chosen = _DECISIONS.where(decisions.c.chain == chain, decisions.c.position > after)
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen.order_by(decisions.c.position).limit(PAGE_DECISIONS))).all()
            if not rows:
                return
            yield [_decided(row) for row in rows]
            after = rows[-1].position

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
        begun = _raw(attempts.c.cleared_at) // QUARTER
        own = and_(outcomes.c.code.not_in(sorted(SAID)), outcomes.c.counts_as.in_(sorted(MACHINE_ENDS)))
        machine = or_(outcomes.c.code.in_(sorted(MACHINE_OUTCOMES)), own)
        person = or_(outcomes.c.code.is_(None), ~machine)
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


async def _page(connection: AsyncConnection, ids: list[int], since: int | None, until: int, *, totals: bool) -> Page:
    page = Page()
    recent = _ATTEMPTS.where(attempts.c.cleared_at <= instant(until))
    if since is not None:
        recent = recent.where(attempts.c.cleared_at >= instant(since - LOOK_BACK_DAYS * DAY))
    _take(page, [row async for row in _in(connection, recent, attempts.c.debtor_id, ids)])
    page.judged = {placed.id for placed in page.attempts.values() if since is None or _is_since(placed, since)}
    judged = [page.attempts[id_] for id_ in page.judged]
    called = sorted({placed.number for placed in judged})
    homes = {placed.household for placed in judged if placed.household}
    await _lines(connection, page, ids, called, homes, since)
    homes |= {line.household for placed in judged if (line := page.line_of(placed.id)) and line.household}
    others = recent.where(attempts.c.debtor_id.not_in(ids))
    _take(page, [row async for row in _in(connection, others, attempts.c.number, called)])
    if homes:
        await _lines(connection, page, (), (), homes, since)
        housed = {row.id async for row in _in(connection, select(debtors.c.id), debtors.c.household, sorted(homes))}
        housed |= {line.debtor for line in page.lines.values() if line.debtor is not None and line.household in homes}
        _take(page, [row async for row in _in(connection, others, attempts.c.debtor_id, sorted(housed))])
    async for row in _in(connection, _DECISIONS, decisions.c.attempt_id, sorted(page.judged)):
        page.decisions.setdefault(row.attempt_id, []).append(_decided(row))
    if totals and since is not None:
        earlier = (
            select(attempts.c.case_id, func.count().label("n"))
            .where(
                attempts.c.cleared_at < instant(since - LOOK_BACK_DAYS * DAY),
                or_(attempts.c.result.is_(None), attempts.c.result != "trunk_failure"),
            )
            .group_by(attempts.c.case_id)
        )
        cases = sorted({placed.case for placed in judged})
        page.before = {row.case_id: row.n async for row in _in(connection, earlier, attempts.c.case_id, cases)}
    return page


async def _lines(
    connection: AsyncConnection,
    page: Page,
    debtors_: Iterable[int],
    numbers_: Iterable[str],
    homes: Iterable[str],
    since: int | None,
) -> None:
    chosen = select(ledger.c.id, ledger.c.revision, ledger.c.line, ledger.c.written_at)
    words: dict[tuple[str, int], FlagWord] = {}
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
                line = read_line(row.line, micros(row.written_at))
            except ValueError:
                page.unreadable += 1
                continue
            if isinstance(line, Flag):
                words[row.id, row.revision] = FlagWord(
                    row.id, line.recorded_at, line.name, line.debtor, line.number, line.debt, line.until
                )
            else:
                page.lines[row.id] = line
    # a line has the last word alone; the register has all of them
    for column, values in ((flag_changes.c.debtor_id, debtors_), (flag_changes.c.number, numbers_)):
        async for row in _in(connection, _WORDS, column, values):
            words[row.line_id, row.revision] = FlagWord(
                row.line_id, row.recorded_at, row.name, row.debtor_id, row.number, row.debt_id, row.until
            )
    page.lines |= spans(words.values())


def _since(since: int) -> ColumnElement[bool]:
    """Cleared, or ended, from then on; or not ended yet."""
    begin = instant(since)
    return or_(attempts.c.cleared_at >= begin, attempts.c.ended_at >= begin, attempts.c.ended_at.is_(None))


def _is_since(placed: Placed, since: int) -> bool:
    return placed.ended_at is None or max(placed.cleared_at, placed.ended_at) >= since


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
        row.cleared_at,
        dialled_at=row.dialled_at,
        gives_up_at=row.gives_up_at,
        rang_at=row.rang_at,
        answered_at=row.answered_at,
        bridged_at=row.bridged_at,
        abandoned_at=row.abandoned_at,
        ended_at=row.ended_at,
        cause=row.cause,
        sip=row.sip,
        result=row.result,
        outcome=row.code,
        outcome_at=row.recorded_at,
        said_as=row.counts_as,
        household=row.household,
        zone=row.zone,
        place=row.place,
    )


def _decided(row: Any) -> Decided:
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
