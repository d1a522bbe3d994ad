"""Where the record is."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """A SQLite file, or the PostgreSQL database at `url` where that is set; `cell` is who works on it."""

    path: Path
    url: str = ""
    password: str = field(default="", repr=False)
    cell: str = "cell1"

    def __str__(self) -> str:
        """As a user may read it: the URL never holds the password."""
        return self.url or str(self.path)
