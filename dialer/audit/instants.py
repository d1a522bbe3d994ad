"""Instants as whole microseconds, and what the clocks on the debtor's wall showed.

The gate works out when a window began and compares instants. Here it is the other way round: dates and clock times as
people read them are compared. A mistake in one of the two ways shows as a disagreement.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
NEVER = 1 << 62
"""Later than every instant."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(instant: datetime) -> int:
    """Microseconds since the epoch, exactly: a float would lose some."""
    gap = instant - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds


def instant(at: int) -> datetime:
    """The same as an aware instant in UTC."""
    return _EPOCH + timedelta(microseconds=at)


@lru_cache(maxsize=1_024)
def usable(names: tuple[str, ...]) -> tuple[str, ...]:
    """The zones, or none at all where one of them doesn't exist: then no local time is sure."""
    try:
        for name in names:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ()
    return names


@lru_cache(maxsize=1 << 18)
def wall(at: int, zone: str) -> datetime:
    """What a clock on the wall there showed: a date and time without zone."""
    return instant(at).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def day(at: int, zone: str) -> int:
    """The local date there, counted in days."""
    return wall(at, zone).toordinal()


def shown(at: int) -> str:
    """The instant as the report has it."""
    return instant(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
