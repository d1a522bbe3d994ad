"""The rows of a CSV file, one at a time. What is no CSV costs its own line and not the rest of the file."""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TextIO

MOST_LINE_CHARACTERS = 1 << 17
"""Of one line. The csv module bounds a cell with its lines just so."""
MOST_CELL_LINES = 100
"""A cell that runs over more lines was never closed."""
SAMPLE_LINES = 50


@dataclass(frozen=True, slots=True)
class Record:
    """One row. number: as a spreadsheet counts, the header's being 1. broken: why it isn't CSV; its cells are a guess."""

    number: int
    cells: tuple[str, ...]
    broken: str = ""


class Lines:
    """Lines that can be taken back."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._back: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= MOST_CELL_LINES:
            msg = "quote is never closed"
            raise csv.Error(msg)
        line = self._back.popleft() if self._back else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        return line

    def sample(self) -> list[str]:
        """The next lines, which come again. The empty ones before the first that isn't are counted and gone."""
        lines = [*self._back, *islice(iter(self._read, ""), SAMPLE_LINES)]
        self._back = deque(lines)
        return lines

    def keep_first(self) -> str:
        """The first line taken since `forget`; those behind it come again."""
        self._back.extendleft(reversed(self.taken[1:]))
        return self.taken[0]

    def forget(self) -> None:
        self.taken.clear()

    def _read(self) -> str:
        line = self._text.readline(MOST_LINE_CHARACTERS)
        if len(line) == MOST_LINE_CHARACTERS and not line.endswith("\n"):
            while (more := self._text.readline(MOST_LINE_CHARACTERS)) and not more.endswith("\n"):
                pass
        return line


def records(lines: Lines, delimiter: str, number: int) -> Iterator[Record]:
    """The rows from here on, the first being row `number`."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader)
            yield Record(number, tuple(cells))
        except StopIteration:
            return
        except csv.Error as error:
            line = lines.keep_first()
            yield Record(number, tuple(line.rstrip("\r\n").split(delimiter)), str(error))
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
        lines.forget()
        number += 1
