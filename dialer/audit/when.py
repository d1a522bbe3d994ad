"""When: hours, holidays, times that the debtor ruled out."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path

import holidays

from dialer.audit.call import Call
from dialer.audit.happened import Blackout
from dialer.audit.instants import SECOND, shown, wall
from dialer.audit.law import WEEKDAYS, Rule
from dialer.audit.report import Finding, Wrong
from dialer.kernel.errors import InputError

ZONE_UNKNOWN = "zone-unknown"


def hours(rule: Rule, call: Call) -> Iterator[Finding]:
    """The dial, and the end of the longest ringing, in one band of every zone; and how it really rang as well."""
    if not call.zones:
        yield Wrong(ZONE_UNKNOWN, "no time zone was known, or one that doesn't exist")
        return
    over = call.ring_until + int(rule.values.get("closing_margin_seconds", 0)) * SECOND
    for zone in call.zones:
        if not _one_band(rule, wall(call.at, zone), wall(over, zone)):
            local = f"{wall(call.at, zone):%a %Y-%m-%d %H:%M:%S} in {zone}"
            yield Wrong(rule.id, f"cleared {local}, to ring until {wall(over, zone):%H:%M:%S}")
            return
    placed = call.placed
    rang_until = placed.answered_at or (placed.ended_at if placed.rang_at is not None else None)
    for what, at in (("dialled", placed.dialled_at), ("still ringing", rang_until)):
        for zone in call.zones:
            if at is not None and not _one_band(rule, wall(at, zone), wall(at, zone)):
                yield Wrong(rule.id, f"{what} at {wall(at, zone):%a %Y-%m-%d %H:%M:%S.%f} in {zone}")
                return


def _one_band(rule: Rule, start: datetime, end: datetime) -> bool:
    if start.date() != end.date():
        return False
    bands = rule.values.get(WEEKDAYS[start.weekday()], ())
    return any(_clock(opens) <= start.time() and end.time() < _clock(closes) for opens, closes in bands)


@lru_cache(maxsize=1_024)
def _clock(text: object) -> time:
    return text if isinstance(text, time) else time.fromisoformat(str(text))


# -- holidays --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Corrections:
    """Days that an agency adds to a calendar, or takes away: by code, `add` and `remove`."""

    days: Mapping[str, Mapping[str, list[date]]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path | None) -> "Corrections":
        """Raises InputError."""
        if path is None:
            return cls()
        try:
            return cls(tomllib.loads(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise InputError(
                f"{path}: {error}", "write [IT] with add = [2026-10-05] or remove = [2026-10-04]"
            ) from None

    def says(self, code: str, day: date) -> bool | None:
        """Whether the day is a holiday by the agency's own word; None where it says nothing."""
        for own in (self.days.get(code, {}), self.days.get(code.partition("-")[0], {})):
            if day in own.get("add", ()):
                return True
            if day in own.get("remove", ()):
                return False
        return None


def holiday(rule: Rule, call: Call, corrections: Corrections) -> Iterator[Finding]:
    """No call on a holiday of any of the calendars, in any zone; a year without a calendar is none to call in."""
    countries = {code.partition("-")[0] for code in rule.values["calendars"]}
    given = (call.given or {}).get("subdivision")
    part = given if isinstance(given, str) else call.placed.place
    own = [part] if rule.values.get("subdivisions") and part.partition("-")[0] in countries else []
    for today in sorted({wall(call.at, zone).date() for zone in call.zones}):
        for code in (*rule.values["calendars"], *own):
            said = corrections.says(code, today)
            try:
                free = said if said is not None else _is_holiday(code, today, bool(rule.values.get("by_parts")))
            except LookupError:
                yield Wrong(rule.id, f"there is no calendar of {code} for {today.year}: in doubt nobody is called")
                return
            if free:
                yield Wrong(rule.id, f"{today} is a holiday in {code}")
                return


@lru_cache(maxsize=4_096)
def _is_holiday(code: str, today: date, by_parts: bool) -> bool:
    country, _, part = code.partition("-")
    if today in _calendar(country, part, today.year):
        return True
    if not by_parts:
        return False
    parts = holidays.country_holidays(country).subdivisions
    return bool(parts) and all(today in _calendar(country, one, today.year) for one in parts)


@lru_cache(maxsize=512)
def _calendar(country: str, part: str, year: int) -> frozenset[date]:
    try:
        found = holidays.country_holidays(country, subdiv=part or None, years=year)
    except NotImplementedError:
        raise LookupError(country, part) from None
    if not found.start_year <= year <= found.end_year:
        raise LookupError(country, year)
    return frozenset(found)


# -- what the debtor ruled out ---------------------------------------------------------------------------


def inconvenient(rule: Rule, call: Call) -> Iterator[Finding]:
    """Neither dial nor ringing within a time that the debtor ruled out, in any zone."""
    for blackout in call.blackouts:
        if blackout.recorded_at > call.at or (blackout.until is not None and call.at >= blackout.until):
            continue
        for zone in call.zones:
            if _covers(blackout, wall(call.at, zone), wall(call.ring_until, zone)):
                span = f"{blackout.start[:5]} to {blackout.end[:5]}"
                yield Wrong(rule.id, f"the debtor ruled out {span}; this was {shown(call.at)}, {zone}")
                return


def _covers(blackout: Blackout, dial: datetime, ring_end: datetime) -> bool:
    opens, closes = time.fromisoformat(blackout.start), time.fromisoformat(blackout.end)
    today = dial.date()
    for date_ in {today - timedelta(days=1), today, ring_end.date()}:
        if date_.weekday() not in blackout.weekdays:
            continue
        last = date_ + timedelta(days=closes <= opens)  # over midnight
        if dial < datetime.combine(last, closes) and ring_end >= datetime.combine(date_, opens):
            return True
    return False
