"""Where cases stand between their calls: asked by people, not by the tick, so a count over a campaign is allowed."""

from collections import Counter
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import URGENT_BAND, attempts, cases, decisions
from dialer.cases.model import NOT_CALLED, CaseState
from dialer.cases.turn import LOOKED_BACK, CaseGroup, LastCall, Turn, reasons_of

_OPEN = cases.c.state == CaseState.OPEN.value
_REFUSED = case((cases.c.why.startswith(NOT_CALLED), cases.c.why), else_="")
_LONGEST = (cases.c.due_at, cases.c.uncalled_since, cases.c.id)


class SqlTurns:
    """The port. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def groups(self, campaign: str, now: datetime) -> list[CaseGroup]:
        """How all cases of the campaign stand, those first that are due soonest."""
        due = case((and_(_OPEN, cases.c.due_at <= now), 1), else_=0)
        why = case((and_(_OPEN, cases.c.due_at > now), _REFUSED), else_="")
        columns = (cases.c.state, due.label("due"), why.label("why"))
        first = func.min(cases.c.due_at).label("next_at")
        chosen = select(*columns, func.count().label("cases"), first).where(cases.c.campaign == campaign)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen.group_by(*columns))).all()
        found = [
            CaseGroup(CaseState(row.state), bool(row.due), reasons_of(row.why), row.cases, row.next_at) for row in rows
        ]
        return sorted(found, key=lambda one: (one.next_at is None, one.next_at, one.state, one.reasons))

    async def turn(self, case_id: int, now: datetime) -> Turn:
        """Where the case stands. Raises LookupError."""
        async with reading(self._engine) as connection:
            row = (await connection.execute(select(cases).where(cases.c.id == case_id))).one_or_none()
            if row is None:
                raise LookupError(case_id)
            is_due = row.state == CaseState.OPEN.value and row.due_at is not None and row.due_at <= now
            before, longest, due = await _place(connection, row, now) if is_due else (0, 0, 0)
            of_case = attempts.c.case_id == case_id
            calls = await connection.scalar(select(func.count()).where(of_case)) or 0
            last = (
                await connection.execute(
                    select(attempts).where(of_case).order_by(attempts.c.cleared_at.desc()).limit(1)
                )
            ).one_or_none()
            refused = await _refused(connection, case_id, now)
        return Turn(
            row.campaign,
            row.creditor,
            CaseState(row.state),
            row.due_at,
            row.why,
            before,
            longest,
            due,
            calls,
            None if last is None else LastCall(last.cleared_at, last.result),
            *refused,
        )


async def _place(connection: AsyncConnection, row: Any, now: datetime) -> tuple[int, int, int]:
    """How many due cases come first, how many are due longer, and how many are due."""
    climbs = and_(cases.c.wanted_by <= now, cases.c.band < URGENT_BAND)
    band = cases.c.band
    longer = _before(_LONGEST, (row.due_at, row.uncalled_since, row.id))
    if row.band >= URGENT_BAND:
        first = or_(band > row.band, and_(band == row.band, longer))
    elif row.wanted_by is not None and row.wanted_by <= now:
        wanted = _before((cases.c.wanted_by, cases.c.id), (row.wanted_by, row.id))
        first = or_(band >= URGENT_BAND, and_(climbs, wanted))
    else:
        first = or_(band >= URGENT_BAND, climbs, band > row.band, and_(band == row.band, longer))
    due = (cases.c.campaign == row.campaign, _OPEN, cases.c.due_at <= now)
    counts = select(
        func.coalesce(func.sum(case((first, 1), else_=0)), 0),
        func.coalesce(func.sum(case((longer, 1), else_=0)), 0),
        func.count(),
    ).where(*due)
    found = (await connection.execute(counts)).one()
    return int(found[0]), int(found[1]), int(found[2])


def _before(columns: tuple[ColumnElement[Any], ...], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """Whether a row comes before these values, in the order of the columns."""
    earlier: ColumnElement[bool] = columns[-1] < values[-1]
    for column, value in zip(reversed(columns[:-1]), reversed(values[:-1]), strict=True):
        earlier = or_(column < value, and_(column == value, earlier))
    return earlier


async def _refused(
    connection: AsyncConnection, case_id: int, now: datetime
) -> tuple[dict[str, int], int, datetime | None]:
    """How often the gate refused the case lately, by reason; in how many decisions; when last."""
    chosen = select(decisions.c.reasons, func.count().label("times"), func.max(decisions.c.at).label("last")).where(
        decisions.c.case_id == case_id, decisions.c.decision == "block", decisions.c.at >= now - LOOKED_BACK
    )
    rows = (await connection.execute(chosen.group_by(decisions.c.reasons))).all()
    counts: Counter[str] = Counter()
    for row in rows:
        counts.update(dict.fromkeys(row.reasons.split(","), row.times))
    return dict(counts.most_common()), sum(row.times for row in rows), max((row.last for row in rows), default=None)
