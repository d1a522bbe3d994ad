"""What the interface takes for payments."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dialer.cases.dossier import Payments
from dialer.cases.payment import MOST_REFERENCE_CHARACTERS, Payment, PaymentMethod, refuse_card_numbers
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money
from dialer.kernel.plain import plain

MOST_PAYMENTS = 200
MOST_CENTS = 10**15
_Text = Annotated[str, Field(max_length=MOST_REFERENCE_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class PaymentBody(BaseModel):
    """cents: below zero where it was taken back. receipt: the terminal's reference, never a card's number."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    reference: _Text
    debt: _Name
    cents: Annotated[int, Field(ge=-MOST_CENTS, le=MOST_CENTS, strict=True)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    paid_on: date
    method: PaymentMethod = PaymentMethod.UNKNOWN
    receipt: _Text = ""


class PaymentsBody(BaseModel):
    """Payments for debts of one creditor; `by` tells them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    creditor: _Name
    by: _Name
    payments: Annotated[tuple[PaymentBody, ...], Field(min_length=1, max_length=MOST_PAYMENTS)]


async def take(port: Payments, body: Any, now: datetime, admit: Callable[[str], None]) -> Any:
    """Put payments on record: what came of them. admit: raises where nothing may be told of the creditor's debts. Raises
    ValidationError, InputError where one can't be: then none is.
    """
    known = PaymentsBody.model_validate(body)
    admit(known.creditor)
    refuse_card_numbers("by", known.by)
    for number, one in enumerate(known.payments):
        if (one.paid_on - now.date()).days > 1:  # it may be tomorrow already where it was paid
            raise InputError(f"payments.{number}.paid_on: hasn't come yet", "a promised payment is no payment")
    given = [_payment(number, one) for number, one in enumerate(known.payments)]
    return plain(await port.add(known.creditor, given, known.by, now))


def _payment(number: int, one: PaymentBody) -> Payment:
    try:
        return Payment(one.reference, one.debt, Money(one.cents, one.currency), one.paid_on, one.method, one.receipt)
    except InputError as error:
        raise InputError(f"payments.{number}.{error}", error.remedy) from None
