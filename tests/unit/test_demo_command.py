"""When the demo ends, and when it may say that all is well."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from dialer.cli import demo
from dialer.demo.witness import Agreement
from dialer.kernel.errors import AwayError, InputError

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
