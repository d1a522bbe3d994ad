"""When a daemon that was told to stop ends."""

import asyncio
from types import SimpleNamespace

import pytest

from dialer.app import DRAIN_WITHOUT_PBX_SECONDS, Daemon
from dialer.testing.virtual_time import LoopClock

pytestmark = pytest.mark.virtual_time


def draining(*, link_up):
    """A daemon with one call under way that was told to stop."""
    daemon = Daemon.__new__(Daemon)

    async def tick():
        pass

    daemon._settings = SimpleNamespace(
        engine=SimpleNamespace(tick_seconds=0.25), collector=SimpleNamespace(working_times_days=180)
    )
    daemon._flow = SimpleNamespace(stopping=True, live=[object()], receiving=(), tick=tick)
    daemon._floor = SimpleNamespace(forget_worked=lambda _: None)
    daemon._recovery = SimpleNamespace(overdue=False)
    daemon._pbx = SimpleNamespace(link=SimpleNamespace(up=link_up))
    daemon._ledger = SimpleNamespace(forget_before=lambda _: None)
    daemon._clock = LoopClock()
    daemon._stop = asyncio.Event()
    return daemon


async def test_it_waits_for_the_calls_under_way_while_the_pbx_is_there():
    daemon = draining(link_up=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(daemon._tick_until_stopped(), 3_600)
    daemon._flow.live.clear()
    await daemon._tick_until_stopped()


async def test_with_the_pbx_away_it_ends_after_a_while_and_leaves_the_calls_to_the_next_start():
    daemon, loop = draining(link_up=False), asyncio.get_running_loop()
    since = loop.time()
    await daemon._tick_until_stopped()
    assert DRAIN_WITHOUT_PBX_SECONDS <= loop.time() - since < DRAIN_WITHOUT_PBX_SECONDS + 1


async def test_a_pbx_that_comes_back_in_time_is_waited_for():
    daemon, loop = draining(link_up=False), asyncio.get_running_loop()
    loop.call_later(50, lambda: setattr(daemon._pbx.link, "up", True))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(daemon._tick_until_stopped(), 300)
