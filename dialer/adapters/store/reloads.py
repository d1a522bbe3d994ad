"""Reloads of the configuration, on record."""

import json
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import reloads
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.kernel.reloads import Change, Reload, ReloadResult

RANK = 5
# said again after a commit that nobody knows of, it changes nothing
_SAVE = upsert(reloads).on_conflict_do_nothing()


class SqlReloads:
    """Implements `dialer.kernel.reloads.ReloadRecord`: each cell's own."""

    def __init__(self, engine: AsyncEngine, writer: Writer, cell: str = "cell1") -> None:
        self._engine = engine
        self._writer = writer
        self._cell = cell

    def save_reload(self, reload: Reload) -> None:
        """Write it soon."""
        values = {
            "cell": self._cell,
            "at": reload.at,
            "by": reload.by,
            "result": reload.result.value,
            "changed": _text(reload.changed),
            "waiting": _text(reload.waiting),
            "why": reload.why,
            "remedy": reload.remedy,
        }
        self._writer.put(Write(RANK, _SAVE, values))

    async def reloads(self, most: int) -> list[Reload]:
        """The last first. Raises AwayError."""
        chosen = select(reloads).where(reloads.c.cell == self._cell).order_by(reloads.c.at.desc()).limit(most)
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
        return [
            Reload(
                row.at,
                row.by,
                ReloadResult(row.result),
                _changes(row.changed),
                _changes(row.waiting),
                row.why,
                row.remedy,
            )
            for row in rows
        ]


def _text(changes: Iterable[Change]) -> str:
    return json.dumps([[change.key, change.before, change.after] for change in changes], ensure_ascii=False)


def _changes(text: str) -> tuple[Change, ...]:
    return tuple(Change(*change) for change in json.loads(text))
