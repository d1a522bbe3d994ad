"""What every storey shares."""

import asyncio
import os
from pathlib import Path

import pytest

from dialer.testing.virtual_time import VirtualTimeLoop

ROOT = Path(__file__).parents[1]


def pytest_asyncio_loop_factories(config, item):
    """Tests marked `virtual_time` run on a loop that never waits."""
    if item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return {"real": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def asterisk_tree():
    """What `setup/fetch-asterisk` made. Without it the tests fail: a PBX that isn't there proves nothing."""
    tree = Path(os.environ.get("DIALER_ASTERISK", ROOT / ".cache/asterisk"))
    assert (tree / "asterisk").exists(), f"no Asterisk in {tree}: run make setup"
    return tree
