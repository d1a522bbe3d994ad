"""Reloads of the configuration on record: all of each, the last first, each cell's own."""

from datetime import timedelta

import pytest

from dialer.adapters.store.reloads import SqlReloads
from dialer.kernel.reloads import Change, Reload, ReloadResult
from dialer.testing.memory_reloads import MemoryReloads
from tests.store.test_record import NOW

APPLIED = Reload(
    NOW,
    "anna",
    ReloadResult.APPLIED,
    (Change("campaigns.luce.mode", "progressive", "predictive"), Change("mandates.Città «Luce»", "not there", "there")),
    (Change("pbx.port", "5038", "5039"),),
)
REFUSED = Reload(NOW + timedelta(microseconds=1), "file", ReloadResult.REFUSED, why="x.toml:3: port: no", remedy="mend")


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def reloads(request):
    """The port, how to wait for the disk, and the port of another cell."""
    if request.param == "memory":

        async def flush():
            pass

        return MemoryReloads(), flush, MemoryReloads()
    store = request.getfixturevalue(request.param)
    return (
        SqlReloads(store.engine, store.writer, "milano"),
        store.writer.flush,
        SqlReloads(store.engine, store.writer, "roma"),
    )


async def test_each_reload_is_kept_whole_and_the_last_comes_first(reloads):
    port, flush, other = reloads
    port.save_reload(APPLIED)
    port.save_reload(REFUSED)
    other.save_reload(APPLIED)
    await flush()
    assert await port.reloads(9) == [REFUSED, APPLIED]
    assert await port.reloads(1) == [REFUSED]
    assert await other.reloads(9) == [APPLIED]
