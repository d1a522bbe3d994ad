"""What commands read besides files."""

import getpass
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.compliance import localtime
from dialer.kernel.errors import InputError


def instant_of(option: str, text: str | None) -> datetime | None:
    """The instant that an option names; UTC where it says no zone. Raises InputError."""
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text!r}: not an instant", "write it as 2026-11-24T10:00:00+01:00") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def day_of(option: str, text: str) -> date:
    """The day that an option names. Raises InputError."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} {text!r}: not a day", "write it as 2026-11-24") from None


def bound_of(option: str, text: str | None, zone: ZoneInfo, *, end: bool = False) -> datetime | None:
    """Where a period begins, or ends: a day is whole (`end`: up to its last moment) by the clock of `zone`, as is an
    instant without an offset. Raises InputError.
    """
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-24"):
            day = date.fromisoformat(text) + timedelta(days=end)
            return localtime.midnight(day, zone)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InputError(
            f"{option} {text!r}: neither a day nor an instant", "write it as 2026-11-24, or 2026-11-24T10:00:00+01:00"
        ) from None
    return found if found.tzinfo else localtime.instant_of(found.date(), found.time(), zone)


def viewer(by: str) -> str:
    """Who looks: the name given, else the login. Raises InputError."""
    try:
        who = by or getpass.getuser()
    except (OSError, KeyError):
        raise InputError("--by: this login has no name", "say who you are, as --by anna") from None
    if not re.fullmatch(r"[\w .,'@-]{1,64}", who):
        raise InputError("--by: no name", "write at most 64 letters, as anna")
    return who
