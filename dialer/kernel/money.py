"""Money: whole cents of one currency."""

import re
from dataclasses import dataclass


class BadMoneyError(ValueError):
    """This text is no amount: the message says why."""


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An amount in the currency's smallest unit (euro cents)."""

    cents: int
    currency: str = "EUR"

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        return f"{sign}{abs(self.cents) // 100}.{abs(self.cents) % 100:02d} {self.currency}"

    def __add__(self, other: "Money") -> "Money":
        return Money(self.cents + self._same(other).cents, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.cents - self._same(other).cents, self.currency)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            msg = f"{self.currency} and {other.currency} don't add up"
            raise ValueError(msg)
        return other


def parse(text: str, currency: str = "EUR", decimal_sign: str = "") -> Money:
    """Read an amount as Italian and English files write it: `1.234,56`, `1234.56`, `€ 99,00`, `1.234`.

    A single separator followed by exactly three digits groups thousands; the last separator otherwise starts
    the cents. decimal_sign: what alone starts the cents, where that is known. Raises BadMoneyError.
    """
    bare = re.sub(r"[€\s]|EUR", "", text)
    found = re.fullmatch(r"(-?)([0-9]{1,3}(?:([.,'])[0-9]{3})(?:\3[0-9]{3})*|[0-9]+)(?:([.,])([0-9]{1,2}))?", bare)
    if not found:
        raise BadMoneyError("not an amount")
    sign, whole, grouping, decimal, fraction = found.groups()
    if decimal and decimal == grouping:
        raise BadMoneyError("the same sign groups thousands and starts the cents")
    if decimal_sign and (grouping == decimal_sign or decimal not in (None, decimal_sign)):
        raise BadMoneyError(f"the cents don't begin with {decimal_sign}")
    cents = int(re.sub(r"[.,']", "", whole)) * 100 + int((fraction or "0").ljust(2, "0"))
    return Money(-cents if sign else cents, currency)
