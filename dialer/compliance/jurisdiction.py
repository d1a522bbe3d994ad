"""Where a debtor may be: time zones and packs that follow from the number and the address."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType, timezone

from dialer.compliance.pack import Pack
from dialer.kernel.phone import PhoneNumber


@lru_cache(maxsize=65_536)
def zones_for(declared: tuple[str, ...], number: PhoneNumber) -> tuple[str, ...]:
    """The zones declared or known by the address, and those of the number's plan: hours must hold in all of them.

    A mobile number of a country with one plan for all its zones says no more than the country: it adds nothing where
    one of its zones is known already.
    """
    parsed = phonenumbers.parse(number)
    plan = tuple(zone for zone in timezone.time_zones_for_number(parsed) if "/" in zone and not zone.startswith("Etc/"))
    is_mobile = phonenumbers.number_type(parsed) is PhoneNumberType.MOBILE
    if is_mobile and declared and set(declared) <= set(plan):
        return declared
    return tuple(dict.fromkeys((*declared, *plan)))


@lru_cache(maxsize=65_536)
def country_of(number: PhoneNumber) -> str | None:
    """The country (ISO 3166) of a number; None where its code belongs to several and it isn't known which."""
    return phonenumbers.region_code_for_number(phonenumbers.parse(number))


def packs_for(named: Iterable[str], known: Mapping[str, Pack], number: PhoneNumber, place: str) -> tuple[str, ...]:
    """The packs that a campaign names, and those that apply where the number or the address (`US-MA`) is.

    A pack applies to its own place and to every part of it. An overlay of a part adds to its country's pack.
    """
    here = [code for code in (country_of(number), place) if code]
    follow = (
        name
        for name, pack in known.items()
        if any(code == there or code.startswith(f"{there}-") for code in here for there in pack.applies_to)
    )
    return tuple(dict.fromkeys((*named, *follow)))
