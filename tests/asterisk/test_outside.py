"""Somebody outside is called into a call, by ear: a supervisor's phone, an office by the trunk, three on one line, and with
the engine killed.
"""

import re
import sqlite3

import pytest

from tests.asterisk.room import AGENT, DEBTOR, OFFICE, OTHER, room
from tests.asterisk.stage import attempts, import_numbers, until

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(400)]
NOBODY = 0


async def agent_is(it, state):
    return (await it.states())[0] == state


async def test_the_debtor_waits_comes_back_is_one_of_three_and_is_left_to_somebody_outside(tmp_path, asterisk_tree):
    async with room(tmp_path, asterisk_tree) as it:
        await import_numbers(it.stage, "+393471234567")
        await it.hears(agent=DEBTOR, debtor=AGENT)
        await it.ask("agents/agent01/transfer", {"to": "agent02"})  # a supervisor, who isn't logged in
        await it.hears(agent=OTHER, debtor=NOBODY, other=AGENT)
        await it.ask("agents/agent01/take-back")
        await it.hears(agent=DEBTOR, debtor=AGENT)
        await until(lambda: not it.other.talking)

        # the dialplan's own bound, made short
        plan = next(it.stage.pbx.folder.rglob("extensions_dialer.conf"))
        text = plan.read_text()
        assert text.count("Wait(120)") == 1
        plan.write_text(text.replace("Wait(120)", "Wait(10)"))
        await it.stage.pbx.cli("dialplan reload")
        await it.ask("agents/agent01/transfer", {"to": "office"})
        await it.hears(agent=OTHER, debtor=NOBODY, office=AGENT)
        (office,) = it.office
        assert (office.number, "+390694801234" in office.invite.get("from")) == (OFFICE, True)
        await it.kill()
        await it.hears(agent=DEBTOR, debtor=AGENT)
        await until(office.ended.is_set)
        plan.write_text(text)
        await it.stage.pbx.cli("dialplan reload")
        await it.stage.start_daemon()
        await until(lambda: agent_is(it, "talking"))

        await it.ask("agents/agent01/transfer", {"to": "office"})
        await it.hears(agent=OTHER, debtor=NOBODY, office=AGENT)
        await it.ask("agents/agent01/join")
        three = {"agent": DEBTOR + OTHER, "debtor": AGENT + OTHER, "office": DEBTOR + AGENT}
        await it.hears(**three)
        await it.kill()
        await it.hears(**three)
        await it.stage.start_daemon()
        await it.hears(**three)
        await it.ask("agents/agent01/take-back")
        await it.hears(agent=DEBTOR, debtor=AGENT)
        await until(it.office[1].ended.is_set)
        globals_ = await until(lambda: forgotten(it.stage))
        assert "DIALER_OUTSIDE_" in globals_

        await it.ask("agents/agent01/transfer", {"to": "office"})
        await it.hears(agent=OTHER, debtor=NOBODY, office=AGENT)
        await it.ask("agents/agent01/hand-over")
        await it.hears(agent=NOBODY, debtor=OTHER, office=DEBTOR)
        await until(lambda: agent_is(it, "wrapping"))
        await it.ask("agents/agent01/outcome", {"code": "refuses", "note": ""})
        await it.ask("agents/agent01/wrapped")
        await until(lambda: agent_is(it, "ready"))
        it.office[2].hang_up()
        (call,) = it.public.calls
        await until(call.ended.is_set)
        (line,) = await until(lambda: ended(it.stage))
        assert (line["agent"], line["result"], line["outcome"]) == ("agent01", "connected", "refuses")
        with sqlite3.connect(it.stage.folder / "dialer.db") as database:
            told = " ".join(text for (text,) in database.execute("select text from case_history"))
        assert "call left by agent01 to the creditor's office" in told


async def forgotten(stage):
    """The PBX's global variables, once none of them names a party: the last one is gone."""
    globals_ = await stage.pbx.cli("dialplan show globals")
    return "" if re.search(r"DIALER_OUTSIDE_\d+=PJSIP", globals_) else globals_


async def ended(stage):
    lines = await attempts(stage)
    return lines if lines and all(line["ended_at"] and line["outcome"] for line in lines) else None
