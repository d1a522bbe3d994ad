"""Whom outside the agents of a campaign may call into a debtor's call."""

from typing import Annotated

import phonenumbers
from phonenumbers import PhoneNumberType
from pydantic import AfterValidator, Field

from dialer.settings.caller_id import e164
from dialer.settings.section import NAME, Section

_COSTLY = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)


def _destination(text: str) -> str:
    if phonenumbers.number_type(phonenumbers.parse(e164(text))) in _COSTLY:
        raise ValueError("costs more than a call: name an ordinary number")
    return text


class DestinationSettings(Section):
    """Somebody who is no debtor, as the creditor's office: agents call it by its name, and no other number."""

    name: str = Field(pattern=NAME, description="as agents call it; no agent has the same")
    label: str = Field("", max_length=100, description="who that is, as agents read it; unset: the name")
    number: Annotated[str, AfterValidator(_destination)] = Field(
        description="E.164; it is refused while a debtor or a guarantor has it"
    )


def check_destinations(destinations: tuple[DestinationSettings, ...]) -> None:
    """Each name stands once. Raises ValueError."""
    names = [one.name for one in destinations]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        msg = f"destinations: {twice} stands twice"
        raise ValueError(msg)
