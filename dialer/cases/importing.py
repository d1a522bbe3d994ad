"""Cases from a CSV file: what is good comes in, what is not is named with row, column, value, reason and remedy."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar
from zoneinfo import available_timezones

from dialer.cases.debt import Debt
from dialer.cases.model import NewCase, merged_facts
from dialer.kernel import money, phone
from dialer.kernel.errors import InputError
from dialer.kernel.phone import BadPhoneError, PhoneNumber

# name: (required, what it holds). The documentation's table is made from this.
COLUMNS: dict[str, tuple[bool, str]] = {
    "creditor": (True, "the creditor's name"),
    "debtor_reference": (True, "the creditor's key of the debtor"),
    "debtor_name": (True, "whom the agent asks for"),
    "debt_reference": (True, "the creditor's key of the debt; unique with the creditor"),
    "amount": (True, "what is owed, as 1.234,56 or 1234.56"),
    "currency": (False, "ISO 4217; EUR if empty"),
    "due_on": (False, "day on which it was due, as 31/01/2026 or 2026-01-31"),
    "phone_1": (True, "first number to try, as +39 347 1234567 or 02 12345678"),
    "phone_2": (False, "second number"),
    "phone_3": (False, "third number"),
    "zone": (
        False,
        "the debtor's time zone (IANA); else --zone, else Europe/Rome if every number is +39, else unknown",
    ),
    "language": (False, "ISO 639-1; --language if empty"),
    "household": (False, "a key that debtors who live together share: they are called one at a time"),
    "place": (False, "where the address is: country and part (ISO 3166-2), as IT-RM, US-MA or US-NY-NYC"),
    "assigned_npl": (False, "yes where a bank or its like sold the debt as non-performing (Italy: TUB art. 114.10)"),
    "assignment_notice_sent": (False, "yes once the debtor was told of the assignment in writing"),
    "first_notice_sent_on": (False, "day on which the first letter was sent (Ontario: six days before the first call)"),
}
PHONES = ("phone_1", "phone_2", "phone_3")
DELIMITERS = ";,\t|"
MOST_BYTES = 512 * 1024 * 1024
MOST_CELL_CHARACTERS = 500
ITALY, ITALIAN_ZONE = "+39", "Europe/Rome"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reject:
    """One cell that can't come in; `row_lost` where its whole row can't without it."""

    row: int
    column: str
    value: str
    reason: str
    remedy: str
    row_lost: bool = True


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a file holds."""

    cases: tuple[NewCase, ...]
    rejects: tuple[Reject, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Defaults:
    """What stands for an empty cell. Raises InputError for what no cell may hold either."""

    region: str = "IT"
    zone: str = ""
    language: str = "it"

    def __post_init__(self) -> None:
        for option, text, reader in (("zone", self.zone, _zone), ("language", self.language, _language)):
            value, remedy = reader(text) if text else (text, "")
            if value is None:
                raise InputError(f"--{option} {text!r}: not a {option}", remedy)


class _CellError(ValueError):
    def __init__(self, column: str, value: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.remedy = column, value, remedy


def decode(raw: bytes) -> str:
    """The text of a file from an office: byte-order mark, else strict UTF-8, else Windows-1252.

    Guessing libraries call short Italian files cp1250 and spoil them; this ladder doesn't. Raises InputError.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif raw.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    else:
        encoding = "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise InputError(f"the file claims to be {encoding} and isn't", "export it again as CSV UTF-8") from None
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            raise InputError("neither UTF-8 nor Windows-1252", "export the file again as CSV UTF-8") from None
    if "\0" in text:
        raise InputError("the file holds NUL characters: a spreadsheet or a binary file?", "export it as CSV UTF-8")
    return text


def parse(raw: bytes, defaults: Defaults) -> Parsed:
    """Read a whole file. Raises InputError where the file as such can't be read; bad rows become rejects.

    Rows with the same creditor and debtor_reference are one case with several debts.
    """
    if len(raw) > MOST_BYTES:
        raise InputError(f"larger than {MOST_BYTES // 2**20} MiB", "split the file")
    text = decode(raw)
    if not text.strip():
        raise InputError("the file is empty", "export it again with its header line")
    reader = _reader(text)
    header = [name.strip().lower() for name in _next_row(reader, 1)]
    _check_header(header)

    rejects: list[Reject] = []
    grouped: dict[tuple[str, str], NewCase] = {}
    seen_debts: dict[tuple[str, str], int] = {}
    rows = 0
    for number, cells in _rows(reader, rejects):
        if not any(cell.strip() for cell in cells):
            continue
        rows += 1
        try:
            case, cell_rejects = _case(number, header, cells, defaults)
            debt = case.debts[0]
            first = seen_debts.setdefault((case.creditor, debt.reference), number)
            if first != number:
                raise _CellError(  # noqa: TRY301
                    "debt_reference", debt.reference, f"row {first} has the same debt", "keep one of the two rows"
                )
            _group(grouped, case)
            rejects += cell_rejects
        except _CellError as error:
            rejects.append(Reject(number, error.column, error.value, str(error), error.remedy))
    cases = tuple(replace(case, zone=case.zone or defaults.zone or _zone_of(case.numbers)) for case in grouped.values())
    return Parsed(cases, tuple(rejects), rows)


def rows_of(raw: bytes) -> list[list[str]]:
    """The rows of a file that `parse` has read, its header first, up to one that isn't CSV: as `parse` numbers them."""
    reader = _reader(decode(raw))
    return [_next_row(reader, 1), *(cells for _, cells in _rows(reader, []))]


def _reader(text: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text.lstrip("\r\n"), newline=""), delimiter=_delimiter_of(text), strict=True)


def _delimiter_of(text: str) -> str:
    """The sign that separates the cells: the one that the header holds most of; `;` where it holds none."""
    header = text.lstrip("\r\n").splitlines()[0]
    return max(DELIMITERS, key=header.count)


def _rows(reader: Iterator[list[str]], rejects: list[Reject]) -> Iterator[tuple[int, list[str]]]:
    number = 1
    while True:
        number += 1
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            rejects.append(Reject(number, "", "", f"not CSV: {error}", "close the quotes of this row and import again"))
            return


def _next_row(reader: Iterator[list[str]], number: int) -> list[str]:
    try:
        return next(reader)
    except csv.Error as error:
        raise InputError(f"row {number} is not CSV: {error}", "export the file again as CSV") from None


def _check_header(header: list[str]) -> None:
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name, (required, _) in COLUMNS.items() if required and name not in header]
    if doubled:
        raise InputError(f"column {doubled[0]!r} stands twice in the header", "remove one of them")
    if missing:
        raise InputError(f"column {missing[0]!r} is missing in the header", f"the columns are {', '.join(COLUMNS)}")
    if unknown:
        raise InputError(f"unknown column {unknown[0]!r} in the header", f"the columns are {', '.join(COLUMNS)}")


