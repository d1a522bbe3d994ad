"""When agents are there: so many hours on weekdays and Saturdays, none on holidays."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dialer.compliance.calendars import Calendars
from dialer.compliance.localtime import instant_of

WEEKDAY = (time(8, 30), time(20, 30))
SATURDAY = (time(8, 30), time(14, 30))


@dataclass(frozen=True, slots=True)
class Shift:
    """One working day: `[begins, ends)`."""

    begins: datetime
    ends: datetime


class Shifts:
    """All working days of a year."""

    def __init__(self, first: date, days: int, zone: ZoneInfo) -> None:
        calendars = Calendars()
        self.all: list[Shift] = []
        for day in (first + timedelta(days=n) for n in range(days)):
            if day.weekday() < 6 and calendars.name("IT", day) is None:
                begins, ends = SATURDAY if day.weekday() == 5 else WEEKDAY
                self.all.append(Shift(instant_of(day, begins, zone), instant_of(day, ends, zone)))
        self._begin = [shift.begins for shift in self.all]

    def at(self, instant: datetime) -> Shift | None:
        """The shift under way."""
        place = bisect_right(self._begin, instant) - 1
        return self.all[place] if place >= 0 and instant < self.all[place].ends else None

    def worked_days(self, since: datetime, until: datetime) -> float:
        """How many working days lie between, parts of them included."""
        return max(0.0, self._worked(until) - self._worked(since))

    def _worked(self, instant: datetime) -> float:
        place = bisect_right(self._begin, instant) - 1
        if place < 0:
            return 0.0
        shift = self.all[place]
        return place + min(1.0, (instant - shift.begins) / (shift.ends - shift.begins))
