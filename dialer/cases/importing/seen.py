"""What stood in the file already, kept on disk: memory doesn't grow with the rows."""

import hashlib
import sqlite3


class Seen:
    """Keys with the row in which each stood first. Only digests are kept, in a file without a name that goes by itself."""

    def __init__(self) -> None:
        # an empty name: a database of its own, on disk once it outgrows its cache
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("pragma journal_mode = off")
        self._database.execute("pragma synchronous = off")
        self._database.execute("pragma cache_size = -16384")
        self._database.execute("create table seen (key blob primary key, row integer, said blob) without rowid")
        self._database.execute("begin")

    def first(self, row: int, key: tuple[str, ...], said: str = "") -> tuple[int, bool]:
        """The row in which this key stood first (this one, if it is new), and whether the same was said there."""
        found = self._database.execute(
            "insert into seen values (?, ?, ?) on conflict do nothing", (_digest(*key), row, _digest(said))
        )
        if found.rowcount:
            return row, True
        known = self._database.execute("select row, said from seen where key = ?", (_digest(*key),)).fetchone()
        return known[0], known[1] == _digest(said)

    def close(self) -> None:
        self._database.close()


def _digest(*texts: str) -> bytes:
    return hashlib.blake2b("\x1f".join(texts).encode("utf-8", "surrogatepass"), digest_size=12).digest()
