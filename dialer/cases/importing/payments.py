"""A file of payments, or of payments that were taken back, as banks and creditors list them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from dialer.cases.importing import cells
from dialer.cases.importing.columns import PAYMENT_COLUMNS
from dialer.cases.importing.profile import Profile
from dialer.cases.importing.reading import BATCH_ROWS
from dialer.cases.importing.records import Record
from dialer.cases.importing.rejects import BadCellError, RejectedRow, RowError
from dialer.cases.importing.rows import CellsOfRow
from dialer.cases.importing.table import Table
from dialer.cases.payment import Payment, PaymentMethod, refuse_card_numbers
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

_METHODS = {method.value: method for method in PaymentMethod} | {
    "bonifico": PaymentMethod.BANK_TRANSFER,
    "carta": PaymentMethod.CARD,
    "pos": PaymentMethod.CARD,
    "sdd": PaymentMethod.DIRECT_DEBIT,
    "rid": PaymentMethod.DIRECT_DEBIT,
    "addebito": PaymentMethod.DIRECT_DEBIT,
    "bollettino": PaymentMethod.POSTAL,
    "contanti": PaymentMethod.CASH,
    "altro": PaymentMethod.OTHER,
}
_TEXTS = {"reference": "payment_reference", "receipt": "receipt"}


@dataclass(frozen=True, slots=True)
class TakenPayment:
    """A payment with the row in which it stands."""

    creditor: str
    payment: Payment
    record: Record


@dataclass(frozen=True, slots=True)
class PaymentBatch:
    """Some rows in a row. done: which share of the file is read with them."""

    taken: tuple[TakenPayment, ...]
    rejected: tuple[RejectedRow, ...]
    rows: int
    done: float


class PaymentReading:
    """One file being read. latest: the last day on which a payment can have been made. returned: its amounts were taken
    back, as direct debits that bounced, with a minus or without. Raises InputError.
    """

    def __init__(self, file: BinaryIO, profile: Profile | None = None, *, latest: date, returned: bool = False) -> None:
        self._table = Table(file, profile, PAYMENT_COLUMNS)
        self._returned = returned
        self._latest = latest

    @property
    def header(self) -> tuple[str, ...]:
        return self._table.source.header

    def batches(self) -> Iterator[PaymentBatch]:
        """The rows, once."""
        taken: list[TakenPayment] = []
        rejected: list[RejectedRow] = []
        rows = 0
        for record in self._table.records():
            rows += 1
            try:
                taken.append(self._payment(record))
            except RowError as error:
                rejected.append(self.rejected(record, error))
            if rows >= BATCH_ROWS:
                yield PaymentBatch(tuple(taken), tuple(rejected), rows, self._table.source.done())
                taken, rejected, rows = [], [], 0
        if rows:
            yield PaymentBatch(tuple(taken), tuple(rejected), rows, 1.0)

    def rejected(self, record: Record, error: RowError) -> RejectedRow:
        """The row as it is rejected. What may be a card's number isn't in it."""
        found = tuple("" if _may_be_card(cell) else cell for cell in record.cells)
        if _may_be_card(error.value) or (not error.column and found != record.cells):
            error = RowError(error.column, "", str(error), error.remedy)
        return RejectedRow(found, (self._table.reject(record, error, row_lost=True),))

    def _payment(self, record: Record) -> TakenPayment:
        row = CellsOfRow(self._table.row(record), self._table.form)
        required = {name: row.require(name, column) for name, column in PAYMENT_COLUMNS.items() if column.required}
        currency = row.read("currency", cells.currency) or "EUR"
        amount = row.read("amount", lambda text: cells.amount(text, currency, self._table.form))
        paid_on = row.day("paid_on")
        assert amount is not None and paid_on is not None  # noqa: PT018 -- required, so looked at before
        if amount.cents == 0:
            raise RowError("amount", required["amount"], "nothing was paid", "remove the row")
        if paid_on > self._latest:
            raise RowError("paid_on", required["paid_on"], "hasn't come yet", "a promised payment is no payment")
        texts = {field: row.read(name, str) or "" for field, name in _TEXTS.items()}
        for field, text in texts.items():
            try:
                refuse_card_numbers(field, text)
            except InputError as error:
                raise RowError(_TEXTS[field], "", "looks like a card's number", error.remedy) from None
        method = row.read("method", _method) or PaymentMethod.UNKNOWN
        cents = -abs(amount.cents) if self._returned else amount.cents
        try:
            payment = Payment(
                texts["reference"],
                required["debt_reference"],
                Money(cents, currency),
                paid_on,
                method,
                texts["receipt"],
            )
        except InputError as error:
            raise RowError("payment_reference", texts["reference"], str(error), error.remedy) from None
        return TakenPayment(required["creditor"], payment, record)


def _may_be_card(text: str) -> bool:
    try:
        refuse_card_numbers("", text)
    except InputError:
        return True
    return False


def _method(text: str) -> PaymentMethod:
    if text.lower() not in _METHODS:
        raise BadCellError("not a way to pay", f"write one of {', '.join(method.value for method in PaymentMethod)}")
    return _METHODS[text.lower()]
