"""What pacing and the habits learnt, kept for the next start."""

from datetime import datetime

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.kernel.learnt import Learnt


class SqlLearnt:
    """Implements `dialer.kernel.learnt.LearntRecord` in one table: each cell has its own floor, and so its own memory."""

    def __init__(self, engine: AsyncEngine, writer: Writer, table: Table, cell: str = "cell1") -> None:
        self._engine = engine
        self._writer = writer
        self._table = table
        self._cell = cell
        memory = upsert(table)
        self._memory = memory.on_conflict_do_update(
            index_elements=["cell", "campaign"], set_={name: memory.excluded[name] for name in ("saved_at", "memory")}
        )

    def save_learnt(self, campaign: str, text: str, at: datetime) -> None:
        """Write what was learnt of a campaign, soon."""
        values = {"cell": self._cell, "campaign": campaign, "saved_at": at, "memory": text}
        self._writer.put(Write(5, self._memory, values))

    async def learnt(self) -> dict[str, Learnt]:
        """What was learnt of each campaign, and when it was saved. Raises AwayError."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(self._table).where(self._table.c.cell == self._cell))
            return {row.campaign: Learnt(row.saved_at, row.memory) for row in rows}
