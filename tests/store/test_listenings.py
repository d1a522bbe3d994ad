"""Who listened to whom, on record: what is begun is durable, and every end finds its listening."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from dialer.adapters.store.listenings import SqlListenings
from dialer.adapters.store.schema import case_views
from dialer.agents.listening import Ended, Listening, Turn
from dialer.kernel.events import SpyMode
from dialer.testing.memory_listenings import MemoryListenings
from tests.store.test_record import NOW

LEG = "dlp-0000000000000000000000000"


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def listenings(request):
    """The port, how to wait for the disk, and who is known to have seen a case."""
    if request.param == "memory":
        views = []
        port = MemoryListenings(views)

        async def flush():
            pass

        async def seen():
            return views

        return port, flush, seen
    store = request.getfixturevalue(request.param)

    async def seen():
        async with store.engine.connect() as connection:
            rows = await connection.execute(select(case_views.c.case_id, case_views.c.viewed_by, case_views.c.how))
            return [tuple(row) for row in rows]

    return SqlListenings(store.engine, store.writer), store.writer.flush, seen


def listening(number, agent="anna"):
    asked_at = NOW + timedelta(minutes=number)
    turn = Turn(SpyMode.LISTEN, asked_at, "boss via desk")
    return Listening(f"{LEG}{number}", "boss", agent, "agreement of 2026", agent_told=True, turns=[turn])


async def test_a_listening_with_its_turns_and_its_end(listenings):
    port, flush, seen = listenings
    one = listening(1)
    await port.begin(one)
    assert await port.listenings_under_way() == [one]
    one.last.on_at = one.asked_at + timedelta(seconds=1)
    port.turn_on(one.leg, 0, one.last)
    one.turns.append(Turn(SpyMode.BARGE, one.asked_at + timedelta(seconds=2), "the engine"))
    await port.turn(one.leg, 1, one.last)
    port.heard(7, "boss", NOW)
    await flush()
    assert await port.listenings_under_way() == [one]
    one.ended_at, one.ended = one.asked_at + timedelta(seconds=9), Ended.FOUND
    port.end_listening(one)
    await flush()
    assert await port.listenings_under_way() == []
    assert await port.listenings(None, 10) == [one]
    assert await seen() == [(7, "boss", "listening")]


async def test_one_that_was_begun_and_ended_at_once_is_ended(listenings):
    port, flush, _ = listenings
    one = listening(1)
    await port.begin(one)
    one.ended_at, one.ended = NOW, Ended.SEEN
    port.end_listening(one)
    await flush()
    assert await port.listenings_under_way() == []


async def test_the_last_come_first_of_one_agent_or_of_all(listenings):
    port, _, _ = listenings
    several = [listening(1), listening(2, "bruno"), listening(3)]
    for one in several:
        await port.begin(one)
    assert await port.listenings(None, 2) == [several[2], several[1]]
    assert await port.listenings("anna", 9) == [several[2], several[0]]
    assert await port.listenings("nobody", 9) == []
