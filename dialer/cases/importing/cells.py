"""One cell each: what it says, or BadCellError with the reason and the remedy."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from dialer.cases import taxcode
from dialer.cases.debtor import DebtorKind
from dialer.cases.importing.rejects import BadCellError
from dialer.kernel import money
from dialer.kernel.money import Money

MOST_CENTS = 10**12
YEARS = range(1950, 2101)
DAY_FIRST, MONTH_FIRST = "day first", "month first"
_DAY = re.compile(
    r"(?P<a>\d{1,4})(?P<sign>[/.\-])(?P<b>\d{1,2})(?P=sign)(?P<c>\d{4}|\d{2})(?:[ T]00:00(?::00(?:\.0+)?)?)?"
)
_SERIAL = re.compile(r"\d{5}(?:[.,]0+)?")
_SERIAL_ZERO = date(1899, 12, 30)
"""Day 0 of Excel's calendar, as every day since March 1900 is counted (it has a 29 February 1900)."""
_SPREADSHEET_ERROR = re.compile(
    r"#(N/D|N/A|RIF!|REF!|VALORE!|VALUE!|DIV/0!|NOME\?|NAME\?|NUM!|NULLO!|NULL!|#+)", re.IGNORECASE
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPOILT = re.compile("\ufffd|Ã[\u00a0-\u00bf]|â€")
"""What UTF-8 looks like once it was read as Windows-1252 and saved."""
_SUSPICIOUS = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f=@#\ufffdÃâ]")
_BLANKS = " \t\r\n\v\f\u00a0\u2007\u202f\u200b\ufeff"
_NOTHING = {"", "-", "--", "n.d.", "n.d", "nd", "n/d", "n/a", "null", "none", "nan", "n.p.", "n.c."}
MOST_CELL_CHARACTERS = 500
MOST_MAIL_CHARACTERS = 254
_MAIL = re.compile(r"[A-Za-z0-9][\w.%+-]*@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}", re.ASCII)
_YES = {"yes": True, "no": False, "sì": True, "si": True, "true": True, "false": False, "1": True, "0": False,
        "vero": True, "falso": False, "s": True, "n": False}  # fmt: skip
_KINDS = {"person": DebtorKind.PERSON, "persona": DebtorKind.PERSON, "persona fisica": DebtorKind.PERSON,
          "pf": DebtorKind.PERSON, "privato": DebtorKind.PERSON, "company": DebtorKind.COMPANY,
          "azienda": DebtorKind.COMPANY, "società": DebtorKind.COMPANY, "persona giuridica": DebtorKind.COMPANY,
          "pg": DebtorKind.COMPANY, "ditta": DebtorKind.COMPANY}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """How a creditor writes. dates: which comes first. decimal: the sign of the cents; empty = told by the digits.

    serial_days, landline_zero: what a spreadsheet spoilt is restored (days as numbers, the zero of landlines).
    """

    dates: str = DAY_FIRST
    decimal: str = ""
    serial_days: bool = False
    landline_zero: bool = False


def harmless(cells: Iterable[str]) -> bool:
    """Whether no cell of these can be one that `clean` refuses. Most rows are so, and it is quickly seen."""
    text = "\n".join(cells)
    return len(text) <= MOST_CELL_CHARACTERS and not _SUSPICIOUS.search(text)


def bare(text: str) -> str:
    """The text without blanks around; empty where it only says that there is nothing."""
    text = text.strip(_BLANKS)
    return "" if text.lower() in _NOTHING else text


def clean(text: str) -> str:
    """As `bare`. Raises BadCellError for what no cell may hold."""
    text = bare(text)
    if not text:
        return ""
    if _CONTROL.search(text):
        raise BadCellError("control characters", "remove them")
    if len(text) > MOST_CELL_CHARACTERS:
        raise BadCellError(f"longer than {MOST_CELL_CHARACTERS} characters", "shorten the cell")
    if text[0] == "#" and _SPREADSHEET_ERROR.fullmatch(text):
        raise BadCellError("a spreadsheet's error", "correct the formula, and export the values")
    if text[0] in "=@":
        raise BadCellError("a formula", "export the values")
    if _SPOILT.search(text):
        raise BadCellError("letters spoilt by a wrong encoding", "export the file again as CSV UTF-8")
    return text


def shown(text: str) -> str:
    """A cell as a reject tells it."""
    text = _CONTROL.sub("?", text)
    return text if len(text) <= MOST_CELL_CHARACTERS else text[:40] + "…"


def day(text: str, form: Form) -> date:
    remedy = "write it as 31/01/2026 or 2026-01-31"
    if _SERIAL.fullmatch(text):
        found = _SERIAL_ZERO + timedelta(days=int(text[:5]))
        if form.serial_days and found.year in YEARS:
            return found
        raise BadCellError(
            "a spreadsheet turned this day into a number",
            f"format the column as a date and export it again; if it is {found:%d/%m/%Y}, serial_days = true in the "
            "creditor's profile reads it so",
        )
    match = _DAY.fullmatch(text)
    if not match:
        raise BadCellError("not a day", remedy)
    a, b, c = match["a"], match["b"], match["c"]
    if len(a) == 4:
        year, month, of_month = int(a), int(b), int(c)
    else:
        month, of_month = (int(a), int(b)) if form.dates == MONTH_FIRST else (int(b), int(a))
        # 69 and below are of this century, as POSIX reads them
        year = int(c) if len(c) == 4 else int(c) + (1900 if int(c) > 69 else 2000)
    try:
        found = date(year, month, of_month)
    except ValueError:
        order = " with the month first" if form.dates == MONTH_FIRST else ""
        raise BadCellError(f"no such day{order}", remedy) from None
    if year not in YEARS:
        raise BadCellError(f"the year {year} can't be right", remedy)
    return found


def amount(text: str, currency: str, form: Form) -> Money:
    try:
        found = money.parse(text, currency, form.decimal)
    except money.BadMoneyError as error:
        raise BadCellError(str(error), "write it as 1.234,56 or 1234.56") from None
    if abs(found.cents) > MOST_CENTS:
        raise BadCellError("more than anybody owes", "check it with the creditor")
    return found


def owed(text: str, currency: str, form: Form) -> Money:
    """An amount above zero."""
    found = amount(text, currency, form)
    if found.cents <= 0:
        raise BadCellError("nothing is owed", "remove the row")
    return found


def currency(text: str) -> str:
    code = {"€": "EUR", "EURO": "EUR"}.get(text.upper(), text)
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise BadCellError("not a currency", "write three capital letters, as EUR")
    return code


def yes(text: str) -> bool:
    if text.lower() not in _YES:
        raise BadCellError("neither yes nor no", "write yes or no")
    return _YES[text.lower()]


def place(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,4}){0,2}", text.upper()):
        raise BadCellError("not a place", "write a country and its part, as IT-RM or US-MA")
    return text.upper()


