"""What was heard in listenings: they go with the retention of it."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.adapters.store.listenings import HOW
from dialer.adapters.store.schema import case_views, listening_turns, listenings

MOST_IN_LIST = 5_000


@dataclass(frozen=True, slots=True)
class Heard:
    """A listening that is over, and the cases that were heard in it and are still somebody's."""

    leg: str
    ended_at: datetime
    case_ids: frozenset[int]

    def is_over(self, gone: Collection[int], idle_until: datetime | None) -> bool:
        """Whether it goes with these cases, or, about nobody, ended by that time."""
        if self.case_ids:
            return self.case_ids.issubset(gone)
        return idle_until is not None and self.ended_at <= idle_until


async def heard(connection: AsyncConnection) -> list[Heard]:
    """Every listening that is over."""
    looks: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    told = select(case_views).where(case_views.c.how == HOW).order_by(case_views.c.viewed_at, case_views.c.case_id)
    for row in await connection.execute(told):
        looks[row.viewed_by].append((row.viewed_at, row.case_id))
    found = []
    for row in await connection.execute(select(listenings).where(listenings.c.ended_at.is_not(None))):
        # a supervisor has one at a time
        own = looks[row.supervisor]
        first, last = bisect_left(own, (row.asked_at,)), bisect_right(own, row.ended_at, key=_at)
        found.append(Heard(row.leg, row.ended_at, frozenset(case_id for _, case_id in own[first:last])))
    return found


async def forget(connection: AsyncConnection, over: Iterable[Heard]) -> None:
    """They are no more."""
    legs = [one.leg for one in over]
    for start in range(0, len(legs), MOST_IN_LIST):
        part = legs[start : start + MOST_IN_LIST]
        await connection.execute(delete(listening_turns).where(listening_turns.c.leg.in_(part)))
        await connection.execute(delete(listenings).where(listenings.c.leg.in_(part)))


def _at(look: tuple[datetime, int]) -> datetime:
    return look[0]