def _case(number: int, header: list[str], cells: list[str], defaults: Defaults) -> tuple[NewCase, list[Reject]]:
    if len(cells) != len(header):
        raise _CellError(
            "", "", f"{len(cells)} cells where the header has {len(header)}", "quote cells that hold the separator"
        )
    row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    for column, value in row.items():
        if _CONTROL.search(value):
            raise _CellError(column, _CONTROL.sub("?", value), "control characters", "remove them")
        if len(value) > MOST_CELL_CHARACTERS:
            raise _CellError(
                column, value[:40] + "…", f"longer than {MOST_CELL_CHARACTERS} characters", "shorten the cell"
            )
        if COLUMNS[column][0] and not value:
            raise _CellError(column, "", "empty", f"fill in {COLUMNS[column][1]}")
    numbers, rejects = _numbers(number, row, defaults.region)
    case = NewCase(
        creditor=row["creditor"],
        debtor_reference=row["debtor_reference"],
        debtor_name=row["debtor_name"],
        debts=(Debt(row["debt_reference"], _amount(row), _read(row, "due_on", _day)),),
        numbers=numbers,
        zone=_read(row, "zone", _zone) or "",
        language=_read(row, "language", _language) or defaults.language.lower(),
        household=row.get("household", ""),
        place=_read(row, "place", _place) or "",
        facts=_facts(row),
    )
    return case, rejects


