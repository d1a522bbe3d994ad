"""Who owes: a person or a company, where they live, who answers for them, and what is known of their numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dialer.kernel.phone import PhoneNumber


class DebtorKind(StrEnum):
    """What the debtor is before the law."""

    PERSON = "person"
    COMPANY = "company"


class AddressKind(StrEnum):
    """What stands at an address."""

    HOME = "home"
    REGISTERED = "registered"
    """A company's seat, where letters are served."""
    WORK = "work"
    OTHER = "other"


ITALY, ITALIAN_ZONE = "+39", "Europe/Rome"


def zone_of_numbers(numbers: Iterable[PhoneNumber]) -> str:
    """The zone of a debtor for whom nobody named one: known where all the numbers are Italian; else empty, and then no
    hour is surely legal.
    """
    return ITALIAN_ZONE if all(number.startswith(ITALY) for number in numbers) else ""


@dataclass(frozen=True, slots=True)
class Address:
    """One address, as a letter needs it. province: `RM`; country: ISO 3166, as `IT`."""

    street: str = ""
    postal_code: str = ""
    city: str = ""
    province: str = ""
    country: str = "IT"
    kind: AddressKind = AddressKind.HOME


@dataclass(frozen=True, slots=True)
class Guarantor:
    """Who answers for a debt beside the debtor. The numbers are kept, and not called: they are another person's."""

    name: str
    tax_code: str = ""
    numbers: tuple[PhoneNumber, ...] = ()
    note: str = ""


class NumberKind(StrEnum):
    """What kind of line a number is."""

    MOBILE = "mobile"
    LANDLINE = "landline"
    WORKPLACE = "workplace"
    """The employer's: rules for workplaces hold."""
    UNKNOWN = "unknown"


class Provenance(StrEnum):
    """Who gave a number."""

    CREDITOR = "creditor"
    DEBTOR = "debtor"
    DIRECTORY = "directory"
    TRACING = "tracing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class NumberDetails:
    """What is known of one of a debtor's numbers, beyond that it is one.

    verified_on: when somebody was sure whose it is. best_hours: hours of the debtor's day (0 to 23) at which to try.
    Whether it must not be called is no property of it: that is a flag.
    """

    number: PhoneNumber
    kind: NumberKind = NumberKind.UNKNOWN
    provenance: Provenance = Provenance.UNKNOWN
    verified_on: date | None = None
    best_hours: tuple[int, ...] = ()
    note: str = ""
