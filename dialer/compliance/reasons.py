"""Why a call is refused: one registry for the record, the metric label, the screen and the docs."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A reason's value is the id of its rule in a pack, or names what the engine itself lacks."""

    text: str

    def __new__(cls, value: str, text: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member

    # rules of the packs
    HOURS = "hours", "outside the hours in which this debtor may be called"
    ZONE_UNKNOWN = "zone-unknown", "the debtor's time zone isn't known, so no hour is surely legal"
    GAP_NUMBER = "gap-number", "this number was called too recently"
    ATTEMPTS_PER_DAY = "attempts-per-day", "the debtor has had all attempts of the day"
    IN_FLIGHT = "in-flight", "another call to this debtor or number is under way"
    DO_NOT_CALL = "do-not-call", "the debtor asked not to be called on this number"
    # what the engine itself lacks: in doubt nobody is called
    NO_NUMBER = "no-number", "the case has no number that may be dialled"
    NUMBER_INVALID = "number-invalid", "the number isn't in E.164"
    STORE_AWAY = "store-away", "the record can't be written"
    PBX_AWAY = "pbx-away", "the PBX is away or being reconciled"
    CLOCK = "clock", "the clock went back"


ENGINE = frozenset({Reason.STORE_AWAY, Reason.PBX_AWAY, Reason.CLOCK})
"""Reasons that say nothing of the case: it stays due."""
