"""Whether promises were kept: judged on the first day on which one may be broken; a broken one is urgent."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from dialer.cases.model import BROKEN_PROMISE
from dialer.cases.payment import Payment
from dialer.cases.promises import Judged, Kept, Promise, judge
from dialer.kernel.clock import Clock

MOST_AT_ONCE = 200
AHEAD = timedelta(hours=14)
"""How far the earliest zone is ahead of UTC: a day begins there first."""
CALLED_FROM = time(9)
"""When a plan's case is due on the day on which the next instalment may be missing; the gate has the last word."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case of which a promise must be judged on `check_on`, in the calendar of its debtor's zone."""

    case_id: int
    check_on: date
    zone: str


@dataclass(frozen=True, slots=True)
class ToJudge:
    """All promises of a case, and every payment on record.

    last_kept, last_check_on: of its last promise, as they stand on record.
    """

    promises: tuple[Promise, ...]
    payments: tuple[Payment, ...]
    last_kept: Kept
    last_check_on: date | None


@dataclass(frozen=True, slots=True)
class Found:
    """What follows for the case while it waits to be called. why: in one sentence. due_at: None = as it stands.
    wanted_by: from then on it is urgent; None = no more than any.
    """

    why: str
    due_at: datetime | None = None
    wanted_by: datetime | None = None


class PromiseRecord(Protocol):
    """Where promises are kept. Raises AwayError."""

    async def waiting(self, on: date, after: int, most: int) -> list[Waiting]:
        """Up to `most` cases with a higher id of which a promise must be judged on that day or before, by their ids."""

    async def to_judge(self, case_id: int) -> ToJudge | None:
        """What the case's promises are judged by; None where none is left, as a later word took the last one back."""

    async def judged(self, case_id: int, judged: Sequence[Judged], found: Found | None, now: datetime) -> None:
        """Return once it is on record. An agreed call-back stays what it is, and what isn't open isn't touched; a case
        of which nothing is left, as a promise was kept under an accepted offer, is closed.
        """


class Keeping:
    """Looks at what is due."""

    def __init__(self, record: PromiseRecord, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self.found: Counter[Kept] = Counter()
        """What promises were found to be, since the start."""

    async def look(self) -> int:
        """Judge what must be judged by now; how many cases those were. Raises AwayError."""
        now = self._clock.now()
        total, after = 0, -1
        while waiting := await self._record.waiting((now + AHEAD).date(), after, MOST_AT_ONCE):
            after = waiting[-1].case_id
            for due in waiting:
                zone = ZoneInfo(due.zone or "UTC")
                today = now.astimezone(zone).date()
                if today < due.check_on:
                    continue  # the day hasn't begun where the debtor is
                case = await self._record.to_judge(due.case_id)
                if case is None:
                    continue
                results = judge(case.promises, case.payments, today)
                found = found_of(results[-1], now, zone) if _news(case, results[-1], today) else None
                await self._record.judged(due.case_id, results, found, now)
                if results[-1].kept is not case.last_kept:
                    self.found[results[-1].kept] += 1
                total += 1
        if total:
            log.info("promises.judged", cases=total)
        return total


def _news(case: ToJudge, last: Judged, today: date) -> bool:
    """Whether the last promise itself stands otherwise than on record, or one more of its days is over.

    A payment has every promise of the case judged again, and an earlier promise has its own days: neither moves what was
    planned since.
    """
    since = case.last_check_on
    over = [last.promise.over_on(part) for part in last.promise.instalments]
    return last.kept is not case.last_kept or (since is not None and any(since <= day <= today for day in over))


def found_of(last: Judged, now: datetime, zone: ZoneInfo) -> Found | None:
    """What follows for the case from its last promise."""
    match last.kept:
        case Kept.BROKEN | Kept.PARTIAL if last.missing.cents > 0:
            due_on = max(part.due_on for part in last.promise.instalments if part.due_on <= now.astimezone(zone).date())
            came = "nothing came" if last.kept is Kept.BROKEN else "only a part came"
            words = f"{BROKEN_PROMISE}: {last.missing} are missing of what was due by {due_on}, {came} in time"
            return Found(words, wanted_by=now)
        case Kept.OPEN if last.check_on is not None:
            due_at = datetime.combine(last.check_on, CALLED_FROM, zone)
            return Found(f"the plan is kept so far: called on {last.check_on} unless the next is paid", due_at)
        case Kept.KEPT:
            return Found("the promise was kept: called about what is left")
        case _:
            return None
