"""Who listened to whom, on record."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, bindparam, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import case_views, listening_turns, listenings
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.agents.listening import Ended, Listening, Turn
from dialer.kernel.events import SpyMode
from dialer.kernel.ids import SpyLegId

BEGIN_RANK, TURN_RANK, LATER_RANK = 5, 6, 7
HOW = "listening"
# said again after a commit that nobody knows of, they change nothing
_BEGIN = upsert(listenings).on_conflict_do_nothing()
_TURN = upsert(listening_turns).on_conflict_do_nothing()
_ON = (
    update(listening_turns)
    .where(listening_turns.c.leg == bindparam("of_leg"), listening_turns.c.position == bindparam("at_position"))
    .values(on_at=bindparam("on"))
)
_END = (
    update(listenings)
    .where(listenings.c.leg == bindparam("of_leg"))
    .values(ended_at=bindparam("at"), ended=bindparam("how"))
)
_HEARD = insert(case_views)


class SqlListenings:
    """The port, and the reading of what was. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def begin(self, listening: Listening) -> None:
        """Return once it is durable, with its first turn."""
        values = {
            "leg": listening.leg,
            "supervisor": listening.supervisor,
            "agent": listening.agent,
            "basis": listening.basis,
            "agent_told": listening.agent_told,
            "asked_at": listening.asked_at,
        }
        await self._writer.commit(Write(BEGIN_RANK, _BEGIN, values), _turn_write(listening.leg, 0, listening.last))

    async def turn(self, leg: SpyLegId, position: int, turn: Turn) -> None:
        """Return once the change of mode is durable."""
        await self._writer.commit(_turn_write(leg, position, turn))

    def turn_on(self, leg: SpyLegId, position: int, turn: Turn) -> None:
        """Write soon from when the mode held."""
        self._writer.put(Write(LATER_RANK, _ON, {"of_leg": leg, "at_position": position, "on": turn.on_at}))

    def end_listening(self, listening: Listening) -> None:
        """Write soon when it ended."""
        how = listening.ended.value if listening.ended else None
        self._writer.put(Write(LATER_RANK, _END, {"of_leg": listening.leg, "at": listening.ended_at, "how": how}))

    def heard(self, case_id: int, supervisor: str, at: datetime) -> None:
        """Put the supervisor among those who know of the case."""
        values = {"case_id": case_id, "viewed_by": supervisor, "viewed_at": at, "how": HOW}
        self._writer.put(Write(LATER_RANK, _HEARD, values))

    async def listenings_under_way(self) -> list[Listening]:
        """Those whose end isn't on record."""
        return await self._read(select(listenings).where(listenings.c.ended_at.is_(None)))

    async def listenings(self, agent: str | None, most: int) -> list[Listening]:
        """Those of one agent, or of all: the last first."""
        chosen = select(listenings).order_by(listenings.c.asked_at.desc(), listenings.c.leg.desc()).limit(most)
        return await self._read(chosen if agent is None else chosen.where(listenings.c.agent == agent))

    async def _read(self, chosen: Select[tuple[object, ...]]) -> list[Listening]:
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
            turns = await _turns(connection, [row.leg for row in rows])
        return [
            Listening(
                SpyLegId(row.leg),
                row.supervisor,
                row.agent,
                row.basis,
                row.agent_told,
                turns[row.leg],
                row.ended_at,
                Ended(row.ended) if row.ended else None,
            )
            for row in rows
        ]


def _turn_write(leg: SpyLegId, position: int, turn: Turn) -> Write:
    values = {
        "leg": leg,
        "position": position,
        "mode": turn.mode.value,
        "asked_at": turn.asked_at,
        "asked_by": turn.asked_by,
    }
    return Write(TURN_RANK, _TURN, values)


async def _turns(connection: AsyncConnection, legs: Sequence[str]) -> dict[str, list[Turn]]:
    chosen = select(listening_turns).where(listening_turns.c.leg.in_(legs)).order_by(listening_turns.c.position)
    found: dict[str, list[Turn]] = {leg: [] for leg in legs}
    for row in await connection.execute(chosen):
        found[row.leg].append(Turn(SpyMode(row.mode), row.asked_at, row.asked_by, row.on_at))
    return found
