"""Telephone numbers: E.164 or nothing."""

import re
from typing import NewType

import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo

PhoneNumber = NewType("PhoneNumber", str)
"""A public number in E.164, as `+390212345678`."""

# most numbers of an Italian file, in a hundredth of the library's time; a test holds it against the library
_ITALIAN_MOBILE = re.compile(r"(?:\+39|0039)?(3[1-9][0-9]{8})")
_BETWEEN_DIGITS = str.maketrans("", "", " .-/")
_E164 = re.compile(r"\+[1-9][0-9]{5,14}")
_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.PERSONAL_NUMBER: "a number service",
    PhoneNumberType.UAN: "a company's access number",
    PhoneNumberType.VOICEMAIL: "a voicemail access number",
}


class BadPhoneError(ValueError):
    """This text is no telephone number of a person: the message says why, `remedy` what to do."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class NoSuchNumberError(BadPhoneError):
    """The digits are nobody's number: neither a person's, nor a service's, nor a short one."""


def parse(text: str, region: str) -> PhoneNumber:
    """Read one number as people write it.

    `region` (ISO 3166, as `IT`) is assumed where the text has no country code. Raises BadPhoneError.
    """
    mobile = _ITALIAN_MOBILE.fullmatch(text.translate(_BETWEEN_DIGITS))
    if mobile and (region == "IT" or text.lstrip().startswith(("+", "00"))):
        return PhoneNumber("+39" + mobile[1])
    if re.fullmatch(r"[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+", text.strip()):
        raise BadPhoneError(
            "a spreadsheet turned this number into a power of ten", "format the column as text and export it again"
        )
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise BadPhoneError("not a telephone number", "write one number a cell, as +39 347 1234567") from None
    number_type = phonenumbers.number_type(number)
    if number_type == PhoneNumberType.UNKNOWN:  # which is: not valid
        if _is_short(text, number, region):
            raise BadPhoneError("a short number is not a person's", "remove it")
        raise NoSuchNumberError(f"no such number in {region_of(number) or region}", _remedy(number))
    refused = _REFUSED_TYPES.get(number_type)
    if refused:
        raise BadPhoneError(f"{refused} is not a person's", "remove it")
    return PhoneNumber(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def received(text: str, region: str) -> PhoneNumber | None:
    """A number as the network says it, with or without the country's code; None: withheld, or nobody's number."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return PhoneNumber(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def region_of(number: phonenumbers.PhoneNumber) -> str | None:
    """The country (ISO 3166) to which a parsed number belongs."""
    return phonenumbers.region_code_for_number(number)


def is_dialable(text: str) -> bool:
    """Whether `text` is in the one form that may reach a dial string: checked again right before it does."""
    return _E164.fullmatch(text) is not None


def mask(number: str) -> str:
    """The number as a log or a wrong reader may see it."""
    return "…" + number[-2:] if number else ""


def _is_short(text: str, number: phonenumbers.PhoneNumber, region: str) -> bool:
    """Whether it is one of a country's short codes, as 112."""
    return "+" not in text and bool(shortnumberinfo.is_valid_short_number_for_region(number, region))


def _remedy(number: phonenumbers.PhoneNumber) -> str:
    with_zero = f"0{number.national_number}"
    if number.country_code == 39 and phonenumbers.is_valid_number(phonenumbers.parse(with_zero, "IT")):
        return f"did a spreadsheet drop the leading zero? {mask(with_zero)} with a zero in front would be a landline"
    return "check the digits with the creditor"
