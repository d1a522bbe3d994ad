"""The windows over which contacts are counted."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from dialer.compliance.localtime import DAY, day_of, midnight

_FORM = re.compile(r"(rolling_hours|local_days):([1-9][0-9]{0,3})|(iso_week|calendar_month)")
LONGEST_DAYS = 35
"""The ledger keeps so many days; a longer window would count too little, so it is refused."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """`rolling_hours:N`, `local_days:N` (today and the N-1 days before), `iso_week` or `calendar_month`.

    What happened exactly N hours ago has left a rolling window. Local days are those of every zone where the debtor
    may be; where none is known, a day more is counted.
    """

    kind: Literal["rolling_hours", "local_days", "iso_week", "calendar_month"]
    length: int = 0

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Read it as a pack writes it. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if not found:
            msg = "write rolling_hours:N, local_days:N, iso_week or calendar_month"
            raise ValueError(msg)
        kind: Any = found[1] or found[3]
        window = cls(kind, int(found[2] or 0))
        if window.longest > timedelta(days=LONGEST_DAYS):
            msg = f"longer than the {LONGEST_DAYS} days that the ledger keeps"
            raise ValueError(msg)
        return window

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())

    def __str__(self) -> str:
        return f"{self.kind}:{self.length}" if self.length else self.kind

    @property
    def words(self) -> str:
        """As a supervisor reads it."""
        match self.kind:
            case "rolling_hours":
                return f"{self.length} hours"
            case "local_days":
                return "today" if self.length == 1 else f"{self.length} days with today"
            case "iso_week":
                return "this week"
            case "calendar_month":
                return "this month"

    @property
    def longest(self) -> timedelta:
        """How far back it can reach."""
        match self.kind:
            case "rolling_hours":
                return timedelta(hours=self.length)
            case "local_days":
                return timedelta(days=self.length, hours=1)
            case "iso_week":
                return timedelta(days=7, hours=1)
            case "calendar_month":
                return timedelta(days=31, hours=1)

    def since(self, now: datetime, zones: tuple[ZoneInfo, ...]) -> datetime:
        """From when on, inclusive, the window that holds `now` counts; of several zones the earliest."""
        if self.kind == "rolling_hours":
            return now - timedelta(hours=self.length) + _MICROSECOND
        if not zones:
            return now - self.longest - DAY + _MICROSECOND
        return min(midnight(self._first_day(day_of(now, zone)), zone) for zone in zones)

    def leaves(self, at: datetime, zones: tuple[ZoneInfo, ...]) -> datetime:
        """From when on what happened at `at` counts no more; of several zones the latest."""
        if self.kind == "rolling_hours":
            return at + timedelta(hours=self.length)
        if not zones:
            return at + self.longest + DAY
        return max(midnight(self._free_day(day_of(at, zone)), zone) for zone in zones)

    def _first_day(self, today: date) -> date:
        match self.kind:
            case "iso_week":
                return today - timedelta(days=today.weekday())
            case "calendar_month":
                return today.replace(day=1)
            case _:
                return today - timedelta(days=self.length - 1)

    def _free_day(self, day: date) -> date:
        match self.kind:
            case "iso_week":
                return day + timedelta(days=7 - day.weekday())
            case "calendar_month":
                return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            case _:
                return day + timedelta(days=self.length)