def _read(row: dict[str, str], column: str, reader: Callable[[str], tuple[_T | None, str]]) -> _T | None:
    """An optional cell through `reader`, which returns the value, or None and the remedy."""
    text = row.get(column, "")
    if not text:
        return None
    value, remedy = reader(text)
    if value is None:
        raise _CellError(column, text, f"not a {column.removesuffix('_on')}", remedy)
    return value


def _day(text: str) -> tuple[date | None, str]:
    for form in ("%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%d-%m-%Y"):
        try:
            return datetime.strptime(text, form).date(), ""  # noqa: DTZ007 -- a day has no zone
        except ValueError:
            continue
    return None, "write it as 31/01/2026 or 2026-01-31"


def _yes(text: str) -> tuple[bool | None, str]:
    known = {"yes": True, "no": False, "sì": True, "si": True, "true": True, "false": False, "1": True, "0": False}
    return known.get(text.lower()), "write yes or no"


def _place(text: str) -> tuple[str | None, str]:
    found = re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,4}){0,2}", text.upper())
    return (text.upper() if found else None), "write a country and its part, as IT-RM or US-MA"


_FACTS: dict[str, Callable[[str], tuple[bool | date | None, str]]] = {
    "assigned_npl": _yes,
    "assignment_notice_sent": _yes,
    "first_notice_sent_on": _day,
}


def _facts(row: dict[str, str]) -> dict[str, Any]:
    read = ((name, _read(row, name, reader)) for name, reader in _FACTS.items())
    return {name: value for name, value in read if value is not None}


def _zone(text: str) -> tuple[str | None, str]:
    return (text if text in _zone_names() else None), "write an IANA name, as Europe/Rome"


def _zone_of(numbers: tuple[PhoneNumber, ...]) -> str:
    """The zone where nobody named one: known for a debtor all of whose numbers are Italian, else unknown, and then no
    hour is surely legal.
    """
    return ITALIAN_ZONE if all(number.startswith(ITALY) for number in numbers) else ""


@cache
def _zone_names() -> set[str]:
    return available_timezones()


def _language(text: str) -> tuple[str | None, str]:
    return (text.lower() if re.fullmatch(r"[A-Za-z]{2}", text) else None), "write two letters, as it or en"


def _amount(row: dict[str, str]) -> money.Money:
    currency = row.get("currency", "") or "EUR"
    if not re.fullmatch(r"[A-Z]{3}", currency):
        raise _CellError("currency", currency, "not a currency", "write three capital letters, as EUR")
    try:
        amount = money.parse(row["amount"], currency)
    except money.BadMoneyError as error:
        raise _CellError("amount", row["amount"], str(error), "write it as 1.234,56 or 1234.56") from None
    if amount.cents <= 0:
        raise _CellError("amount", row["amount"], "nothing is owed", "remove the row")
    return amount


def _numbers(number: int, row: dict[str, str], region: str) -> tuple[tuple[PhoneNumber, ...], list[Reject]]:
    """The numbers that can be dialled; a bad one costs itself, and its row only where no other is left."""
    numbers: dict[PhoneNumber, None] = {}
    rejects: list[Reject] = []
    for column in PHONES:
        text = row.get(column, "")
        if not text:
            continue
        try:
            numbers[phone.parse(text, region)] = None
        except BadPhoneError as error:
            rejects.append(Reject(number, column, text, str(error), error.remedy, row_lost=False))
    if not numbers:
        first = rejects[0]
        raise _CellError(first.column, first.value, first.reason, first.remedy)
    return tuple(numbers), rejects


def _group(grouped: dict[tuple[str, str], NewCase], case: NewCase) -> None:
    key = (case.creditor, case.debtor_reference)
    known = grouped.get(key)
    if known is None:
        grouped[key] = case
        return
    if known.debtor_name != case.debtor_name:
        raise _CellError(
            "debtor_name", case.debtor_name, "another name for the same debtor_reference", "give each debtor one key"
        )
    grouped[key] = replace(
        known,
        debts=known.debts + case.debts,
        numbers=tuple(dict.fromkeys(known.numbers + case.numbers)),
        zone=known.zone or case.zone,
        household=known.household or case.household,
        place=known.place or case.place,
        facts=merged_facts(known.facts, case.facts),
    )
