"""Abandoned calls on record, counted by the database, for the accounts that pacing obeys."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, func, or_, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import attempts, debtors, outcomes
from dialer.adapters.store.writer import Writer
from dialer.calls.results import Result
from dialer.kernel.clock import from_micro
from dialer.kernel.ids import AttemptId
from dialer.live.abandoned import MACHINES, SILENT, Counts, Portion

QUARTER_MICROSECONDS = 15 * 60 * 1_000_000


class SqlAbandoned:
    """Implements `dialer.live.accounts.AbandonmentRecord`."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def portions(
        self, since: datetime | None, until: datetime | None, excluding: Collection[AttemptId] = ()
    ) -> list[Portion]:
        """What was cleared from `since` on and before `until`, but for some. Raises AwayError."""
        bridged, answered = attempts.c.bridged_at.is_not(None), attempts.c.answered_at.is_not(None)
        person = or_(outcomes.c.counts_as.is_(None), outcomes.c.counts_as.not_in([ended.value for ended in MACHINES]))
        silent = or_(
            attempts.c.result.in_([result.value for result in SILENT]),
            and_(attempts.c.abandoned_at.is_not(None), ~bridged),
        )
        begun = type_coerce(attempts.c.cleared_at, BigInteger) // QUARTER_MICROSECONDS
        chosen = (
            select(
                attempts.c.campaign,
                attempts.c.packs,
                debtors.c.zone,
                begun.label("quarter"),
                _sum(and_(answered, person), "answered"),
                _sum(and_(bridged, person), "live"),
                _sum(bridged, "connected"),
                _sum(silent, "abandoned"),
                _sum(and_(attempts.c.result == Result.UNKNOWN.value, ~answered), "unknown"),
            )
            .join(debtors, attempts.c.debtor_id == debtors.c.id)
            .outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
            .group_by(attempts.c.campaign, attempts.c.packs, debtors.c.zone, begun)
        )
        if since is not None:
            chosen = chosen.where(attempts.c.cleared_at >= since)
        if until is not None:
            chosen = chosen.where(attempts.c.cleared_at < until)
        if excluding:
            chosen = chosen.where(attempts.c.id.not_in(list(excluding)))
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
        return [
            Portion(
                row.campaign,
                tuple(name for name in row.packs.split(",") if name),
                row.zone,
                from_micro(int(row.quarter) * QUARTER_MICROSECONDS),
                Counts(int(row.answered), int(row.live), int(row.connected), int(row.abandoned), int(row.unknown)),
            )
            for row in rows
        ]

    async def flush(self) -> None:
        """Return once everything asked so far is on disk. Raises AwayError."""
        await self._writer.flush()


def _sum(condition: ColumnElement[bool], name: str) -> Any:
    return func.sum(case((condition, 1), else_=0)).label(name)
