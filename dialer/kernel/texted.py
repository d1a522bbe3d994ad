"""Values that say what they mean: one enum feeds the record, the interface, the screen and the documentation."""

from enum import StrEnum
from typing import Self


class TextEnum(StrEnum):
    """Members are written as `NAME = "value", "what it means"`."""

    text: str

    def __new__(cls, value: str, text: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.text = text
        return member
