"""Amounts, days and the kinds of a debt's parts, as letters and scripts in a language write them."""

from datetime import date

from dialer.cases.debt import ItemKind
from dialer.cases.offers import Terms
from dialer.kernel.money import Money

_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}
_MONTHS = {
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December"),
    "it": ("gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre",
           "novembre", "dicembre"),
}  # fmt: skip
_PARTS = {
    "en": ("principal", "interest", "fees", "costs"),
    "it": ("capitale", "interessi", "commissioni", "spese"),
}


def amount(money: Money, language: str) -> str:
    """`€1,234.56` in English, `1.234,56 €` elsewhere."""
    sign = _SIGNS.get(money.currency, money.currency)
    text = f"{abs(money.cents) // 100:,}.{abs(money.cents) % 100:02d}"
    minus = "-" if money.cents < 0 else ""
    if language == "en":
        return f"{minus}{sign}{text}" if len(sign) == 1 else f"{minus}{sign} {text}"
    return f"{minus}{text.translate(str.maketrans(',.', '.,'))} {sign}"


def day(on: date | None, language: str) -> str:
    """`24 novembre 2026`; as numbers, 24/11/2026, in languages whose months aren't here; empty where it isn't known."""
    if on is None:
        return ""
    months = _MONTHS.get(language)
    return f"{on.day} {months[on.month - 1]} {on.year}" if months else f"{on:%d/%m/%Y}"


def part(kind: ItemKind, language: str) -> str:
    """What a part of a debt is; in English where the language has no word here."""
    return _PARTS.get(language, _PARTS["en"])[list(ItemKind).index(kind)]


def whole(language: str) -> str:
    """What stands for the parts of a debt of which the creditor gave one sum."""
    return "importo" if language == "it" else "amount"


def offer(terms: Terms, language: str) -> str:
    """What is offered, in words; English where the language isn't Italian."""
    percent, count = f"{terms.discount_percent:g}", terms.instalments
    if language == "it":
        return f"sconto del {percent} %, {count} rat{'a' if count == 1 else 'e'}, entro il {day(terms.until, language)}"
    return f"{percent} % off, {count} instalment{'' if count == 1 else 's'}, until {day(terms.until, language)}"
