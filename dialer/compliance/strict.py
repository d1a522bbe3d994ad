"""How values are read from a pack: a key that nobody knows is an error, never ignored."""

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid")


class MisfitError(ValueError):
    """What doesn't fit the rest of its table; `where`: the keys, from that table on, at which it stands."""

    def __init__(self, message: str, *where: str | int) -> None:
        super().__init__(message)
        self.where = where
