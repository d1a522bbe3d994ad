"""What the case list hints of a call before it is placed: pacing learns how often each kind is answered."""

from datetime import datetime
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from dialer.compliance.localtime import zones_of
from dialer.compliance.verdict import Intent
from dialer.kernel.phone import PhoneNumber

_TYPES = {PhoneNumberType.MOBILE: "mobile", PhoneNumberType.FIXED_LINE: "fixed"}
_BANDS = (10, 5, 3, 2, 1)
"""From which attempt at a case on it is in which band: the first ones differ most."""


def kind_of(intent: Intent, at: datetime) -> str:
    """Number type, local hour and attempt, as `mobile/10/1`: nothing in it is about one person."""
    zones = zones_of(intent.zones[:1])
    hour = str(at.astimezone(zones[0]).hour) if zones else "unknown"
    attempt = int(intent.given.get("attempts_so_far", 0)) + 1
    return f"{_type_of(intent.number)}/{hour}/{next(band for band in _BANDS if attempt >= band)}"


@lru_cache(maxsize=65_536)
def _type_of(number: PhoneNumber) -> str:
    return _TYPES.get(phonenumbers.number_type(phonenumbers.parse(number)), "other")
