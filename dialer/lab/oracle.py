"""What choosing could bring at most: an order that sees each debtor's traits. It is no product, and nothing can learn
what it knows: what the engine's own order brings is held against it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from dialer.cases.model import AGREED, CaseState, DueCase
from dialer.compliance.verdict import CallMode
from dialer.kernel.phone import PhoneNumber
from dialer.lab.public import ROME, Public
from dialer.lab.record import YearRecord
from dialer.lab.shifts import Shift

HOUR = timedelta(hours=1)
NEW_OWED_AFTER = timedelta(days=5)
"""Whoever wasn't called yet is owed a call too."""


class Oracle:
    """Each day's calls go where the right party is likeliest, each case's at its best hour of the day, on its best number.

    Agreed call-backs come first, then who is owed a call by the least cadence. Of the others it takes as many as calls
    will still be released today, each case once a day: the packs allow no more for long. It keeps a call for a better
    hour of the day, not for a better day.
    """

    def __init__(
        self, record: YearRecord, public: Public, shift: Callable[[datetime], Shift | None], left: Callable[[], float]
    ) -> None:
        self._record, self._public, self._shift, self._left = record, public, shift, left
        self._taken: set[int] = set()
        self._called_on: dict[int, object] = {}

    async def next(self, now: datetime, monotonic: float) -> tuple[DueCase, CallMode] | None:  # noqa: ARG002
        """The next case, if this is its hour."""
        agreed = await self._record.call_backs("", now, 1)
        if agreed:
            self._taken.add(agreed[0].case.id)
            return agreed[0].case, CallMode.RESERVED
        chosen = self._chosen(now)
        if chosen is None:
            return None
        case_id, number = chosen
        self._taken.add(case_id)
        self._called_on[case_id] = now.astimezone(ROME).date()
        return replace(await self._record.case(case_id), first_number=number), CallMode.PROGRESSIVE

    def put_back(self, case_id: int) -> None:
        self._taken.discard(case_id)

    def _chosen(self, now: datetime) -> tuple[int, PhoneNumber] | None:
        shift = self._shift(now)
        if shift is None:
            return None
        today = now.astimezone(ROME).date()
        found = []
        for case in self._record.cases.values():
            if case.state is not CaseState.OPEN or case.due_at is None or case.id in self._taken:
                continue
            if case.due_at >= shift.ends or case.why.startswith(AGREED) or self._called_on.get(case.id) == today:
                continue
            owed = (case.wanted_by or case.due_at + NEW_OWED_AFTER) < shift.ends
            at, number, chance = self._best(case.id, case.new.numbers, max(now, case.due_at), shift)
            if chance > 0.0 or owed:
                found.append((not owed, -chance, case.id, at, number))
        found.sort()
        left = self._left()
        for place, (_, _, case_id, at, number) in enumerate(found):
            if place >= left:
                return None
            if at <= now:
                return case_id, number
        return None

    def _best(
        self, case_id: int, numbers: tuple[PhoneNumber, ...], earliest: datetime, shift: Shift
    ) -> tuple[datetime, PhoneNumber, float]:
        """The best of the hours from then until the day's end."""
        begun = earliest - timedelta(
            minutes=earliest.minute, seconds=earliest.second, microseconds=earliest.microsecond
        )
        hours = int((shift.ends - begun) / HOUR) + 1
        instants = [at for at in (earliest, *(begun + HOUR * n for n in range(1, hours))) if at < shift.ends]
        return max(
            ((at, number, self._public.right_party(case_id, number, at)) for at in instants for number in numbers),
            key=lambda one: one[2],
        )
