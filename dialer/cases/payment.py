"""What was paid, and what is left of a debt."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dialer.cases.debt import Debt, ItemKind
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

MOST_CARD_DIGITS = 19
"""How long a card's number is at most (ISO/IEC 7812-1)."""
# The schemes' prefixes with their lengths (ISO/IEC 7812-1, and what the schemes publish): the check digit alone would
# take one in ten of a bank's references for a card.
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"  # Mastercard
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0[0-5]|[689][0-9])[0-9]{11,16}"  # Diners Club
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12,15}"  # JCB
    r"|(?:5[06-8]|6[0-9])[0-9]{11,17}"  # Maestro, Discover, UnionPay
)
MOST_REFERENCE_CHARACTERS = 80
# costs and interest before principal (Italy: art. 1194 c.c.), where the debtor and the creditor agreed on nothing else
_ORDER = (ItemKind.COSTS, ItemKind.FEES, ItemKind.INTEREST, ItemKind.PRINCIPAL)


class PaymentMethod(StrEnum):
    """How it was paid."""

    BANK_TRANSFER = "bank_transfer"
    CARD = "card"
    DIRECT_DEBIT = "direct_debit"
    POSTAL = "postal"
    CASH = "cash"
    OTHER = "other"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came in for one debt; below zero: money that was taken back, as a direct debit that bounced.

    reference: the creditor's or the bank's key of it, unique with the creditor. receipt: the terminal's reference of a
    card payment. What looks like a card's number is refused: it must never be on record. Raises InputError.
    """

    reference: str
    debt_reference: str
    amount: Money
    paid_on: date
    method: PaymentMethod = PaymentMethod.UNKNOWN
    receipt: str = ""

    def __post_init__(self) -> None:
        for field in ("reference", "receipt"):
            refuse_card_numbers(field, getattr(self, field))
            if len(getattr(self, field)) > MOST_REFERENCE_CHARACTERS:
                raise InputError(f"{field}: longer than {MOST_REFERENCE_CHARACTERS} characters", "shorten it")
        if not self.reference:
            raise InputError("reference: empty", "name the payment, lest it count twice when it is told again")
        if self.amount.cents == 0:
            raise InputError("amount: nothing", "leave the payment out")


@dataclass(frozen=True, slots=True)
class Balance:
    """What a debt comes to. left: below zero where more was paid than owed. parts: what is left of each kind of item,
    where the items are known.
    """

    owed: Money
    paid: Money
    left: Money
    parts: tuple[tuple[ItemKind, Money], ...] = ()


def balance_of(debt: Debt, payments: Iterable[Payment]) -> Balance:
    """Exact, in the debt's currency. Raises ValueError for a payment in another one."""
    nothing = Money(0, debt.amount.currency)
    paid = sum((payment.amount for payment in payments), nothing)
    covered = max(paid.cents, 0)
    parts = []
    for kind in _ORDER if debt.items else ():
        owed = sum(item.amount.cents for item in debt.items if item.kind is kind)
        used = min(covered, owed) if owed > 0 else 0  # a credit note among the items isn't paid off
        covered -= used
        parts.append((kind, Money(owed - used, debt.amount.currency)))
    return Balance(debt.amount, paid, debt.amount - paid, tuple(parts))


def refuse_card_numbers(field: str, text: str) -> None:
    """Raises InputError where a text holds what may be a card's number; the error never quotes it."""
    if any(_CARD.fullmatch(number) and _luhn(number) for number in _numbers(text)):
        raise InputError(
            f"{field}: holds what looks like a card's number",
            "give the terminal's reference instead: a card's number must not be kept",
        )


def _numbers(text: str) -> Iterator[str]:
    """Every run of up to 19 digits, also where blanks, dots or dashes part it."""
    for run in re.findall(r"[0-9](?:[0-9]|[ .\-/_]{1,2}(?=[0-9]))*", unicodedata.normalize("NFKC", text)):
        groups = re.findall(r"[0-9]+", run)
        for first in range(len(groups)):
            number = ""
            for group in groups[first:]:
                number += group
                if len(number) > MOST_CARD_DIGITS:
                    break
                yield number


def _luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0
