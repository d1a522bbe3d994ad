"""All that is known of a case, and the ports to read it and to add to it. Every method raises AwayError."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from dialer.cases.debt import Debt
from dialer.cases.debtor import Address, DebtorKind, Guarantor, NumberDetails
from dialer.cases.flag import StandingFlag
from dialer.cases.history import HistoryEntry, Moment
from dialer.cases.limitation import Limitation, WrittenFact
from dialer.cases.mandate import Mandate
from dialer.cases.payment import Balance, Payment
from dialer.kernel.money import Money


@dataclass(frozen=True, slots=True)
class Statement:
    """One debt with what was paid, the oldest first, what is left, and where its limitation clock stands."""

    debt_id: int
    debt: Debt
    payments: tuple[Payment, ...]
    balance: Balance
    limitation: Limitation


def left_of(statements: Iterable[Statement], remitted: Iterable[Money] = ()) -> tuple[Money, ...]:
    """What is left of all debts together, a sum for each currency; what was paid too much for one pays no other.

    remitted: what needn't be paid any more, by promises that were kept under an accepted offer.
    """
    sums: dict[str, Money] = {}
    for statement in statements:
        left = statement.balance.left
        sums[left.currency] = sums.get(left.currency, Money(0, left.currency)) + Money(
            max(left.cents, 0), left.currency
        )
    for remission in remitted:
        left = sums.get(remission.currency, Money(0, remission.currency))
        sums[left.currency] = Money(max(left.cents - remission.cents, 0), left.currency)
    return tuple(sums[currency] for currency in sorted(sums))


@dataclass(frozen=True, slots=True)
class Debtor:
    """Who owes, as the creditor told. pec: the address of certified mail."""

    id: int
    reference: str
    name: str
    kind: DebtorKind
    tax_code: str
    pec: str
    language: str
    zone: str
    household: str
    place: str
    risk_class: str
    income_class: str
    addresses: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Dossier:
    """A case whole. rank: its place in the choice, in one sentence, while it is open. terms: those of its mandate, where they are on record. left: by currency. timeline: the newest first; `cut` where older moments were left out."""

    id: int
    campaign: str
    creditor: str
    mandate: str
    terms: Mandate | None
    state: str
    due_at: datetime | None
    why: str
    note: str
    facts: Mapping[str, Any]
    debtor: Debtor
    numbers: tuple[NumberDetails, ...]
    guarantors: tuple[Guarantor, ...]
    statements: tuple[Statement, ...]
    left: tuple[Money, ...]
    flags: tuple[StandingFlag, ...]
    timeline: tuple[Moment, ...]
    cut: bool
    rank: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A debt of which something is left, and whose limitation date is near or over."""

    case_id: int
    creditor: str
    debt_reference: str
    left: Money
    limitation: Limitation


@dataclass(frozen=True, slots=True)
class View:
    """Somebody looked at a case."""

    at: datetime
    by: str
    how: str


class Dossiers(Protocol):
    """Cases to look at, and what people write into them."""

    async def look(self, case_id: int, by: str, how: str, now: datetime) -> Dossier:
        """The case whole; that `by` looked at it is on record with it, or nothing is shown. Raises LookupError."""

    async def viewed(self, case_id: int, by: str, how: str, now: datetime) -> None:
        """Return once it is on record that `by` sees the case."""

    async def views(self, case_id: int) -> list[View]:
        """Who looked at it, the last first."""

    async def write(self, entry: HistoryEntry, now: datetime) -> None:
        """Put an entry into a case's history; one with the same reference is replaced. Raises LookupError."""

    async def running_out(self, until: date, most: int) -> list[Running]:
        """The debts of open cases that can be claimed at most until then, the nearest first."""

    async def record_fact(self, case_id: int, debt_reference: str, fact: WrittenFact, now: datetime) -> Limitation:
        """Put a written fact on record; where the debt's clock stands after it. Raises LookupError."""


@dataclass(frozen=True, slots=True)
class RefusedPayment:
    """A payment that can't be taken, and why. at: its place among those given."""

    at: int
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class PaymentsAdded:
    """What became of payments. known: told before, and the same: they change nothing.

    settled, reopened: cases that are closed now, as nothing is left to pay, and cases of which a payment was taken back.
    """

    new: int = 0
    known: int = 0
    refused: tuple[RefusedPayment, ...] = ()
    settled: tuple[int, ...] = ()
    reopened: tuple[int, ...] = ()


class Payments(Protocol):
    """Money that came in."""

    async def add(self, creditor: str, payments: Sequence[Payment], by: str, now: datetime) -> PaymentsAdded:
        """Take payments; each counts once, by the creditor and its reference."""
