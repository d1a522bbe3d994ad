"""The file of letters as it comes back from whoever posted them: when each was sent, received or returned."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dialer.cases.importing.columns import LETTER_COLUMNS
from dialer.cases.importing.profile import Profile
from dialer.cases.importing.reading import BATCH_ROWS
from dialer.cases.importing.records import Record
from dialer.cases.importing.rejects import RejectedRow, RowError
from dialer.cases.importing.rows import CellsOfRow
from dialer.cases.importing.table import Table
from dialer.cases.letter import LetterDates
from dialer.kernel.errors import InputError


@dataclass(frozen=True, slots=True)
class ToldLetter:
    """What a row tells of a letter."""

    letter: str
    dates: LetterDates
    record: Record


@dataclass(frozen=True, slots=True)
class LetterBatch:
    """Some rows in a row. done: which share of the file is read with them."""

    told: tuple[ToldLetter, ...]
    rejected: tuple[RejectedRow, ...]
    rows: int
    done: float


class LetterReading:
    """One file being read. Raises InputError."""

    def __init__(self, file: BinaryIO, profile: Profile | None = None) -> None:
        self._table = Table(file, profile, LETTER_COLUMNS)

    @property
    def header(self) -> tuple[str, ...]:
        return self._table.source.header

    def batches(self) -> Iterator[LetterBatch]:
        """The rows, once."""
        told: list[ToldLetter] = []
        rejected: list[RejectedRow] = []
        rows = 0
        for record in self._table.records():
            rows += 1
            try:
                told.append(self._told(record))
            except RowError as error:
                rejected.append(self.rejected(record, error))
            if rows >= BATCH_ROWS:
                yield LetterBatch(tuple(told), tuple(rejected), rows, self._table.source.done())
                told, rejected, rows = [], [], 0
        if rows:
            yield LetterBatch(tuple(told), tuple(rejected), rows, 1.0)

    def rejected(self, record: Record, error: RowError) -> RejectedRow:
        """The row as it is rejected."""
        return RejectedRow(record.cells, (self._table.reject(record, error, row_lost=True),))

    def _told(self, record: Record) -> ToldLetter:
        row = CellsOfRow(self._table.row(record), self._table.form)
        letter = row.require("letter", LETTER_COLUMNS["letter"])
        try:
            dates = LetterDates(
                row.day("sent_on"), row.day("received_on"), row.day("returned_on"), None, row.read("tracking", str)
            )
        except InputError as error:
            raise RowError("tracking", "", str(error), error.remedy) from None
        return ToldLetter(letter, dates, record)
