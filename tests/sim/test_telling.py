"""Of which call the log speaks, and of whose campaign."""

import pytest
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from dialer.calls.attempt import Signal
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time


async def test_what_happens_to_a_call_and_what_is_done_about_it_later_names_call_and_campaign():
    async with House(agents=1, also={"other": {}}) as house:
        await house.begin(Behaviour.PERSON)
        await house.run(20.0, act=False)
        (attempt,) = house.live
        with capture_logs(processors=[merge_contextvars]) as logs:
            house.flow.move(attempt, Signal.RANG)
            house.pbx.up = False
            house.flow.end_call(attempt.agent)  # what the PBX makes of it comes in a task of its own
            await house.run(1.0, act=False)
            house.pbx.up = True
        said = {line["event"]: (line["attempt"], line["campaign"]) for line in logs if "attempt" in line}
        assert said == {
            "attempt.signal_ignored": (attempt.id, "k"),
            "attempt.not_hung_up": (attempt.id, "k"),
        }
        assert get_contextvars() == {}
