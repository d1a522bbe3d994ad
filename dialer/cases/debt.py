"""What is owed."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dialer.kernel.money import Money


class ItemKind(StrEnum):
    """What a part of a debt is. Payments go to them in this order, from the last (Italy: art. 1194 c.c.)."""

    PRINCIPAL = "principal"
    INTEREST = "interest"
    FEES = "fees"
    COSTS = "costs"


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a debt. description: the creditor's words, as the invoice's number."""

    kind: ItemKind
    amount: Money
    due_on: date | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Debt:
    """One debt that the creditor assigned; `reference` is unique with the creditor.

    items: its parts, whose sum is `amount`; empty where the creditor gave one sum. limitation_on: the last day on which
    it can be claimed, as the creditor says; None = not known. limitation_years: for how long the law gives it anew
    after what interrupts it (Italy: 10, art. 2946 c.c., or 5, 3, 2, 1 by its cause); None = not known.
    """

    reference: str
    amount: Money
    due_on: date | None = None
    items: tuple[Item, ...] = ()
    limitation_on: date | None = None
    limitation_years: int | None = None

    def __post_init__(self) -> None:
        if any(item.amount.currency != self.amount.currency for item in self.items):
            msg = "items in another currency than the debt"
            raise ValueError(msg)
        if self.items and sum(item.amount.cents for item in self.items) != self.amount.cents:
            msg = "the items don't add up to the debt"
            raise ValueError(msg)
