"""The numbers that debtors see."""

from typing import Annotated

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import AfterValidator, Field

from dialer.kernel import phone
from dialer.settings.section import Section

_NOT_FOR_COLLECTION = ("+390843", "+390844")
"""Delibera AGCOM 156/18/CIR."""


def e164(text: str) -> str:
    """A number in E.164. Raises ValueError."""
    if not phone.is_dialable(text):
        msg = "not in E.164: write it as +390612345678"
        raise ValueError(msg)
    return text


def ordinary_number(text: str) -> str:
    """A number that debtors may be shown, E.164. Raises ValueError."""
    number = phonenumbers.parse(e164(text))
    if text.startswith(_NOT_FOR_COLLECTION):
        raise ValueError("0843 is for statistics and 0844 for selling: debts are collected from an ordinary number")
    if phonenumbers.number_type(number) in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST):
        raise ValueError("whoever calls it back pays for it: use an ordinary number")
    return text


class CallerIdSettings(Section):
    """One number that debtors see. Each debtor always sees the same one of those in use."""

    number: Annotated[str, AfterValidator(ordinary_number)] = Field(description="E.164, and it can be called back")
    registered: bool = Field(False, description="for these calls (Italy: the ROC)")
    rested: bool = Field(False, description="nobody is shown it, and its debtors see another one until it is back")


def check_caller_ids(caller_ids: tuple[CallerIdSettings, ...]) -> None:
    """Each stands once, and one is in use. Raises ValueError."""
    numbers = [one.number for one in caller_ids]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        msg = f"caller_ids: {twice} stands twice"
        raise ValueError(msg)
    if caller_ids and all(one.rested for one in caller_ids):
        raise ValueError("caller_ids: every one is rested, so nobody could be called: keep one in use")
