"""Public holidays by country and subdivision, with an agency's own corrections."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path

import holidays
from pydantic import TypeAdapter, ValidationError

from dialer.compliance.strict import STRICT
from dialer.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class Corrections:
    """Days that a calendar has too few or too many."""

    __pydantic_config__ = STRICT
    add: tuple[date, ...] = ()
    remove: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Calendars:
    """The holidays of countries (`IT`) and their parts (`AU-NSW`), corrected."""

    corrections: Mapping[str, Corrections] = field(default_factory=dict)

    def name(self, code: str, day: date, by_parts: bool = False) -> str | None:
        """The name of the holiday, or None on a working day. Raises LookupError where the year has no calendar.

        by_parts: a day that each part of the country keeps by its own law is one of the country too.
        """
        for own in (self.corrections.get(code), self.corrections.get(code.partition("-")[0])):
            if own and day in own.add:
                return "holiday of the agency's own calendar"
            if own and day in own.remove:
                return None
        known = _year(code, day.year).get(day)
        return _shared(code, day.year).get(day) if known is None and by_parts else known


@lru_cache(maxsize=256)
def _year(code: str, year: int) -> dict[date, str]:
    country, _, part = code.partition("-")
    try:
        calendar = holidays.country_holidays(country, subdiv=part or None, years=year)
    except NotImplementedError:
        raise LookupError(code) from None
    if not calendar.start_year <= year <= calendar.end_year:
        raise LookupError(code)
    return dict(calendar)


@lru_cache(maxsize=64)
def _shared(country: str, year: int) -> dict[date, str]:
    """The days that every part of a country keeps, as Australia does when Boxing Day is a Saturday."""
    parts = holidays.country_holidays(country.partition("-")[0]).subdivisions
    years = [_year(f"{country.partition('-')[0]}-{part}", year) for part in parts]
    return {day: name for day, name in years[0].items() if all(day in other for other in years)} if years else {}


def is_known(code: str) -> bool:
    """Whether there is a calendar of this country or part."""
    try:
        _year(code, 2026)
    except LookupError:
        return False
    return True


def load(path: Path) -> Calendars:
    """Read an agency's corrections: a table for each code, with `add` and `remove`. Raises InputError."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return Calendars(TypeAdapter(dict[str, Corrections]).validate_python(values))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", "name a file that can be read") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise InputError(f"{path}: {error}", "write [IT] with add = [2026-10-05] or remove = [2026-10-04]") from None
