"""What commands read besides files."""

from datetime import UTC, date, datetime

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
