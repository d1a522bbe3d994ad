"""How quick the PBX is: measured at each call placed, each event, each ping, and forgotten again."""

from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace

import pytest

from dialer.adapters.ami.asterisk import Asterisk
from dialer.adapters.ami.latency import WEIGHT
from dialer.adapters.ami.link import LinkSettings
from dialer.campaigns.trunk import Trunk
from dialer.compliance.clearance import Reservation, Treatment
from dialer.compliance.verdict import Intent
from tests.clock import SetClock

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ATTEMPT = "dla-" + "0" * 26


@pytest.fixture
def pbx():
    clock, heard = SetClock(NOW), []
    asterisk = Asterisk(LinkSettings("h", 1, "u", "s"), [Trunk("trunk", "trunk")], clock, Random(1), heard.append)
    asterisk.clock, asterisk.heard = clock, heard
    return asterisk


async def test_the_time_from_the_request_to_the_acknowledgement(pbx):
    async def request(action, *, as_list):
        pbx.clock.time += timedelta(seconds=0.4)
        return SimpleNamespace(success=True, message="Originate successfully queued")

    pbx.link.request = request
    way = {"caller_id": "+390612345678", "trunk": "trunk"}
    reservation = Reservation(ATTEMPT, Intent("k", 1, 1, "+393471234567", ("Europe/Rome",), ("x",), 30.0, **way), NOW)
    clearance = SimpleNamespace(use=lambda now: reservation, treatment=Treatment(2.6, True, False, "it"))
    await pbx.originate(clearance, 25.0)
    assert pbx.acknowledgement.seconds == pytest.approx(0.4 * WEIGHT)
    for _ in range(40):
        await pbx.originate(clearance, 25.0)
    assert pbx.acknowledgement.seconds == pytest.approx(0.4, rel=0.05)


def test_events_are_late_by_the_pbxs_own_clock_less_its_skew(pbx):
    pbx.skew = timedelta(seconds=1)  # its clock is ahead
    came_from = NOW.timestamp() + 1 - 0.5
    event = {"event": "Newchannel", "uniqueid": ATTEMPT, "timestamp": str(came_from)}
    pbx._read(event)
    assert pbx.event_lag.seconds == pytest.approx(0.5 * WEIGHT)
    pbx._read({"event": "Newchannel", "uniqueid": ATTEMPT})  # an Asterisk that tells no time
    assert pbx.event_lag.seconds == pytest.approx(0.5 * WEIGHT)
    assert len(pbx.heard) == 2


def test_an_event_never_comes_before_it_happened(pbx):
    pbx._read({"event": "Newchannel", "uniqueid": ATTEMPT, "timestamp": str(NOW.timestamp() + 3)})
    assert pbx.event_lag.seconds == 0.0


def test_a_pbx_that_was_slow_and_is_asked_nothing_is_believed_quick_again_by_its_pings(pbx):
    pbx.acknowledgement.seconds = pbx.event_lag.seconds = 5.0
    for _ in range(60):
        pbx._compare_clocks({}, 0.01)
    assert pbx.acknowledgement.seconds < 0.05
    assert pbx.event_lag.seconds < 0.05
