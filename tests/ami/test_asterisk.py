"""What Asterisk says of one call on two ways, of which one may overtake the other."""

import asyncio
from random import Random

import pytest
from panoramisk.message import Message

from dialer.adapters.ami.asterisk import Asterisk
from dialer.adapters.ami.link import LinkSettings
from dialer.calls.pbx import LegState
from dialer.kernel import events
from dialer.testing.virtual_time import LoopClock

pytestmark = pytest.mark.virtual_time
ATTEMPT, SEAT, CAME_IN = "dla-" + "0" * 26, "dls-" + "0" * 26, "dli-" + "0" * 26


class Heard:
    """A PBX whose messages the test says itself."""

    def __init__(self):
        self.events = []
        self.pbx = Asterisk(LinkSettings("127.0.0.1", 0, "dialer", ""), [], LoopClock(), Random(1), self.events.append)
        self.connect()

    def connect(self):
        self.pbx.link.up = True
        self.pbx.link.connects += 1

    def say(self, event, leg=ATTEMPT, **headers):
        self.pbx.link.dispatch(Message({"Event": event, "Uniqueid": leg} | headers))

    def failed(self, leg=ATTEMPT):
        self.say("OriginateResponse", leg, Response="Failure", Reason="0")

    @property
    def kinds(self):
        return [type(event) for event in self.events]


async def test_a_failure_that_overtakes_the_life_of_its_call_is_told_last():
    heard = Heard()
    heard.failed()
    await asyncio.sleep(1)  # a busy machine
    heard.say("Newchannel")
    heard.say("Hangup", Cause="1", TechCause="404")
    await asyncio.sleep(60)
    assert heard.kinds == [events.LegCreated, events.LegEnded, events.OriginateFailed]


async def test_a_failure_without_a_channel_is_told_with_the_instant_at_which_it_was_said():
    heard = Heard()
    said_at = heard.pbx._clock.now()
    heard.failed()
    await asyncio.sleep(60)
    assert heard.events == [events.OriginateFailed(ATTEMPT, said_at)]


async def test_a_caller_whose_recording_is_begun_twice_is_heard_of_by_both(monkeypatch):
    heard = Heard()

    async def request(action, *, as_list=False):
        return Message({"Response": "Success"})

    monkeypatch.setattr(heard.pbx.link, "request", request)
    begun = [asyncio.create_task(heard.pbx.record_caller(CAME_IN, muted=False)) for _ in range(2)]
    await asyncio.sleep(0.1)
    heard.say("UserEvent", UserEvent="DialerRecording", Attempt=CAME_IN)
    await asyncio.gather(*begun)
    assert heard.pbx._begun == {}


@pytest.mark.parametrize("back", [False, True])
async def test_a_failure_says_nothing_once_the_link_was_lost_behind_it(back):
    heard = Heard()
    heard.failed()
    await asyncio.sleep(1)
    heard.pbx.link.up = False
    if back:
        heard.connect()
    await asyncio.sleep(60)
    assert heard.events == []


async def test_a_seat_whose_phone_was_not_reached_is_free_at_once():
    heard = Heard()
    heard.failed(SEAT)
    assert heard.kinds == [events.SeatEnded]


async def test_a_call_that_comes_in_while_the_channels_are_listed_is_still_found(monkeypatch):
    heard, acted_on = Heard(), []

    async def request(action, *, as_list=False):
        if action["Action"] == "CoreShowChannels":
            heard.say("UserEvent", "", UserEvent="DialerInbound", Attempt=CAME_IN, Leg="pbx-1.7", Called="", Caller="")
        acted_on.append(action.get("Channel"))
        answer = Message({"Response": "Success"})
        return [answer, answer] if as_list else answer

    monkeypatch.setattr(heard.pbx.link, "request", request)
    await heard.pbx.survey()
    await heard.pbx.hang_up(CAME_IN)
    assert acted_on[-1] == "pbx-1.7"


@pytest.mark.parametrize(
    ("context", "state"),
    [
        ("dialer-answered", LegState.WAITING),
        ("dialer-hold-outside", LegState.HELD),
        ("dialer-transfer", LegState.MOVING),
        ("dialer-to-outside", LegState.MOVING),
        ("dialer-join", LegState.MOVING),
        ("dialer-connect", LegState.OTHER),
    ],
)
async def test_where_the_dialplan_has_a_debtor_who_hears_nobody_is_listed(monkeypatch, context, state):
    heard = Heard()

    async def request(action, *, as_list=False):
        answer = Message({"Response": "Success"})
        row = Message({"Uniqueid": ATTEMPT, "ChannelStateDesc": "Up", "Context": context, "BridgeId": ""})
        rows = [row] if action["Action"] == "CoreShowChannels" else []
        return [answer, *rows, answer] if as_list else answer

    monkeypatch.setattr(heard.pbx.link, "request", request)
    assert (await heard.pbx.survey()).attempts[ATTEMPT].state is state


@pytest.mark.parametrize(
    ("said", "reached"),
    [("Reachable", True), ("NonQualified", True), ("Unreachable", False), ("Removed", False), ("Created", None)],
)
async def test_whether_a_trunks_carrier_answers_is_told_by_its_endpoint(said, reached):
    heard = Heard()
    heard.say("ContactStatus", "", ContactStatus=said, EndpointName="milano", AOR="milano", URI="sip:192.0.2.1")
    assert [(event.endpoint, event.reached) for event in heard.events] == (
        [] if reached is None else [("milano", reached)]
    )
