"""A file from an office, CSV or Excel: its header, and its rows one at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dialer.cases.importing.decoding import decoded
from dialer.cases.importing.delimiter import delimiter_of, hint_of
from dialer.cases.importing.records import Lines, Record, records
from dialer.cases.importing.sheet import SIGNATURE, open_sheet, sheet_records
from dialer.kernel.errors import InputError

AGAIN = "export it again with its header line"


@dataclass(frozen=True, slots=True)
class Source:
    """form: how it was read, in words. done: which share of the file is read, from 0 to 1."""

    header: tuple[str, ...]
    rows: Iterator[Record]
    form: str
    done: Callable[[], float]


def open_source(file: BinaryIO, decimal: str = "") -> Source:
    """Read the header of a file that can be read twice. Raises InputError."""
    if file.read(len(SIGNATURE)) == SIGNATURE:
        return _sheet(file, decimal or ",")
    file.seek(0)
    return _csv(file)


def _csv(file: BinaryIO) -> Source:
    text, encoding = decoded(file)
    size = file.seek(0, 2)
    file.seek(0)
    lines = Lines(text)
    sample = [line for line in lines.sample() if line.strip()]
    hinted = hint_of(sample[0].strip()) if sample else ""
    delimiter = hinted or delimiter_of(sample)
    rows = records(lines, delimiter, 1)
    if hinted:
        next(record for record in rows if any(record.cells))
    header = _header(rows)
    if header.broken:
        raise InputError(f"row {header.number} is not CSV: {header.broken}", "export the file again as CSV")
    sign = {"\t": "tab"}.get(delimiter, delimiter)
    # read ahead by its buffer: near enough. It keeps the text from being closed with the last row, before its file is
    return Source(_names(header), rows, f"{encoding}, {sign} between cells", lambda: text.buffer.tell() / max(size, 1))


def _sheet(file: BinaryIO, decimal: str) -> Source:
    sheet = open_sheet(file)
    first = sheet_records(sheet, decimal)
    header = _header(first)
    names = _names(header)
    rows = (Record(row.number, _cut(row.cells, len(names)), row.broken) for row in first)
    return Source(names, rows, f"Excel, sheet {sheet.title!r}", lambda: 0.0)


def _header(rows: Iterator[Record]) -> Record:
    found = next((record for record in rows if record.broken or any(cell.strip() for cell in record.cells)), None)
    if found is None:
        raise InputError("the file is empty", AGAIN)
    return found


def _names(header: Record) -> tuple[str, ...]:
    """The header's names; empty cells at its end are none."""
    names = [" ".join(cell.split()) for cell in header.cells]
    while names and not names[-1]:
        names.pop()
    return tuple(names)


def _cut(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """A sheet's row is as long as its last filled cell, or longer."""
    filled = next((index for index in range(len(cells), width, -1) if cells[index - 1].strip()), width)
    return (*cells[:filled], *("" for _ in range(width - len(cells))))