def zone(text: str) -> str:
    if text not in _zone_names():
        raise BadCellError("not a zone", "write an IANA name, as Europe/Rome")
    return text


def language(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{2}", text):
        raise BadCellError("not a language", "write two letters, as it or en")
    return text.lower()


def debtor_kind(text: str) -> DebtorKind:
    if text.lower() not in _KINDS:
        raise BadCellError("neither a person nor a company", "write person or company")
    return _KINDS[text.lower()]


def tax_code(text: str) -> str:
    try:
        return taxcode.parse(text)
    except taxcode.BadTaxCodeError as error:
        raise BadCellError(str(error), error.remedy) from None


def pec(text: str) -> str:
    if len(text) > MOST_MAIL_CHARACTERS or not _MAIL.fullmatch(text):
        raise BadCellError("not an address of certified mail", "write one, as rossi@pec.example, or leave it empty")
    return text.lower()


def years(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,2}", text) or not 1 <= int(text) <= 30:
        raise BadCellError("not a number of years from 1 to 30", "write 10, 5, 3, 2 or 1, or leave it empty")
    return int(text)


def _yes_in(text: str, form: Form) -> bool:  # noqa: ARG001 -- as every fact is read
    return yes(text)


FACTS: dict[str, Callable[..., Any]] = {
    "assigned_npl": _yes_in,
    "assignment_notice_sent": _yes_in,
    "first_notice_sent_on": day,
}


@cache
def _zone_names() -> set[str]:
    return available_timezones()
