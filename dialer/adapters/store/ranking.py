"""What each case is worth, kept beside it: reckoned in the transaction of what changes it, and anew from time to time."""

import json
from collections.abc import Collection
from datetime import date, datetime

import structlog
from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.lines import LINES_BY_RESULT, by_debtor
from dialer.adapters.store.schema import cases, debtors, debts, habits
from dialer.adapters.store.statements import owed_of
from dialer.campaigns.habits import Habits
from dialer.campaigns.priority import Claim, Worth, worth
from dialer.cases.model import CaseState
from dialer.kernel.money import Money

_RANK = update(cases).where(cases.c.id == bindparam("case")).values(worth=bindparam("new_worth"))

log = structlog.get_logger(__name__)


class SqlRanking:
    """Implements `dialer.campaigns.priority.Ranking`. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def rank(self, case_ids: Collection[int], now: datetime) -> None:
        """Reckon the worth of these cases anew."""
        with telling_away():
            async with self._engine.begin() as connection:
                await connection.run_sync(rank, case_ids, now)

    async def open_after(self, case_id: int, most: int) -> list[int]:
        """Up to `most` open cases with a higher id, by their ids."""
        chosen = select(cases.c.id).where(cases.c.id > case_id, cases.c.state == CaseState.OPEN.value)
        async with reading(self._engine) as connection:
            return list(await connection.scalars(chosen.order_by(cases.c.id).limit(most)))


def rank(connection: Connection, case_ids: Collection[int], now: datetime) -> None:
    """The same within a transaction of others."""
    before = {
        row.id: row.worth
        for row in connection.execute(select(cases.c.id, cases.c.worth).where(cases.c.id.in_(case_ids)))
    }
    found = worths_of(connection, case_ids, now.date())
    changed = [
        {"case": case_id, "new_worth": found[case_id].band}
        for case_id in sorted(found)
        if found[case_id].band != before[case_id]
    ]
    if changed:
        connection.execute(_RANK, changed)


def worths_of(connection: Connection, case_ids: Collection[int], today: date) -> dict[int, Worth]:
    """What each of these cases is worth, by what is on record."""
    chosen = select(cases.c.id, cases.c.campaign, cases.c.debtor_id, debtors.c.risk_class).join(debtors)
    rows = connection.execute(chosen.where(cases.c.id.in_(case_ids))).all()
    lines = by_debtor(connection.execute(LINES_BY_RESULT, {"debtor_ids": [row.debtor_id for row in rows]}))
    owed = owed_of(connection, case_ids)
    oldest = select(debts.c.case_id, func.min(debts.c.due_on).label("day")).where(debts.c.case_id.in_(case_ids))
    due_on = {row.case_id: row.day for row in connection.execute(oldest.group_by(debts.c.case_id))}
    learnt = {name: habits_of(connection, name) for name in {row.campaign for row in rows}}
    found = {}
    for row in rows:
        day = due_on.get(row.id)
        left = max((Money(cents, currency) for currency, cents in owed.get(row.id, {}).items()), default=Money(0))
        claim = Claim(left, None if day is None else (today - day).days, row.risk_class)
        found[row.id] = worth(claim, learnt[row.campaign], lines.get(row.debtor_id, ()))
    return found


def habits_of(connection: Connection, campaign: str) -> Habits:
    """What all cells together learnt of a campaign; what can't be read is left out, as its cell forgets it too."""
    together = Habits()
    for text in connection.scalars(select(habits.c.memory).where(habits.c.campaign == campaign)):
        try:
            together.take_in(Habits.load(json.loads(text)))
        except ValueError as error:
            log.warning("habits.dropped", campaign=campaign, error=str(error))
    return together
