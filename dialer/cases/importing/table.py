"""A file's rows by our names for their cells, whatever they are about."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

from dialer.cases.importing import cells
from dialer.cases.importing.columns import Column
from dialer.cases.importing.profile import Layout, Profile
from dialer.cases.importing.records import Record
from dialer.cases.importing.rejects import Reject, RowError
from dialer.cases.importing.source import open_source


class Table:
    """One file with a header. Raises InputError where the file as such can't be read."""

    def __init__(self, file: BinaryIO, profile: Profile | None, columns: Mapping[str, Column]) -> None:
        self.form = (profile or Profile()).form
        self.source = open_source(file, self.form.decimal)
        self._layout = Layout(self.source.header, profile, columns)

    def records(self) -> Iterator[Record]:
        """The rows that aren't empty, once."""
        for record in self.source.rows:
            if record.broken or any(cell.strip() for cell in record.cells):
                yield record

    def row(self, record: Record) -> dict[str, str]:
        """Its cells by our names. Raises RowError."""
        raw = cells.shown(";".join(record.cells))
        if record.broken:
            raise RowError("", raw, f"not CSV: {record.broken}", "close the quotes of this row, and double those in it")
        width = self._layout.width
        found = record.cells
        if len(found) < width or (len(found) > width and any(cell.strip() for cell in found[width:])):
            reason = f"{len(found)} cells where the header has {width}"
            raise RowError("", raw, reason, "quote cells that hold the separator")
        if found[0].strip() == self.source.header[0] and _names(found[:width]) == self.source.header:
            raise RowError("", raw, "the header once more", "remove the row")
        return self._layout.row(found)

    def reject(self, record: Record, error: RowError, *, row_lost: bool) -> Reject:
        """The error as the file's reader must see it."""
        column = self._layout.theirs(error.column) if error.column else ""
        return Reject(record.number, column, error.value, str(error), error.remedy, row_lost)


def _names(found: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(" ".join(cell.split()) for cell in found)
