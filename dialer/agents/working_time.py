"""How long each agent was at what, by quarters of an hour: what a report of the day's work needs, and no more of a
worker's day than that.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from dialer.agents.session import Work
from dialer.kernel.clock import Clock

QUARTER = timedelta(minutes=15)
"""In every zone a day begins with one."""


@dataclass(frozen=True, slots=True)
class Worked:
    """The time that an agent was at one kind of work within a quarter of an hour.

    began_at: the quarter's beginning, or that of the daemon's run within it: after a restart it goes on beside what the
    run before put on record.
    """

    agent: str
    began_at: datetime
    work: Work
    spent: timedelta


class WorkedRecord(Protocol):
    """Where it is kept. A later word about the same agent, instant and work replaces the earlier one."""

    def save_worked(self, worked: Worked) -> None: ...


class WorkingTimes:
    """Counts from the daemon's start on. The time between the last save and a kill -9 is lost, and that until the next
    start isn't invented.
    """

    def __init__(self, record: WorkedRecord, clock: Clock) -> None:
        self._record = record
        self._clock = clock
        self._run_began_at = clock.now()
        self._counted_to: dict[str, datetime] = {}
        self._spent: dict[str, tuple[datetime, Counter[Work]]] = {}

    def passed(self, agent: str, work: Work) -> None:
        """Up to now the agent was at it since the last word."""
        start, now = self._counted_to.get(agent, self._run_began_at), self._clock.now()
        self._counted_to[agent] = now
        if work is Work.OFFLINE:
            return
        while start < now:  # a clock that was set back counts nothing
            end = min(now, _quarter(start) + QUARTER)
            self._add(agent, work, start, end)
            start = end

    def _add(self, agent: str, work: Work, start: datetime, end: datetime) -> None:
        began_at = max(_quarter(start), self._run_began_at)
        known_at, spent = self._spent.get(agent, (began_at, Counter()))
        if known_at != began_at:
            spent = Counter()
        self._spent[agent] = began_at, spent
        spent[work] += (end - start) // _STEP
        self._record.save_worked(Worked(agent, began_at, work, spent[work] * _STEP))


_STEP = timedelta(microseconds=1)


def _quarter(at: datetime) -> datetime:
    """The beginning of the quarter of an hour in which an instant lies."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
