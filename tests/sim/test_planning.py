"""The engine learns of its calls, and calls again at the hour that pays: under virtual time, with the real gate."""

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.campaigns.habits import Habits
from dialer.cases.model import CaseState, NextAction
from dialer.testing.public import Behaviour
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time

ROME = ZoneInfo("Europe/Rome")
B = Behaviour


def teach(house, rates):
    """A thousand calls in each hour of a weekday, of which so many reached the right party."""
    habits = house.learning.of("k")
    for hour, rate in rates.items():
        for n in range(1_000):
            reached = n < 1_000 * rate
            habits.called("unknown/unknown", hour, answered=reached)
            if reached:
                habits.spoke("unknown/unknown", hour, "", promised=False)


EVENINGS = {hour: 0.3 if hour == 18 else 0.03 for hour in range(9, 21)}


def planned(house, case_id=1):
    case = house.record.cases[case_id]
    return case.due_at.astimezone(ROME), case.why


async def test_a_call_that_nobody_answers_is_repeated_at_the_hour_that_pays():
    async with House() as house:
        teach(house, EVENINGS)
        await house.begin(B.NEVER_ANSWERS)
        await house.run(60)
        at, why = planned(house)
        assert at.hour == 18
        assert why.startswith("after no_answer: called again ")
        assert "18-19, when numbers like it are answered by" in why
        assert house.record.cases[1].first_number == house.record.cases[1].new.numbers[0]


async def test_with_too_little_learnt_the_spacing_of_the_house_holds():
    async with House() as house:
        await house.begin(B.NEVER_ANSWERS)
        await house.run(60)
        attempt = next(iter(house.record.attempts.values()))
        assert planned(house) == (attempt.ended_at.astimezone(ROME) + timedelta(hours=3), "after no_answer")


async def test_the_gate_has_the_last_word_on_the_hour():
    """At night it pays best, and nobody may be called then."""
    async with House() as house:
        teach(house, {**dict.fromkeys(range(9, 21), 0.03), 2: 0.5, 19: 0.06})
        await house.begin(B.NEVER_ANSWERS)
        await house.run(60)
        assert planned(house)[0].hour == 19


async def test_what_was_planned_meanwhile_is_not_moved():
    async with House() as house:
        await house.cases(B.NEVER_ANSWERS)
        now = house.clock.now()
        was, better = NextAction(CaseState.OPEN, now, "new"), NextAction(CaseState.OPEN, now, "better")
        house.record.schedule(1, None, CaseState.CLOSED, "paid in full")
        house.record.replan(1, was, better)
        assert house.record.cases[1].state is CaseState.CLOSED


async def test_every_call_that_reached_the_network_teaches():
    async with House(agents=2) as house:
        await house.begin(B.NEVER_ANSWERS, B.PERSON, B.BUSY)
        await house.run(90)
        dump = house.learning.of("k").dump()
        ((_, _, calls, answered, right_party),) = dump["cells"]
        assert (calls, answered, right_party) == (3, 1, 1)
        assert dump["risks"] == {"": [1, 0]}
        ((talks, seconds),) = (pair for right, pair in dump["talks"].items() if right == "true")
        assert (talks, round(seconds)) == (1, 20)


async def test_what_was_learnt_is_there_after_a_restart():
    async with House() as house:
        teach(house, EVENINGS)
        house.learning.save()
        kept = house.record.habits.kept["k"]
        assert Habits.load(json.loads(kept.text)).enough
        await house.die()
    async with House(record=house.record, pbx=house.pbx) as again:
        assert again.learning.of("k").dump() == house.learning.of("k").dump()
    house.record.habits.save_learnt("k", "{}", kept.saved_at)
    async with House(record=house.record, pbx=house.pbx) as forgot:
        assert not forgot.learning.of("k").enough
