"""AMI messages to events: what is about our legs, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.adapters.ami.decode import decode
from dialer.kernel import events
from dialer.kernel.clock import SystemClock

ATTEMPT, SEAT = "dla-" + "0" * 26, "dls-" + "0" * 26
CAME_IN, SPY = "dli-" + "0" * 26, "dlp-" + "0" * 26
CLOCK = SystemClock(timedelta(days=2))
AT = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)
STAMP = {"timestamp": f"{(AT - CLOCK.offset).timestamp():.6f}"}


def read(**headers):
    return decode(STAMP | {key.lower(): value for key, value in headers.items()}, CLOCK)


@pytest.mark.parametrize(
    ("headers", "event"),
    [
        ({"Event": "Newchannel", "Uniqueid": ATTEMPT}, events.LegCreated(ATTEMPT, AT)),
        ({"Event": "Newstate", "Uniqueid": ATTEMPT, "ChannelStateDesc": "Ringing"}, events.LegRinging(ATTEMPT, AT)),
        ({"Event": "Newstate", "Uniqueid": ATTEMPT, "ChannelStateDesc": "Up"}, events.LegUp(ATTEMPT, AT)),
        ({"Event": "Newstate", "Uniqueid": ATTEMPT, "ChannelStateDesc": "Down"}, None),
        ({"Event": "BridgeEnter", "Uniqueid": ATTEMPT, "BridgeTechnology": "simple_bridge"}, events.LegBridged(ATTEMPT, AT)),
        ({"Event": "BridgeEnter", "Uniqueid": SEAT, "BridgeTechnology": "simple_bridge"}, None),
        ({"Event": "BridgeEnter", "Uniqueid": ATTEMPT, "BridgeTechnology": "holding_bridge"}, None),
        ({"Event": "Hangup", "Uniqueid": ATTEMPT, "Cause": "17", "TechCause": "486"}, events.LegEnded(ATTEMPT, AT, 17, 486)),
        ({"Event": "Hangup", "Uniqueid": ATTEMPT, "Cause": "16"}, events.LegEnded(ATTEMPT, AT, 16, None)),
        ({"Event": "Hangup", "Uniqueid": SEAT, "Cause": "16"}, events.SeatEnded(SEAT, AT)),
        ({"Event": "OriginateResponse", "Uniqueid": ATTEMPT, "Response": "Failure"}, events.OriginateFailed(ATTEMPT, AT)),
        ({"Event": "OriginateResponse", "Uniqueid": ATTEMPT, "Response": "Success"}, None),
        ({"Event": "OriginateResponse", "Uniqueid": SEAT, "Response": "Failure"}, events.SeatEnded(SEAT, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerAnswered", "Attempt": ATTEMPT}, events.DebtorWaits(ATTEMPT, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerAbandoned", "Attempt": ATTEMPT}, events.CallAbandoned(ATTEMPT, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerAgentLeft", "Attempt": ATTEMPT}, events.AgentLeft(ATTEMPT, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerOptOut", "Attempt": ATTEMPT}, events.OptedOut(ATTEMPT, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerClaimFailed", "Attempt": ATTEMPT, "Why": "LOCKED"}, events.ClaimFailed(ATTEMPT, AT, "LOCKED")),
        ({"Event": "UserEvent", "UserEvent": "DialerSeatIdle", "Seat": "1001", "Leg": SEAT}, events.SeatIdle(SEAT, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerAnswered", "Attempt": "evil"}, None),
        ({"Event": "UserEvent", "UserEvent": "SomebodyElses", "Attempt": ATTEMPT}, None),
        ({"Event": "Newchannel", "Uniqueid": "pbx-1732437000.7"}, None),
        ({"Event": "UserEvent", "UserEvent": "DialerInbound", "Attempt": CAME_IN, "Leg": "pbx-1.7", "Called": "+390612345678", "Caller": ""}, events.InboundArrived(CAME_IN, AT, "+390612345678", "")),
        ({"Event": "UserEvent", "UserEvent": "DialerInboundUnserved", "Attempt": CAME_IN}, events.InboundUnserved(CAME_IN, AT)),
        ({"Event": "UserEvent", "UserEvent": "DialerCallBack", "Attempt": CAME_IN}, events.CallBackAsked(CAME_IN, AT)),
        ({"Event": "BridgeEnter", "Uniqueid": "pbx-1.7", "AccountCode": CAME_IN, "BridgeTechnology": "simple_bridge"}, events.LegBridged(CAME_IN, AT)),
        ({"Event": "Hangup", "Uniqueid": "pbx-1.7", "AccountCode": CAME_IN, "Cause": "16"}, events.LegEnded(CAME_IN, AT, 16, None)),
        ({"Event": "Hangup", "Uniqueid": "pbx-1.7", "AccountCode": ATTEMPT, "Cause": "16"}, None),
        ({"Event": "BridgeEnter", "Uniqueid": SPY, "BridgeTechnology": "simple_bridge"}, None),
        ({"Event": "VarSet", "Uniqueid": ATTEMPT}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_each_message(headers, event):
    assert read(**headers) == event


def test_without_the_pbxs_time_ours_is_taken():
    event = decode({"event": "Newchannel", "uniqueid": ATTEMPT}, CLOCK)
    assert abs(event.at - CLOCK.now()) < timedelta(seconds=5)


@given(
    st.dictionaries(
        st.sampled_from(["event", "uniqueid", "userevent", "attempt", "leg", "cause", "techcause", "response"]),
        st.text(max_size=40),
    )
)
def test_no_headers_whatever_raise(headers):
    decode(headers, CLOCK)
