"""Who listened to whom, in memory. It passes the contract of the record (tests/store)."""

from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from dialer.agents.listening import Listening, Turn
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import SpyLegId


class MemoryListenings:
    """Implements `dialer.agents.listening.ListeningRecord`. `away`: nothing can be read or written."""

    def __init__(self, views: list[tuple[int, str, str]]) -> None:
        self.away = False
        self.kept: dict[SpyLegId, Listening] = {}
        self._views = views

    async def begin(self, listening: Listening) -> None:
        self._reach()
        self.kept[listening.leg] = replace(deepcopy(listening), barges_into=None)

    async def turn(self, leg: SpyLegId, position: int, turn: Turn) -> None:
        self._reach()
        assert len(self.kept[leg].turns) == position
        self.kept[leg].turns.append(deepcopy(turn))

    def turn_on(self, leg: SpyLegId, position: int, turn: Turn) -> None:
        self.kept[leg].turns[position].on_at = turn.on_at

    def end_listening(self, listening: Listening) -> None:
        kept = self.kept[listening.leg]
        kept.ended_at, kept.ended = listening.ended_at, listening.ended

    def heard(self, case_id: int, supervisor: str, at: datetime) -> None:  # noqa: ARG002 -- who and what suffice
        self._views.append((case_id, supervisor, "listening"))

    async def listenings_under_way(self) -> list[Listening]:
        self._reach()
        return [deepcopy(one) for one in self.kept.values() if one.ended_at is None]

    async def listenings(self, agent: str | None, most: int) -> list[Listening]:
        self._reach()
        found = [deepcopy(one) for one in self.kept.values() if agent in (None, one.agent)]
        return sorted(found, key=lambda one: one.asked_at, reverse=True)[:most]

    def _reach(self) -> None:
        if self.away:
            raise AwayError("the record is away")
