"""What every section of `dialer.toml` has in common."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"


class Section(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def zone_name(text: str) -> str:
    """The name of a time zone. Raises ValueError."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = "no time zone has this name: write it as Europe/Rome"
        raise ValueError(msg) from None
    return text
