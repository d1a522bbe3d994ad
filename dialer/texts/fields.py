"""The fields that letters and scripts may name, from what is known of a case."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from dialer.cases.debt import Item
from dialer.cases.dossier import Statement
from dialer.kernel.money import Money
from dialer.texts import wording


@dataclass(frozen=True, slots=True)
class Agency:
    """Who collects, as letters and scripts name it. address, contact: lines. how_to_pay: of the creditor."""

    name: str = ""
    address: str = ""
    contact: str = ""
    licence: str = ""
    licence_valid_until: date | None = None
    how_to_pay: str = ""


@dataclass(frozen=True, slots=True)
class ItemField:
    """A part of a debt, in words: what it is, the creditor's own words for it, amount, due day."""

    part: str
    description: str
    amount: str
    due_on: str


@dataclass(frozen=True, slots=True)
class DebtField:
    """A debt, in words. items: its parts; one, where the creditor gave one sum. paid: empty where nothing was."""

    reference: str
    amount: str
    due_on: str
    items: tuple[ItemField, ...]
    paid: str
    left: str


COMMON = (
    "date", "creditor", "debtor", "debtor_reference", "debts", "total", "collector", "collector_address",
    "collector_contact", "licence", "how_to_pay",
)  # fmt: skip
"""The fields of every text."""


def debt_fields(statements: Iterable[Statement], language: str) -> tuple[DebtField, ...]:
    """The debts of which something is left."""
    return tuple(_debt(statement, language) for statement in statements if statement.balance.left.cents > 0)


def common(
    agency: Agency,
    creditor: str,
    debtor: str,
    debtor_reference: str,
    debts: tuple[DebtField, ...],
    total: Iterable[Money],
    today: date,
    language: str,
) -> dict[str, object]:
    """The fields of every text, by name."""
    return {
        "date": wording.day(today, language),
        "creditor": _plain(creditor),
        "debtor": _plain(debtor),
        "debtor_reference": _plain(debtor_reference),
        "debts": debts,
        "total": ", ".join(wording.amount(sum_, language) for sum_ in total),
        "collector": agency.name,
        "collector_address": agency.address,
        "collector_contact": agency.contact,
        "licence": agency.licence,
        "how_to_pay": agency.how_to_pay,
    }


def _debt(statement: Statement, language: str) -> DebtField:
    debt, balance = statement.debt, statement.balance
    return DebtField(
        _plain(debt.reference),
        wording.amount(debt.amount, language),
        wording.day(debt.due_on, language),
        tuple(_item(item, language) for item in debt.items) or (_whole(statement, language),),
        wording.amount(balance.paid, language) if balance.paid.cents else "",
        wording.amount(balance.left, language),
    )


def _item(item: Item, language: str) -> ItemField:
    return ItemField(
        wording.part(item.kind, language),
        _plain(item.description),
        wording.amount(item.amount, language),
        wording.day(item.due_on, language),
    )


def _whole(statement: Statement, language: str) -> ItemField:
    debt = statement.debt
    return ItemField(
        wording.whole(language), "", wording.amount(debt.amount, language), wording.day(debt.due_on, language)
    )


def _plain(text: str) -> str:
    """The creditor's words in one line, and without the sign that parts the columns of a table."""
    return " ".join(text.replace("|", "/").split())
