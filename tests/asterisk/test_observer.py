"""An independent observer: another library, another session, a read-only user. It has seen the same calls."""

import threading
import warnings
from contextlib import suppress

import pytest

from dialer.demo.stage import standing
from dialer.testing.public import Behaviour
from tests.asterisk.stage import Floor, attempts, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class Observer:
    """pyst2 in its own threads; every call into it has our own time limit."""

    def __init__(self, port, secret):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from asterisk.manager import Manager

            Manager.__del__ = lambda _: None  # it closes again, with calls that this Python deprecates
            self.manager = Manager()
            self.limited(lambda: self.manager.connect("127.0.0.1", port))
            self.limited(lambda: self.manager.login("observer", secret))
        self.created, self.up, self.bridged, self.ended = set(), set(), set(), {}
        self.manager.register_event("*", self.see)

    def limited(self, act):
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        thread.join(10)
        assert not thread.is_alive(), "pyst2 hangs"

    def see(self, event, manager):
        leg = event.get_header("Uniqueid", "")
        if not leg.startswith("dla-"):
            return
        match event.name:
            case "Newchannel":
                self.created.add(leg)
            case "Newstate" if event.get_header("ChannelStateDesc") == "Up":
                self.up.add(leg)
            case "BridgeEnter":
                self.bridged.add(leg)
            case "Hangup":
                self.ended[leg] = int(event.get_header("Cause"))

    def close(self):
        def log_off():
            with suppress(ValueError):  # the PBX may close the connection before pyst2 has flushed its last word
                self.manager.logoff()
            self.manager._connected.clear()  # else close logs off once more, on the connection that is gone

        self.limited(log_off)
        self.limited(self.manager.close)


async def test_a_second_library_on_a_second_session_saw_the_same_calls(tmp_path, asterisk_tree):
    kinds = [
        Behaviour.PERSON_HANGS_UP,
        Behaviour.BUSY,
        Behaviour.UNALLOCATED,
        Behaviour.ANSWERS_AND_HANGS_UP,
        Behaviour.REJECTED,
    ] * 3
    numbers = [f"+39347{n:03d}10{kind.value.code}" for n, kind in enumerate(kinds)]
    async with (
        standing(
            tmp_path / "stage", tree=asterisk_tree, agents=4, observer_secret="0bserver",
            campaign="auto_ready_after_seconds = 0\nring_timeout_seconds = 20",
        ) as stage,
        Floor(stage) as floor,
    ):  # fmt: skip
        await import_numbers(stage, *numbers)
        await stage.start_daemon()
        observer = Observer(stage.ami_port, "0bserver")
        try:
            await floor.staff()
            await floor.command("start")

            async def over():
                lines = await attempts(stage)
                return lines if len(lines) == len(numbers) and all(line["ended_at"] for line in lines) else None

            lines = await until(over)
            ids = {line["attempt"] for line in lines}
            await until(lambda: set(observer.ended) == ids)
            assert observer.created == ids
            assert observer.up == {line["attempt"] for line in lines if line["answered_at"]}
            assert observer.bridged == {line["attempt"] for line in lines if line["bridged_at"]}
            assert observer.ended == {line["attempt"]: line["cause"] for line in lines}
            assert len(observer.bridged) >= 3
        finally:
            observer.close()
