"""A file of cases, read in batches: memory stays the same however long it is."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from dialer.cases.importing.columns import COLUMNS
from dialer.cases.importing.profile import Profile
from dialer.cases.importing.records import Record
from dialer.cases.importing.rejects import Reject, RejectedRow, RowError
from dialer.cases.importing.rows import Defaults, Row, joined
from dialer.cases.importing.seen import Seen
from dialer.cases.importing.table import Table
from dialer.cases.model import NewCase

BATCH_ROWS = 1_000
"""Rows whose cases come in with one transaction."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows in a row. done: which share of the file is read with them, from 0 to 1; 0 where that isn't known.

    Rows of one debtor that stand in one batch are one case; those of a later batch join it on record: `joining` has the
    creditor and key of each of whom an earlier batch spoke.
    """

    cases: tuple[NewCase, ...]
    rejected: tuple[RejectedRow, ...]
    rows: int
    done: float
    joining: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a whole file holds."""

    cases: tuple[NewCase, ...]
    rejects: tuple[Reject, ...]
    rows: int


class Reading:
    """One file being read. Raises InputError where the file as such can't be read; bad rows become rejects."""

    def __init__(self, file: BinaryIO, defaults: Defaults, profile: Profile | None = None) -> None:
        self._table = Table(file, profile, COLUMNS)
        self._defaults = defaults

    @property
    def header(self) -> tuple[str, ...]:
        return self._table.source.header

    @property
    def form(self) -> str:
        """How the file was read: encoding and separator."""
        return self._table.source.form

    def batches(self, most_rows: int = BATCH_ROWS) -> Iterator[Batch]:
        """The rows, once."""
        with closing(Seen()) as seen:
            batch = _Batch()
            for record in self._table.records():
                rejected = self._take(record, seen, batch)
                batch.rows += 1
                if rejected.rejects:
                    batch.rejected.append(rejected)
                if batch.rows >= most_rows:
                    yield batch.closed(self._table.source.done())
                    batch = _Batch()
            if batch.rows:
                yield batch.closed(1.0)

    def _take(self, record: Record, seen: Seen, batch: "_Batch") -> RejectedRow:
        rejects: list[Reject] = []
        try:
            row = Row(self._table.row(record), self._defaults, self._table.form)
            case = row.case()
            self._group(case, record.number, seen, batch)
            rejects = [self._table.reject(record, error, row_lost=False) for error in row.bad]
        except RowError as error:
            rejects = [self._table.reject(record, error, row_lost=True)]
        return RejectedRow(record.cells, tuple(rejects))

    def _group(self, case: NewCase, number: int, seen: Seen, batch: "_Batch") -> None:
        key = (case.creditor, case.debtor_reference)
        first, same = seen.first(number, ("debtor", *key), case.debtor_name)
        if not same:
            raise RowError(
                "debtor_name",
                case.debtor_name,
                f"row {first} has another name for the same debtor",
                "give each debtor one key",
            )
        known = first
        debt = case.debts[0].reference
        first, _ = seen.first(number, ("debt", case.creditor, debt))
        if first != number:
            raise RowError("debt_reference", debt, f"row {first} has the same debt", "keep one of the two rows")
        if key in batch.grouped:
            batch.grouped[key] = joined(batch.grouped[key], case)
        else:
            batch.grouped[key] = case
            if known != number:
                batch.joining.add(key)


class _Batch:
    def __init__(self) -> None:
        self.grouped: dict[tuple[str, str], NewCase] = {}
        self.rejected: list[RejectedRow] = []
        self.rows = 0
        self.joining: set[tuple[str, str]] = set()

    def closed(self, done: float) -> Batch:
        return Batch(tuple(self.grouped.values()), tuple(self.rejected), self.rows, done, frozenset(self.joining))


def parse(raw: bytes, defaults: Defaults, profile: Profile | None = None) -> Parsed:
    """A small file as a whole. Raises InputError as Reading does."""
    batches = list(Reading(BytesIO(raw), defaults, profile).batches(most_rows=len(raw) + 1))
    return Parsed(
        tuple(case for batch in batches for case in batch.cases),
        tuple(reject for batch in batches for row in batch.rejected for reject in row.rejects),
        sum(batch.rows for batch in batches),
    )
