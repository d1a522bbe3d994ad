"""Local days: when they begin, in every zone where the debtor may be."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, TypeGuard
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = timedelta(days=1)


@lru_cache(maxsize=4096)
def instant_of(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a zone's clocks show `clock` on `day`; a time that is skipped is the one after."""
    local = datetime.combine(day, clock, zone)
    return (
        max(local.astimezone(UTC), local.replace(fold=1).astimezone(UTC))
        if _is_skipped(local)
        else (local.astimezone(UTC))
    )


def is_day(value: Any) -> TypeGuard[date]:
    """A date, and no instant: which day an instant is depends on the zone."""
    return isinstance(value, date) and not isinstance(value, datetime)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins there."""
    return instant_of(day, time(), zone)


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The local date."""
    return instant.astimezone(zone).date()


@lru_cache(maxsize=1024)
def zones_of(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    """The zones, or none at all where one of them isn't known: then no hour is surely legal."""
    try:
        return tuple(ZoneInfo(name) for name in names)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ()


def _is_skipped(local: datetime) -> bool:
    return local.astimezone(UTC).astimezone(local.tzinfo).replace(tzinfo=None) != local.replace(tzinfo=None)
