"""The sign between the cells of a CSV file."""

import csv
import re
from collections.abc import Sequence

DELIMITERS = ";,\t|"
_HINT = re.compile(r"sep=(.)\s*", re.IGNORECASE)


def delimiter_of(lines: Sequence[str]) -> str:
    """The sign that gives most of these rows as many cells as the header, then the one that gives most cells; else `;`.

    (`csv.Sniffer` fails on one column and takes letters for separators.)
    """
    return max(DELIMITERS, key=lambda sign: _fit(lines, sign))


def hint_of(line: str) -> str:
    """The separator that a first line `sep=;` names, which spreadsheets write for themselves."""
    found = _HINT.fullmatch(line)
    return found[1] if found and found[1] in DELIMITERS else ""


def _fit(lines: Sequence[str], sign: str) -> tuple[float, int]:
    reader = csv.reader(lines, delimiter=sign)
    try:
        counts = [len(row) for row in reader if row]
    except csv.Error:  # a cell without end
        counts = [line.count(sign) + 1 for line in lines]
    if not counts or counts[0] < 2:
        return 0.0, 0
    return sum(count == counts[0] for count in counts) / len(counts), counts[0]
