"""The values of a case."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from dialer.kernel.money import Money
from dialer.kernel.phone import PhoneNumber


class CaseState(StrEnum):
    """Whether a case is worked."""

    OPEN = "open"
    CLOSED = "closed"
    """An outcome ended it."""


@dataclass(frozen=True, slots=True)
class Debt:
    """One debt that the creditor assigned; `reference` is unique with the creditor."""

    reference: str
    amount: Money
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class NewCase:
    """A case as it comes in: one debtor, the debts that one creditor assigned, the numbers to try in order."""

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


@dataclass(frozen=True, slots=True)
class NumberLine:
    """One number of a debtor, and how it was used in this case."""

    number: PhoneNumber
    tried: int = 0
    last_tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DueCase:
    """A case that may be dialled now, as far as its own schedule goes: the gate has the last word.

    zones: where the debtor says, or the address says, that the debtor is. place: country and part (`IT`, `US-MA`).
    facts: what packs may require of the case, as `assigned_npl`.
    """

    id: int
    debtor_id: int
    zones: tuple[str, ...]
    numbers: tuple[NumberLine, ...]
    debts: tuple[int, ...] = ()
    household: str = ""
    place: str = ""
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def tried(self) -> int:
        """How many attempts it has had."""
        return sum(line.tried for line in self.numbers)


@dataclass(frozen=True, slots=True)
class CaseCard:
    """What the agent sees of a case when the call lands."""

    id: int
    creditor: str
    debtor_reference: str
    debtor_name: str
    language: str
    debts: tuple[Debt, ...]
    attempts: int
    history: tuple["Contact", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Contact:
    """One past attempt with what was said."""

    at: datetime
    number: PhoneNumber
    result: str
    outcome: str | None
    agent: str | None
    note: str
