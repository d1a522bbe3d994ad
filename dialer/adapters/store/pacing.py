"""What pacing learnt, kept for the next start."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import pacing_memory
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.live.pacer import Learnt

_MEMORY = upsert(pacing_memory)
_MEMORY = _MEMORY.on_conflict_do_update(
    index_elements=["cell", "campaign"], set_={name: _MEMORY.excluded[name] for name in ("saved_at", "memory")}
)


class SqlPacing:
    """Implements `dialer.live.pacer.PacingRecord`: each cell has its own floor, and so its own memory."""

    def __init__(self, engine: AsyncEngine, writer: Writer, cell: str = "cell1") -> None:
        self._engine = engine
        self._writer = writer
        self._cell = cell

    def save_learnt(self, campaign: str, text: str, at: datetime) -> None:
        """Write what was learnt of a campaign, soon."""
        values = {"cell": self._cell, "campaign": campaign, "saved_at": at, "memory": text}
        self._writer.put(Write(5, _MEMORY, values))

    async def learnt(self) -> dict[str, Learnt]:
        """What was learnt of each campaign, and when it was saved. Raises AwayError."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(pacing_memory).where(pacing_memory.c.cell == self._cell))
            return {row.campaign: Learnt(row.saved_at, row.memory) for row in rows}
