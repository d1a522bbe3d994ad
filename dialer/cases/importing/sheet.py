"""The rows of an Excel workbook's first sheet, one at a time, as the cells of a CSV."""

import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, BinaryIO

from dialer.cases.importing.records import Record
from dialer.kernel.errors import InputError

SIGNATURE = b"PK\x03\x04"
MOST_TEXT_BYTES = 64 * 1024 * 1024
"""Of the table in which a workbook keeps its texts: it is held in memory as a whole."""
MOST_SHEET_BYTES = 4 * 1024 * 1024 * 1024
AS_CSV = "save it as CSV UTF-8 and import that"


def open_sheet(file: BinaryIO) -> Any:
    """The workbook's first sheet. Raises InputError."""
    import openpyxl  # noqa: PLC0415 -- half a second that only spreadsheets need

    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {item.filename: item.file_size for item in archive.infolist()}
        _check(sizes)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write a wrong one
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever a broken archive or XML makes it raise
        raise InputError(f"not an Excel workbook that can be read: {type(error).__name__}", AS_CSV) from None
    return sheet


def _check(sizes: dict[str, int]) -> None:
    """Refuse what would fill the memory."""
    if sizes.get("xl/sharedStrings.xml", 0) > MOST_TEXT_BYTES:
        raise InputError(f"a workbook with more than {MOST_TEXT_BYTES >> 20} MiB of text", AS_CSV)
    if sum(sizes.values()) > MOST_SHEET_BYTES:
        raise InputError(f"a workbook of more than {MOST_SHEET_BYTES >> 30} GiB", AS_CSV)


def sheet_records(sheet: Any, decimal: str) -> Iterator[Record]:
    """Its rows. Numbers are written with the sign that the creditor's profile reads, days as 2026-01-31."""
    rows = sheet.iter_rows(values_only=True)
    number = 0
    while True:
        number += 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 -- as above: XML that breaks off
            yield Record(number, (), f"the workbook breaks off: {type(error).__name__}")
            return
        yield Record(number, tuple(text_of(cell, decimal) for cell in cells))


def text_of(cell: Any, decimal: str) -> str:
    """A cell as a CSV would have it."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case float() if cell.is_integer() and abs(cell) < 1e15:
            return str(int(cell))
        case float():
            # never three digits behind the sign: they would be read as thousands
            digits = 2 if abs(round(cell, 2) - cell) < 1e-6 else 6
            return f"{cell:.{digits}f}".replace(".", decimal)
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime() | date():
            return cell.isoformat(sep=" ") if isinstance(cell, datetime) else cell.isoformat()
        case _:
            return str(cell)
