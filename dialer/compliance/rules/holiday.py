"""Public holidays, on which nobody is called."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dialer.compliance import calendars
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import DAY, midnight
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal

SEARCH_DAYS = 30


def _is_calendar(code: str) -> str:
    if not calendars.is_known(code):
        msg = "no such calendar: write a country as IT, or a part of one as AU-NSW"
        raise ValueError(msg)
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday(Rule):
    """No call on a holiday of one of the calendars, local time. A year without a calendar refuses.

    subdivisions: the calendar of the debtor's own part of the country (the fact `subdivision`) counts too.
    """

    kind: Literal["holiday"]
    calendars: Annotated[tuple[Annotated[str, AfterValidator(_is_calendar)], ...], Field(min_length=1)]
    subdivisions: bool = False

    def check(self, facts: Facts) -> Refusals:
        for zone, today in zip(facts.zones, facts.local_days, strict=True):
            why = self._why(facts, today)
            if why is None:
                continue
            day = today
            for _ in range(SEARCH_DAYS):
                day += DAY
                if self._why(facts, day) is None:
                    return (Refusal(self.id, not_before=midnight(day, zone), facts=why),)
            return (Refusal(self.id, facts=why),)
        return ALLOWED

    def _why(self, facts: Facts, day: date) -> str | None:
        codes = list(self.calendars)
        subdivision = facts.given.get("subdivision")
        if self.subdivisions and isinstance(subdivision, str) and calendars.is_known(subdivision):
            codes.append(subdivision)
        try:
            return next((name for code in codes if (name := facts.calendars.name(code, day))), None)
        except LookupError:
            return f"no calendar for {day.year}"
