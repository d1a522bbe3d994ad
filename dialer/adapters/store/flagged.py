"""Whom a creditor's file of flags is about, and what stands about them already."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.flags import standing_about
from dialer.adapters.store.schema import cases, debtors, numbers
from dialer.cases.flag import StandingFlag


@dataclass(frozen=True, slots=True)
class Flagged:
    """A debtor by one of its cases. zone: empty = unknown."""

    case_id: int
    zone: str
    standing: tuple[StandingFlag, ...]


class SqlFlagged:
    """Raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def debtor(self, creditor: str, reference: str, now: datetime) -> Flagged | None:
        """A debtor by the creditor's key; None where there is none with a case."""
        chosen = (
            select(debtors.c.id, debtors.c.zone, func.max(cases.c.id).label("case_id"))
            .join(cases, cases.c.debtor_id == debtors.c.id)
            .where(debtors.c.creditor == creditor, debtors.c.reference == reference)
            .group_by(debtors.c.id, debtors.c.zone)
        )
        async with reading(self._engine) as connection:
            found = (await connection.execute(chosen)).one_or_none()
            if found is None:
                return None
            theirs = (await connection.scalars(select(numbers.c.number).where(numbers.c.debtor_id == found.id))).all()
            return Flagged(found.case_id, found.zone, await standing_about(connection, found.id, theirs, now))
