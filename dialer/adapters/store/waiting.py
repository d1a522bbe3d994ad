"""Cases that wait for a letter or a decision, and what was decided."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, insert, not_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.schema import case_history, cases, debtors
from dialer.cases.history import MomentKind
from dialer.cases.model import PAID, CaseState
from dialer.cases.waiting import Course, Decided, Waits
from dialer.kernel.clock import to_micro
from dialer.kernel.errors import DialerError

_STATES = (CaseState.LETTER.value, CaseState.ESCALATED.value)
_CALLED = and_(cases.c.state == CaseState.OPEN.value, cases.c.due_at.is_(None))


class SqlWaiting:
    """The port. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def waiting(
        self, until: datetime | None, campaign: str | None, most: int, creditors: Collection[str] | None = None
    ) -> list[Waits]:
        """Up to `most` cases of some creditors (None: of all) that wait by then, the longest first; until None: also
        those that will, and whose letter is under way.
        """
        chosen = (
            select(cases, debtors.c.reference)
            .join(debtors)
            .where(cases.c.state.in_(_STATES))
            .order_by(cases.c.due_at.is_(None), cases.c.due_at, cases.c.id)
            .limit(most)
        )
        if until is not None:
            chosen = chosen.where(cases.c.due_at <= until)
        if campaign is not None:
            chosen = chosen.where(cases.c.campaign == campaign)
        if creditors is not None:
            chosen = chosen.where(cases.c.creditor.in_(creditors))
        async with reading(self._engine) as connection:
            return [
                Waits(row.id, row.campaign, row.creditor, row.reference, CaseState(row.state), row.due_at, row.why)
                for row in await connection.execute(chosen)
            ]

    async def decide(self, decided: Decided, now: datetime) -> None:
        """Return once it holds, and stands in the case's history. Raises LookupError, DialerError."""
        course = decided.course
        with telling_away():
            async with self._engine.begin() as connection:
                values = {
                    "state": course.state.value,
                    "due_at": None if course is Course.CLOSE else now,
                    "wanted_by": None,
                    "first_number": None,
                    "why": f"{course.text}: decided by {decided.by}: {decided.why}",
                }
                here = cases.c.id == decided.case_id
                # the condition stands in the write itself: on SQLite nothing that is read before it is held
                may = update(cases).where(here, not_(_CALLED), cases.c.why != PAID)
                if (await connection.execute(may.values(**values))).rowcount == 0:
                    case = (await connection.execute(select(cases).where(here))).one_or_none()
                    if case is None:
                        raise LookupError(decided.case_id)
                    if case.why == PAID:
                        raise DialerError("nothing is left to pay in the case", "it opens if a payment is taken back")
                    raise DialerError("the case is being called", "decide once the call is over")
                entry = {
                    "case_id": decided.case_id,
                    "reference": f"decided-{to_micro(now)}-{course}",
                    "at": now,
                    "kind": MomentKind.DECISION.value,
                    "direction": "outbound",
                    "text": f"{course.text}: {decided.why}",
                    "recorded_by": decided.by,
                    "recorded_at": now,
                }
                await connection.execute(insert(case_history), [entry])
