"""One write, as the writer takes it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable


@dataclass(frozen=True, slots=True)
class Write:
    """One statement with one row of values; statements of a lower `rank` go first within a commit.

    All writes to one table's rows that must keep their order share one statement.
    """

    rank: int
    statement: Executable
    values: dict[str, Any]
