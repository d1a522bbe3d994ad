"""A carrier's list of calls (CDR): what its file says, whoever wrote it."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dialer.audit.instants import SECOND, micros
from dialer.kernel.errors import InputError
from dialer.kernel.ids import is_well_formed
from dialer.kernel.phone import mask

MOST_ROWS = 2_000_000
COLUMNS: Mapping[str, tuple[tuple[str, ...], str]] = {
    # the other names under which carriers and Asterisk have it, and what it holds
    "start": (
        ("start_time", "started_at", "calldate"),
        "when it began: ISO 8601 with offset, UTC without; or epoch seconds",
    ),
    "number": (
        ("dst", "destination", "dialled", "called"),
        "the dialled number with its country code, with or without + or 00",
    ),
    "end": (("end_time", "ended_at"), "when it ended"),
    "duration": (("duration_seconds", "seconds"), "seconds from start to end, where there is no end"),
    "answer": (("answer_time", "answered_at"), "when it was answered; empty or 0 for never"),
    "answered": (("disposition", "status"), "yes, no, ANSWERED, NO ANSWER, BUSY, FAILED or CONGESTION"),
    "id": (("userfield", "attempt", "our_id"), "our attempt's id, where the carrier keeps it"),
}
REQUIRED = ("start", "number")
_NETWORK_CELLS = 6
_YES, _NO = (
    {"yes", "true", "1", "answered", "answer"},
    {"no", "false", "0", "no answer", "busy", "failed", "congestion"},
)
_FAILED = {"failed", "congestion"}


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """One call as the carrier has it. number: its digits, with the country code. answered: None = not told. busy,
    failed: the carrier says so.
    """

    line: int
    start: int
    number: str
    end: int | None = None
    answered: bool | None = None
    busy: bool = False
    failed: bool = False
    id: str | None = None


def read(path: Path) -> list[CarrierCall]:
    """Read a file: CSV with a header, or the simulated phone network's own. Raises InputError as `file:line:column`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read: {error}", "name a CSV file in UTF-8") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> list[CarrierCall]:
    """The calls of a CDR, in the order of their starts. Raises InputError."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    calls: list[CarrierCall] = []
    reading: _Header | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if reading is None:
                reading = _header(row, f"{name}:{rows.line_num}")
                if not reading.bare:
                    continue
            if len(calls) >= MOST_ROWS:
                raise InputError(f"{name}: more than {MOST_ROWS} calls", "cut it into several files")
            calls.append(_call(reading, row, name, rows.line_num))
    except csv.Error as error:
        raise InputError(f"{name}:{rows.line_num}:1: not CSV: {error}", "export it again") from None
    if reading is None:
        raise InputError(f"{name}:1:1: empty", "a CDR has a header and a line for each call")
    return sorted(calls, key=lambda call: (call.start, call.line))


@dataclass(frozen=True, slots=True)
class _Header:
    """Which column is what. bare: the phone network's own file, which has no header."""

    columns: Mapping[str, int]
    bare: bool = False


def _header(row: list[str], where: str) -> _Header:
    if len(row) == _NETWORK_CELLS and all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell.strip()) for cell in row[:4]):
        return _Header({"number": 0, "start": 1, "answer": 2, "end": 3, "answered": 4}, bare=True)
    names = {name: key for key, (others, _) in COLUMNS.items() for name in (key, *others)}
    columns: dict[str, int] = {}
    for index, cell in enumerate(row):
        key = names.get(cell.strip().lower().replace(" ", "_"))
        if key is None:
            continue
        if key in columns:
            raise InputError(f"{where}:{index + 1}: two columns are the {key}", "keep one of them")
        columns[key] = index
    for needed in REQUIRED:
        if needed not in columns:
            other = ", ".join(COLUMNS[needed][0])
            raise InputError(
                f"{where}:1: no column {needed}; there are {', '.join(cell.strip() or '(empty)' for cell in row)[:200]}",
                f"name the column {needed} (or {other})",
            )
    return _Header(columns)


def _call(header: _Header, row: list[str], name: str, line: int) -> CarrierCall:
    def cell(key: str) -> str:
        index = header.columns.get(key)
        return "" if index is None or index >= len(row) else row[index].strip()

    def fail(key: str, what: str, remedy: str) -> InputError:
        return InputError(f"{name}:{line}:{header.columns[key] + 1}: {key}: {what}", remedy)

    start = _instant(cell("start"))
    if start is None:
        raise fail(
            "start", f"{cell('start')[:40]!r} is no instant", "write 2026-11-24T10:00:00+01:00, or UTC without a zone"
        )
    end = _optional(cell, fail, "end")
    if end is None and cell("duration"):
        try:
            end = start + round(float(cell("duration").replace(",", ".")) * SECOND)
        except ValueError:
            raise fail("duration", f"{cell('duration')[:40]!r} is no number of seconds", "write 62 or 62.5") from None
    if end is not None and end < start:
        raise fail("end" if cell("end") else "duration", "ends before it starts", "correct this line")
    status = cell("answered").lower().replace("_", " ")
    answered = True if status in _YES else False if status in _NO else None
    if status and answered is None:
        raise fail(
            "answered", f"{status[:40]!r} is neither yes nor no", "write yes, no, ANSWERED, NO ANSWER, BUSY or FAILED"
        )
    if _optional(cell, fail, "answer") is not None:
        answered = True
    elif answered is None and "answer" in header.columns:
        answered = False
    number = re.sub(r"[\s().-]", "", cell("number"))
    digits = number.removeprefix("+").removeprefix("00") if number.startswith(("+", "00")) else number
    if not re.fullmatch(r"[1-9][0-9]{5,14}", digits):
        raise fail(
            "number", f"{mask(number) or 'an empty cell'} is no number with its country code", "write +390612345678"
        )
    id_ = cell("id")
    return CarrierCall(
        line,
        start,
        digits,
        end,
        answered,
        busy=status == "busy",
        failed=status in _FAILED,
        id=id_ if is_well_formed(id_) else None,
    )


def _optional(cell: Callable[[str], str], fail: Callable[[str, str, str], InputError], key: str) -> int | None:
    """An instant that need not be there; Asterisk writes 0 for one that never was."""
    text = cell(key)
    if not text or re.fullmatch(r"0+(\.0+)?", text):
        return None
    at = _instant(text)
    if at is None:
        raise fail(key, f"{text[:40]!r} is no instant", "write 2026-11-24T10:00:00+01:00, or leave it empty")
    return at


def _instant(text: str) -> int | None:
    if re.fullmatch(r"[0-9]{9,10}(\.[0-9]+)?", text):
        whole, _, part = text.partition(".")
        return int(whole) * SECOND + int((part + "000000")[:6])
    try:
        at = datetime.fromisoformat(text)
        return micros(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
