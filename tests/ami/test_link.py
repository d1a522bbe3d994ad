"""The hazards of the AMI libraries, each as a regression test against a byte-level server."""

import asyncio
import logging
from random import Random

import pytest

from dialer.adapters.ami.link import MOST_BLOCK_BYTES, AmiLink, LinkSettings, variable
from dialer.kernel.errors import AwayError, PbxAwayError, PbxUnsureError, RefusedError
from dialer.testing.fake_ami import FakeAmiServer

ORIGINATE = {
    "Action": "Originate",
    "ActionID": "dla-1",
    "ChannelId": "dla-1",
    "Channel": "PJSIP/+39347@trunk",
    "Async": "true",
}


class House:
    """A link that runs against a server."""

    def __init__(self, server, **settings):
        self.server = server
        self.events = []
        self.fail_on = set()
        self.ups = self.downs = 0
        self.changed = asyncio.Event()
        given = {"request_seconds": 0.5, "ping_seconds": 0.1, "secret": "s3cret"} | settings
        self.link = AmiLink(LinkSettings("127.0.0.1", server.port, "dialer", **given), self.on_event, Random(1))
        self.task = asyncio.create_task(self.link.run(self.on_up, self.on_down))

    def on_event(self, message):
        if message["event"] in self.fail_on:
            raise RuntimeError("a bug in a handler")
        self.events.append(dict(message))
        self.changed.set()

    async def on_up(self):
        self.ups += 1
        self.changed.set()

    def on_down(self):
        self.downs += 1
        self.changed.set()

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.005)

    async def up(self):
        await self.until(lambda: self.link.up and self.ups)
        return self

    async def close(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def server():
    async with FakeAmiServer() as server:
        yield server


@pytest.fixture
async def house(server):
    house = await House(server).up()
    yield house
    await house.close()


async def test_how_long_each_action_took_is_counted(house):
    pings = house.link.requests["Ping"].count
    await house.link.request({"Action": "Ping"})
    assert house.link.requests["Ping"].count > pings
    assert house.link.requests["Login"].count == 1
    assert set(house.link.requests) == {"Login", "Ping"}


async def test_it_logs_in_and_gets_answers(house):
    answer = await house.link.request({"Action": "CoreStatus"})
    assert answer.response == "Success"


async def test_an_originate_that_was_cut_off_is_never_sent_again(server):
    async def cut_on_originate(server, action):
        if action["Action"] == "Originate":
            server.cut()
        else:
            await server.usual(action)

    server._script = cut_on_originate
    house = await House(server).up()
    with pytest.raises(PbxUnsureError, match="lost"):
        await house.link.request(ORIGINATE)
    await house.until(lambda: house.ups == 2)
    await asyncio.sleep(0.3)
    assert len(server.actions("Originate")) == 1
    assert house.downs == 1
    await house.close()


async def test_nothing_is_queued_while_the_link_is_down(server, house):
    await server.stop()
    await house.until(lambda: not house.link.up)
    with pytest.raises(PbxAwayError):
        await house.link.request(ORIGINATE)
    async with server:
        await house.until(lambda: house.ups == 2)
        await asyncio.sleep(0.3)
        assert server.actions("Originate") == []


async def test_a_request_without_an_answer_ends_at_its_deadline_and_leaks_nothing(server):
    async def mute(server, action):
        if action["Action"] != "Originate":
            await server.usual(action)

    server._script = mute
    house = await House(server, request_seconds=0.2).up()
    for _ in range(20):
        with pytest.raises(PbxUnsureError, match=r"within 0\.2 s"):
            await house.link.request({**ORIGINATE, "ActionID": f"dla-{_}"})
    assert len(house.link.protocol.responses) <= 2  # a ping may be under way
    await house.close()


async def test_acknowledged_originates_whose_result_never_comes_leak_nothing(house):
    for n in range(100):
        await house.link.request({**ORIGINATE, "ActionID": f"dla-{n}"})
    assert len(house.link.protocol.responses) <= 2


async def test_a_peer_that_falls_silent_is_noticed_and_left(server, house):
    server.silent = True
    await house.until(lambda: house.downs == 1)
    server.silent = False
    await house.until(lambda: house.ups == 2)


async def test_a_handler_that_raises_costs_one_event_and_not_the_link(server, house, caplog):
    house.fail_on = {"Bad"}
    with caplog.at_level(logging.CRITICAL):
        server.event("Bad", Uniqueid="1")
        server.event("Good", Uniqueid="2")
        await house.until(lambda: house.events[-1:] and house.events[-1]["Event"] == "Good")
    assert house.link.malformed == 1
    assert (house.ups, house.downs) == (1, 0)


async def test_characters_split_over_two_reads_survive(server, house):
    raw = "Event: UserEvent\r\nName: Niccolò Però\r\n\r\n".encode()
    for byte in raw:
        server.send(bytes([byte]))
        await asyncio.sleep(0)
    await house.until(lambda: any(e.get("Name") == "Niccolò Però" for e in house.events))


async def test_many_events_in_one_read_keep_their_order(server, house):
    server.send("".join(f"Event: E\r\nN: {n}\r\n\r\n" for n in range(500)))
    await house.until(lambda: len([e for e in house.events if e["Event"] == "E"]) == 500)
    assert [int(e["N"]) for e in house.events if e["Event"] == "E"] == list(range(500))


async def test_the_result_of_an_originate_is_an_event_even_when_it_overtakes_the_acknowledgement(server):
    async def overtake(server, action):
        if action["Action"] == "Originate":
            server.event(
                "OriginateResponse", ActionID=action["ActionID"], Response="Failure", Uniqueid="dla-1", Reason="0"
            )
            server.respond(action, "Success", Message="Originate successfully queued")
        else:
            await server.usual(action)

    server._script = overtake
    house = await House(server).up()
    answer = await house.link.request(ORIGINATE)
    assert answer.message == "Originate successfully queued"
    assert [e["Uniqueid"] for e in house.events if e["Event"] == "OriginateResponse"] == ["dla-1"]
    await house.close()


async def test_answers_find_their_own_requests_in_any_order(server):
    waiting = []

    async def shuffle(server, action):
        if action["Action"] != "Echo":
            await server.usual(action)
            return
        waiting.append(action)
        if len(waiting) == 50:
            Random(3).shuffle(waiting)
            for held in waiting:
                server.respond(held, "Success", Message=held["Text"])

    server._script = shuffle
    house = await House(server, request_seconds=5.0).up()
    answers = await asyncio.gather(*(house.link.request({"Action": "Echo", "Text": str(n)}) for n in range(50)))
    assert [answer.message for answer in answers] == [str(n) for n in range(50)]
    await house.close()


async def test_a_refused_list_is_told_at_once(server):
    async def refuse(server, action):
        if action["Action"] == "CoreShowChannels":
            server.respond(action, "Error", Message="Permission denied")
        else:
            await server.usual(action)

    server._script = refuse
    house = await House(server).up()
    answer = await house.link.request({"Action": "CoreShowChannels"}, as_list=True)
    assert (answer.response, answer.message) == ("Error", "Permission denied")
    await house.close()


async def test_lists_arrive_whole(server):
    async def list_channels(server, action):
        if action["Action"] != "CoreShowChannels":
            await server.usual(action)
            return
        identity = action["ActionID"]
        server.respond(action, "Success", EventList="start", Message="Channels will follow")
        for n in range(3):
            server.event("CoreShowChannel", ActionID=identity, Uniqueid=f"dla-{n}")
        server.event("CoreShowChannelsComplete", ActionID=identity, EventList="Complete", ListItems="3")

    server._script = list_channels
    house = await House(server).up()
    answer = await house.link.request({"Action": "CoreShowChannels"}, as_list=True)
    assert [row["Uniqueid"] for row in answer[1:-1]] == ["dla-0", "dla-1", "dla-2"]
    await house.close()


@pytest.mark.parametrize("sign", ["\r", "\n", "\r\n", "\0"])
@pytest.mark.parametrize("place", ["key", "value", "list"])
async def test_no_control_character_reaches_the_wire(server, house, sign, place):
    smuggled = f"x{sign}Action: Command{sign}Command: core stop now"
    action = {
        "key": {**ORIGINATE, smuggled: "x"},
        "value": {**ORIGINATE, "CallerID": smuggled},
        "list": {**ORIGINATE, "Variable": ["A=1", f"B={smuggled}"]},
    }[place]
    before = len(server.raw)
    with pytest.raises(ValueError, match="control character"):
        await house.link.request(action)
    assert b"core stop now" not in server.raw[before:]


async def test_a_line_that_asterisk_would_drop_is_refused(house):
    with pytest.raises(ValueError, match="longer than"):
        await house.link.request({**ORIGINATE, "CallerID": "è" * 600})


@pytest.mark.parametrize(
    ("value", "escaped"),
    [("plain", "N=plain"), ("a,b", "N=a\\,b"), ('a"b', 'N=a\\"b'), ("a\\b", "N=a\\\\b"), ("${X};", "N=${X};")],
)
def test_variables_are_escaped(value, escaped):
    assert variable("N", value) == escaped


@pytest.mark.parametrize("name", ["FILE(/etc/x)", "DB(a/b)", "A=1,B", "", "A B"])
def test_a_variable_has_a_plain_name(name):
    with pytest.raises(ValueError, match="not a variable name"):
        variable(name, "x")


async def test_a_wrong_secret_is_fatal_and_tried_once(server):
    house = House(server, secret="wrong")
    with pytest.raises(RefusedError, match="refuses the user 'dialer'") as caught:
        await house.task
    assert "secret" in caught.value.remedy
    assert "wrong" not in str(caught.value)
    await asyncio.sleep(0.3)
    assert len(server.actions("Login")) == 1


async def test_a_refused_connection_is_tried_again_with_pauses(server):
    await server.stop()
    house = House(server)
    await asyncio.sleep(0.5)
    async with server:
        await house.up()
    await house.close()
    assert house.link.connects == 1


async def test_a_peer_that_hangs_up_at_once_is_not_hammered(server):
    async def slam(server, action):
        server.cut()

    server._script = slam
    house = House(server)
    await asyncio.sleep(1.0)
    assert 1 <= server.connections <= 8
    await house.close()


async def test_nothing_reconnects_after_the_end(server, house):
    await house.close()
    server.cut()
    await asyncio.sleep(0.4)
    assert server.connections == 1


async def test_an_originate_without_the_async_header_breaks_nothing(house):
    answer = await house.link.request({"Action": "Originate", "Channel": "Local/s@x"})
    assert answer.response == "Success"
    assert house.downs == 0


async def test_a_shutdown_of_the_pbx_is_a_loss(server, house):
    server.event("Shutdown", Shutdown="Cleanly")
    await house.until(lambda: house.downs == 1)


async def test_rubbish_without_end_is_cut_off(server, house):
    server.send(b"x" * (MOST_BLOCK_BYTES + 10))
    await house.until(lambda: house.downs == 1)


async def test_a_failing_start_counts_as_a_loss_and_is_tried_again(server):
    tries = []

    class Failing(House):
        async def on_up(self):
            tries.append(1)
            if len(tries) < 3:
                raise PbxUnsureError("the survey got no answer") if tries[1:] else AwayError("the record is away")

    house = Failing(server)
    await house.until(lambda: len(tries) == 3)
    assert house.link.up
    assert house.downs == 2
    await house.close()


async def test_the_library_prints_no_action(server, caplog):
    with caplog.at_level(logging.DEBUG):
        house = await House(server).up()
        await house.link.request(ORIGINATE)
        server.cut()
        await house.until(lambda: house.ups == 2)
        await house.close()
    assert "+39347" not in caplog.text
    assert "s3cret" not in caplog.text
