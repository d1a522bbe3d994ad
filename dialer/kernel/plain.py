"""Values of ours as JSON can hold them."""

from dataclasses import asdict
from datetime import date, datetime
from typing import Any


def plain(value: Any) -> Any:
    """A value of ours as JSON can hold it."""
    return _plain(asdict(value))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value
