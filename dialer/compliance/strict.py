"""How values are read from a pack: a key that nobody knows is an error, never ignored."""

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid")
