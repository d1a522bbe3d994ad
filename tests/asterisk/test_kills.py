"""Daemon, Redis and PostgreSQL killed at random instants of a campaign: nobody is called above a cap, by the CDR.

`make soak-kills ARGS="--kills 50"` is the long form of the same.
"""

import pytest

from bench import kills, kills_judged
from tests.conftest import ROOT

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(600)]
KILLS = 8
SEED = 2  # the daemon forgets what it knew before Redis does: then only the record knows


async def test_whatever_is_killed_nobody_is_called_above_a_cap(tmp_path):
    run = await kills.play(tmp_path / "stage", seed=SEED, kills=KILLS, cache=ROOT / ".cache", say=print)
    assert kills_judged.failures(run) == [], "\n".join(kills_judged.figures(run))
    assert sorted(strike.what for strike in run.strikes) == sorted(kills.KINDS)
    # the caps were reached, so that whatever had been forgotten would have been called again
    assert {"attempts-per-day", "gap-number", "conversations-per-day"} <= run.refused.keys()
    assert any(call.bridged for call in run.calls)
