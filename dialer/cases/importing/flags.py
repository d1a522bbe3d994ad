"""A file of what stops calls to debtors, as their creditor tells it: disputes, lawyers, deaths, moratoria."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from dialer.cases.importing import cells
from dialer.cases.importing.columns import FLAG_COLUMNS
from dialer.cases.importing.numbers import numbers_of
from dialer.cases.importing.profile import Profile
from dialer.cases.importing.reading import BATCH_ROWS
from dialer.cases.importing.records import Record
from dialer.cases.importing.rejects import BadCellError, RejectedRow, RowError
from dialer.cases.importing.rows import CellsOfRow
from dialer.cases.importing.table import Table
from dialer.kernel.phone import PhoneNumber

_DO_NOT_CALL = "do-not-call"
_ITALIAN = {
    "contestazione": "dispute",
    "contestata": "dispute",
    "reclamo": "dispute",
    "avvocato": "attorney",
    "legale": "attorney",
    "deceduto": "deceased",
    "deceduta": "deceased",
    "decesso": "deceased",
    "fallimento": "bankruptcy",
    "procedura concorsuale": "bankruptcy",
    "moratoria": "moratorium",
    "minore": "minor",
    "vulnerabile": "vulnerable",
    "fragile": "vulnerable",
    "non contattare": _DO_NOT_CALL,
    "revoca mandato": "mandate_closed",
}
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")


@dataclass(frozen=True, slots=True)
class FlagWord:
    """One word about a flag with the row in which it stands. until: the last day on which it stands."""

    creditor: str
    debtor_reference: str
    name: str
    number: PhoneNumber | None
    until: date | None
    lifted: bool
    evidence: str
    record: Record


@dataclass(frozen=True, slots=True)
class FlagBatch:
    """Some rows in a row. done: which share of the file is read with them."""

    words: tuple[FlagWord, ...]
    rejected: tuple[RejectedRow, ...]
    rows: int
    done: float


class FlagReading:
    """One file being read. region: country of numbers without a country code. Raises InputError."""

    def __init__(self, file: BinaryIO, profile: Profile | None = None, region: str = "IT") -> None:
        self._table = Table(file, profile, FLAG_COLUMNS)
        self._region = region

    @property
    def header(self) -> tuple[str, ...]:
        return self._table.source.header

    def batches(self) -> Iterator[FlagBatch]:
        """The rows, once."""
        words: list[FlagWord] = []
        rejected: list[RejectedRow] = []
        rows = 0
        for record in self._table.records():
            rows += 1
            try:
                words.append(self._word(record))
            except RowError as error:
                rejected.append(self.rejected(record, error))
            if rows >= BATCH_ROWS:
                yield FlagBatch(tuple(words), tuple(rejected), rows, self._table.source.done())
                words, rejected, rows = [], [], 0
        if rows:
            yield FlagBatch(tuple(words), tuple(rejected), rows, 1.0)

    def rejected(self, record: Record, error: RowError) -> RejectedRow:
        """The row as it is rejected."""
        return RejectedRow(record.cells, (self._table.reject(record, error, row_lost=True),))

    def _word(self, record: Record) -> FlagWord:
        row = CellsOfRow(self._table.row(record), self._table.form)
        required = {name: row.require(name, column) for name, column in FLAG_COLUMNS.items() if column.required}
        word = FlagWord(
            required["creditor"],
            required["debtor_reference"],
            row.read("flag", _name) or "",
            row.read("phone", self._number),
            row.day("until"),
            row.read("lifted", cells.yes) or False,
            row.read("evidence", str) or "",
            record,
        )
        if word.name == _DO_NOT_CALL and word.number and (word.lifted or word.until):
            # whoever asked not to be called there asked every creditor
            column, text = ("lifted", "yes") if word.lifted else ("until", f"{word.until:%d/%m/%Y}")
            reason, remedy = "one creditor can't end it for a number", "lift it with dialer case flag --lift"
            raise RowError(column, text, reason, remedy)
        return word

    def _number(self, text: str) -> PhoneNumber:
        found = numbers_of(text, self._region, landline_zero=self._table.form.landline_zero)
        if found.bad:
            raise found.bad[0][1]
        if len(found.numbers) != 1:
            raise BadCellError("not one number", "write a row for each number")
        return next(iter(found.numbers))


def _name(text: str) -> str:
    name = _ITALIAN.get(text.lower(), text.lower())
    if not _NAME.fullmatch(name):
        raise BadCellError("not the name of a flag", f"write one of {', '.join(dict.fromkeys(_ITALIAN.values()))}")
    return name
