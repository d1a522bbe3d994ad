"""What can't come in: each cell with its reason and remedy, and the file that is corrected and sent again."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from dialer.cases.importing.columns import REJECTED


class BadCellError(ValueError):
    """A cell that can't come in: the message is the reason."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Reject:
    """One cell that can't come in; `row_lost` where its whole row can't without it. column: as the file calls it."""

    row: int
    column: str
    value: str
    reason: str
    remedy: str
    row_lost: bool = True


class RowError(Exception):
    """A row that can't come in, by the cell that is to blame."""

    def __init__(self, column: str, value: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.remedy = column, value, remedy


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row of which some cell or all can't come in. cells: as they stood in the file."""

    cells: tuple[str, ...]
    rejects: tuple[Reject, ...]

    @property
    def lost(self) -> bool:
        """Whether nothing of it came in."""
        return any(reject.row_lost for reject in self.rejects)


class RejectsFile:
    """Rejected rows with the columns of their file, and behind them what was wrong: correct them and send it again."""

    def __init__(self, out: TextIO, name: str, header: Sequence[str]) -> None:
        self._name = name
        self._columns = [index for index, column in enumerate(header) if column.lower() not in REJECTED]
        self._writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
        self._writer.writerow([*(header[index] for index in self._columns), *REJECTED])

    def write(self, rows: Iterable[RejectedRow]) -> None:
        for row in rows:
            cells = [row.cells[index] if index < len(row.cells) else "" for index in self._columns]
            words = (
                [reject.column or "(the whole row)" for reject in row.rejects],
                [reject.value for reject in row.rejects],
                [reject.reason for reject in row.rejects],
                [reject.remedy for reject in row.rejects],
            )
            self._writer.writerow([*cells, self._name, row.rejects[0].row, *(" | ".join(of) for of in words)])
