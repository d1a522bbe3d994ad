"""When the demo ends, and when it may say that all is well."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

from dialer.cli import demo
from dialer.demo import agents
from dialer.demo.witness import Agreement
from dialer.kernel.errors import AwayError, InputError
from dialer.testing.public import Behaviour

pytestmark = pytest.mark.virtual_time


def floor(*, placed=0, limit="agents", seat="idle"):
    return {"campaigns": [{"placed": placed, "limit": limit, "calls": {}}], "agents": [{"seat": seat}]}


async def until_enough(latest, *, calls=None, seconds=None, interrupt_after=None):
    wish = demo.Wish(20, calls, seconds, 1, 1, None, Path(), Path(), None, as_json=True)
    interrupted, acts = asyncio.Event(), asyncio.create_task(asyncio.sleep(9_999))
    if interrupt_after is not None:
        asyncio.get_running_loop().call_later(interrupt_after, interrupted.set)
    stage = SimpleNamespace(daemon=SimpleNamespace(returncode=None))
    try:
        async with asyncio.timeout(1_000):
            return await demo._until_enough(acts, wish, latest, interrupted, stage)
    finally:
        acts.cancel()


async def test_it_ends_well_with_its_calls_its_time_or_an_interrupt():
    assert await until_enough(floor(placed=10), calls=10)
    assert await until_enough(floor(), seconds=90)
    assert await until_enough(floor(), calls=10, interrupt_after=3)
    assert await until_enough(floor(placed=7, limit="cases"))


async def test_cases_that_do_not_suffice_for_the_calls_are_no_success():
    assert not await until_enough(floor(placed=7, limit="cases"), calls=10)


async def test_seats_that_never_come_up_end_it():
    with pytest.raises(AwayError, match="seat"):
        await until_enough(floor(seat="calling"), calls=10)


def test_where_nothing_was_witnessed_nothing_is_said_to_agree():
    assert Agreement("w", 3, 3, 2).complete
    assert not Agreement("w", 0, 0, 0).complete
    assert "nothing was checked" in Agreement("w", 0, 0, 0).sentence()
    assert not Agreement("w", 3, 2, 2, ["a: b"]).complete


@pytest.mark.parametrize("host", ["8.8.8.8", "0.0.0.0", "255.255.255.255", "224.0.0.1"])
def test_a_trunk_is_on_this_machine_or_in_a_private_network(host):
    with pytest.raises(InputError):
        demo._trunk(f"sip:{host}:5060")


class Desk:
    """An agent's interface, with one call at it."""

    def __init__(self):
        self.posts = []

    async def get(self, _):
        return {"number": "+390612340015", "case": None}

    async def post(self, path, body=None):
        self.posts.append(path)


class Ear:
    """An agent's phone: when it last heard a sound."""

    sounded_at = 0.0


@pytest.mark.parametrize("sounds", [True, False])
async def test_an_agent_hangs_up_on_a_machine_once_it_was_heard_or_after_a_long_silence(sounds):
    desk, ear = Desk(), Ear()
    agent = agents.ScriptedAgent("anna", desk, Random(1), lambda _: Behaviour.VOICEMAIL, ear)
    for tenths in range(1000, 1200):
        if sounds and tenths == 1080:  # the greeting begins
            ear.sounded_at = 108.0
        await agent.act({"state": "talking", "attempt": "a"}, tenths / 10, datetime(2026, 11, 24, tzinfo=UTC))
        if desk.posts:
            break
    sure_after = 2.5
    silence_until = 108.0 if sounds else 100.0 + agents.MOST_SILENCE_SECONDS
    assert tenths / 10 == pytest.approx(silence_until + sure_after, abs=0.2)
