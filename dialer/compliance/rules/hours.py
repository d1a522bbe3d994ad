"""Calling hours, by weekday, in every zone where the debtor may be."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field

from dialer.compliance.facts import Facts
from dialer.compliance.localtime import instant_of
from dialer.compliance.reasons import Reason
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.strict import MisfitError
from dialer.compliance.verdict import Refusal


def _clock(value: Any) -> Any:
    """A time of day and nothing else: a number would be taken for seconds, and a zone would never compare."""
    well = (value.tzinfo is None) if isinstance(value, time) else isinstance(value, str) and _CLOCK.fullmatch(value)
    if not well:
        msg = "not a time of day: write it as 08:30, from 00:00 to 23:59"
        raise ValueError(msg)
    return value


_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Clock = Annotated[time, BeforeValidator(_clock)]
Band = tuple[Clock, Clock]
SEARCH_DAYS = 15
"""How far the next legal instant is looked for: no pack closes for two weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours(Rule):
    """Bands `[start, end)` of local time for each weekday; a day without bands is closed.

    The start is inclusive, the end exclusive. Both the dial and the end of the longest ringing must lie in one
    band, in every zone: a phone must not ring after closing time. An unknown zone refuses.
    workplace_only: they bind calls to a workplace alone.
    """

    kind: Literal["hours"]
    monday: tuple[Band, ...] = ()
    tuesday: tuple[Band, ...] = ()
    wednesday: tuple[Band, ...] = ()
    thursday: tuple[Band, ...] = ()
    friday: tuple[Band, ...] = ()
    saturday: tuple[Band, ...] = ()
    sunday: tuple[Band, ...] = ()
    closing_margin_seconds: Annotated[int, Field(ge=0, le=3_600)] = 0
    workplace_only: bool = False

    def __post_init__(self) -> None:
        for day in WEEKDAYS:
            for start, end in getattr(self, day):
                if start >= end:
                    msg = f"the band {start:%H:%M} to {end:%H:%M} is empty; its end must be after its start"
                    raise MisfitError(msg, day)
        if not any(getattr(self, day) for day in WEEKDAYS):
            msg = "no day has a band: nobody could ever be called"
            raise ValueError(msg)

    def check(self, facts: Facts) -> Refusals:
        if self.workplace_only and not facts.intent.workplace:
            return ALLOWED
        if not facts.zones:
            return (Refusal(Reason.ZONE_UNKNOWN, facts=f"zones given: {', '.join(facts.intent.zones) or 'none'}"),)
        ring = facts.rings_until - facts.now + timedelta(seconds=self.closing_margin_seconds)
        if all(self._open(facts.now, ring, zone) for zone in facts.zones):
            return ALLOWED
        local = ", ".join(f"{facts.now.astimezone(zone):%a %H:%M} in {zone.key}" for zone in facts.zones)
        return (Refusal(self.id, not_before=self._next(facts, ring), facts=local),)

    def _bands(self, day: date) -> tuple[Band, ...]:
        bands: tuple[Band, ...] = getattr(self, WEEKDAYS[day.weekday()])
        return bands

    def _open(self, instant: datetime, ring: timedelta, zone: ZoneInfo) -> bool:
        local, until = instant.astimezone(zone), (instant + ring).astimezone(zone)
        return local.date() == until.date() and any(
            start <= local.time() and until.time() < end for start, end in self._bands(local.date())
        )

    def _next(self, facts: Facts, ring: timedelta) -> datetime | None:
        """The first instant at which every zone is open: it is the opening of a band somewhere."""
        openings = sorted(
            instant_of(day, start, zone)
            for zone in facts.zones
            for offset in range(SEARCH_DAYS)
            for day in [facts.now.astimezone(zone).date() + timedelta(days=offset)]
            for start, _ in self._bands(day)
        )
        return next(
            (
                opening
                for opening in openings
                if opening > facts.now and all(self._open(opening, ring, zone) for zone in facts.zones)
            ),
            None,
        )
