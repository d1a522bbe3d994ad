"""The values of a case."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from dialer.cases.debt import Debt
from dialer.cases.debtor import Address, DebtorKind, Guarantor, NumberDetails, NumberKind, Provenance
from dialer.cases.dossier import Statement
from dialer.cases.flag import StandingFlag
from dialer.cases.offers import Offer
from dialer.cases.payment import Payment
from dialer.cases.promises import Promise
from dialer.kernel.money import Money
from dialer.kernel.phone import PhoneNumber


class CaseState(StrEnum):
    """Whether a case is worked."""

    OPEN = "open"
    """It is called when it is due."""
    LETTER = "letter"
    """A letter is to be written when it is due; it isn't called meanwhile."""
    ESCALATED = "escalated"
    """A person decides what comes next; it isn't called meanwhile."""
    CLOSED = "closed"
    """An outcome ended it."""


AGREED = "agreed call-back"
"""Why a case is due that the debtor agreed to be called about then."""
NOT_CALLED = "not called: "
"""Why a case waits that the gate refused; its reasons follow, with commas."""
BROKEN_PROMISE = "broken promise"
"""Why a case is urgent of which a promise was broken; what is missing follows."""
PAID = "paid in full"
"""Why a case is closed of which nothing is left to pay."""
TAKEN_BACK = "a payment was taken back"
"""Why such a case is due again."""


@dataclass(frozen=True, slots=True)
class NextAction:
    """What comes next in a case: its state, when it is due (None: not by itself), and why in one sentence.

    number: which of its numbers is tried first; None: the least tried.
    """

    state: CaseState
    due_at: datetime | None
    why: str
    number: PhoneNumber | None = None


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case as it comes in: one debtor, the debts that one creditor assigned, the numbers to try in order.

    pec: the debtor's address of certified mail. number_details: of those numbers about which more is known. risk_class, income_class: the creditor's own words.
    mandate: the creditor's reference of the mandate under which it is worked. note: what the creditor wrote about it.
    """

    creditor: str
    debtor_reference: str
    debtor_name: str
    debts: tuple[Debt, ...]
    numbers: tuple[PhoneNumber, ...]
    zone: str
    language: str
    household: str = ""
    place: str = ""
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    kind: DebtorKind = DebtorKind.PERSON
    tax_code: str = ""
    pec: str = ""
    addresses: tuple[Address, ...] = ()
    number_details: tuple[NumberDetails, ...] = ()
    guarantors: tuple[Guarantor, ...] = ()
    risk_class: str = ""
    income_class: str = ""
    mandate: str = ""
    note: str = ""


def merged_facts(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a case whose debts differ in them: what stands in the way of calls holds.

    One assigned debt makes the case an assigned one; a notice that is missing for one of them is missing; of two days
    the later one holds.
    """
    merged = {**known, **more}
    for name in set(known) & set(more):
        values = (known[name], more[name])
        if isinstance(values[0], bool):
            merged[name] = any(values) if name == "assigned_npl" else all(values)
        else:
            merged[name] = max(values)
    if any(side.get("assigned_npl") and "assignment_notice_sent" not in side for side in (known, more)):
        merged["assignment_notice_sent"] = False
    return merged


@dataclass(frozen=True, slots=True)
class Try:
    """One past call to a number: whether it was answered, and whether it was the right party who spoke. dead: the network
    said that the number isn't in service.
    """

    at: datetime
    answered: bool = False
    right_party: bool = False
    dead: bool = False


@dataclass(frozen=True, slots=True)
class NumberLine:
    """One number of a debtor, and how it was used. best_hours: hours of the debtor's day at which to try it.

    answered, reached, dead: how many of its calls were, how many spoke with the right party, and of how many the network
    said that it isn't in service, where its worth is reckoned.
    tries: the last calls, the latest first, where the case was read by itself. In a page of cases, none of them.
    """

    number: PhoneNumber
    tried: int = 0
    last_tried_at: datetime | None = None
    kind: NumberKind = NumberKind.UNKNOWN
    provenance: Provenance = Provenance.UNKNOWN
    best_hours: tuple[int, ...] = ()
    answered: int = 0
    reached: int = 0
    tries: tuple[Try, ...] = ()
    dead: int = 0

    @property
    def at_work(self) -> bool:
        """Whether it rings at the employer's, where other rules hold."""
        return self.kind is NumberKind.WORKPLACE


@dataclass(frozen=True, slots=True)
class DueCase:
    """A case that may be dialled now, as far as its own schedule goes: the gate has the last word.

    zones: where the debtor says, or the address says, that the debtor is. place: country and part (`IT`, `US-MA`).
    facts: what packs may require of the case, as `assigned_npl`. first_number: the one to try first, as the last outcome
    suggests. wanted_by: the least cadence. risk_class: the creditor's own word. mandate_starts_on, mandate_ends_on: the
    first and the last day of its mandate, where its terms are on record. failed_trunks: those that had no way for it just
    now.
    """

    id: int
    debtor_id: int
    zones: tuple[str, ...]
    numbers: tuple[NumberLine, ...]
    debts: tuple[int, ...] = ()
    household: str = ""
    place: str = ""
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    first_number: PhoneNumber | None = None
    creditor: str = ""
    wanted_by: datetime | None = None
    risk_class: str = ""
    mandate_starts_on: date | None = None
    mandate_ends_on: date | None = None
    failed_trunks: frozenset[str] = frozenset()

    @property
    def tried(self) -> int:
        """How many attempts it has had."""
        return sum(line.tried for line in self.numbers)


@dataclass(frozen=True, slots=True)
class CallBack:
    """A case whose debtor agreed to be called from `at` on."""

    case: DueCase
    at: datetime


@dataclass(frozen=True, slots=True)
class NextDue:
    """When the next case will be due, and why not before."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class CaseCard:
    """What the agent sees of a case when the call lands. flags: those that stop calls now. left: by currency. promises,
    offers: the earliest first.
    """

    id: int
    creditor: str
    debtor_reference: str
    debtor_name: str
    language: str
    debts: tuple[Debt, ...]
    attempts: int
    history: tuple["Contact", ...] = ()
    statements: tuple[Statement, ...] = ()
    left: tuple[Money, ...] = ()
    flags: tuple[StandingFlag, ...] = ()
    note: str = ""
    promises: tuple[Promise, ...] = ()
    offers: tuple[Offer, ...] = ()
    zone: str = ""

    @property
    def payments(self) -> tuple[Payment, ...]:
        """What came in for any of its debts."""
        return tuple(payment for statement in self.statements for payment in statement.payments)


@dataclass(frozen=True, slots=True)
class Contact:
    """One past attempt, or conversation in which the debtor rang us (`inbound`), with what was said."""

    at: datetime
    number: PhoneNumber
    result: str
    outcome: str | None
    agent: str | None
    note: str
