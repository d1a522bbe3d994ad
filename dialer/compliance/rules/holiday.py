"""Public holidays, on which nobody is called."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dialer.compliance import calendars
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import DAY, day_of, midnight
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
    by_parts: so does a day on which every part of the country has a holiday, by its own law.
    """

    kind: Literal["holiday"]
    calendars: Annotated[tuple[Annotated[str, AfterValidator(_is_calendar)], ...], Field(min_length=1)]
    subdivisions: bool = False
    by_parts: bool = False

    def check(self, facts: Facts) -> Refusals:
        why = next((why for day in facts.local_days if (why := self._why(facts, day))), None)
        return ALLOWED if why is None else (Refusal(self.id, not_before=self._over(facts), facts=why),)

    def _over(self, facts: Facts) -> datetime | None:
        """When it is a working day in every zone."""
        instant = facts.now
        for _ in range(SEARCH_DAYS):
            days = ((day_of(instant, zone), zone) for zone in facts.zones)
            ends = [midnight(day + DAY, zone) for day, zone in days if self._why(facts, day)]
            if not ends:
                return instant
            instant = max(ends)
        return None

    def _why(self, facts: Facts, day: date) -> str | None:
        codes = [*self.calendars, *self._part(facts)]
        try:
            return next((name for code in codes if (name := facts.calendars.name(code, day, self.by_parts))), None)
        except LookupError as error:
            return f"no calendar of {error} for {day.year}"

    def _part(self, facts: Facts) -> tuple[str, ...]:
        """The debtor's own part of one of the countries; one that nobody knows has no calendar, and that refuses."""
        place = facts.given.get("subdivision")
        if not self.subdivisions or not isinstance(place, str):
            return ()
        # a town within a part keeps the part's days
        country, *part = place.split("-")[:2]
        known = {code.partition("-")[0] for code in self.calendars}
        return (f"{country}-{part[0]}",) if part and country in known else ()
