"""The engine learns of its calls, and calls again at the hour that pays: under virtual time, with the real gate."""

import asyncio
import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from dialer.campaigns.habits import Habits
from dialer.campaigns.priority import LONGEST_DUE_EVERY
from dialer.campaigns.selection import PAGE_LASTS_SECONDS, Stock
from dialer.cases.model import CaseState, NextAction
from dialer.compliance.verdict import CallMode, Refusal, Verdict
from dialer.outcomes import closing
from dialer.outcomes.form import EMPTY
from dialer.testing.public import Behaviour
from tests.sim.house import PROMISE, House

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


async def test_however_many_calls_end_few_are_learnt_of_at_once_and_the_engine_goes_on(monkeypatch):
    monkeypatch.setattr(closing, "MOST_TO_LEARN", 10)
    async with House(agents=20) as house:
        learning, most = 0, 0

        async def after(attempt, planned):
            nonlocal learning, most
            learning += 1
            most = max(most, learning)
            await asyncio.Event().wait()

        monkeypatch.setattr(house.closing._planning, "after", after)
        with capture_logs() as logs:
            await house.begin(*[B.BUSY] * 50)
            await house.run(60)
        assert house.results() == {"busy": 50}
        assert most == closing.LEARNERS
        unlearnt = [line for line in logs if line["event"] == "attempt.not_learnt"]
        assert len(unlearnt) == 50 - closing.LEARNERS - 10


async def test_the_number_is_chosen_even_where_the_hour_stays_and_little_is_learnt():
    """The first of its two numbers turned out to be dead."""
    async with House(agents=1) as house:
        await house.begin((B.UNALLOCATED, B.NEVER_ANSWERS))
        await house.run(60)
        (dead, other), case = house.record.cases[1].new.numbers, house.record.cases[1]
        assert [attempt.intent.number for attempt in house.record.attempts.values()] == [dead]
        assert (case.first_number, case.why) == (other, "after not_in_service")


async def test_who_is_owed_a_call_is_owed_it_at_a_good_hour():
    async with House() as house:
        teach(house, EVENINGS)
        await house.begin(B.NEVER_ANSWERS)
        await house.run(60)
        (attempt,), wanted_by = house.record.attempts.values(), house.record.cases[1].wanted_by
        latest = attempt.ended_at + timedelta(days=3)
        assert latest - timedelta(days=1) <= wanted_by <= latest
        assert wanted_by.astimezone(ROME).hour == 18


async def test_a_page_grows_old_lest_what_came_due_since_waits_until_it_is_used_up():
    async with House() as house:
        await house.cases(*[B.NEVER_ANSWERS] * 20)
        stock, now = Stock("k", house.record), house.clock.now()
        await stock.refill(1, now, 0.0)
        given = [case.id for case in stock.take(LONGEST_DUE_EVERY)]
        house.record.want(20, now)
        await stock.refill(1, now, PAGE_LASTS_SECONDS - 1.0)
        (young,) = stock.take(1)
        await stock.refill(1, now, PAGE_LASTS_SECONDS)
        (old,) = stock.take(1)
        assert (young.id, old.id) == (LONGEST_DUE_EVERY + 1, 20)
        assert len({*given, young.id, old.id}) == LONGEST_DUE_EVERY + 2, "nobody is given out twice"


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


async def test_hours_are_held_against_the_first_legal_one_not_against_the_night():
    """Called again at half past nine in the evening would mean: tomorrow at half past eight, when hardly anybody answers."""
    async with House() as house:
        teach(house, {**dict.fromkeys(range(9, 21), 0.03), 8: 0.02, 18: 0.036})
        await house.cases(B.NEVER_ANSWERS)
        late = house.clock.now().astimezone(ROME).replace(hour=21, minute=30)
        best = await house.closing._planning.best(house.campaign, await house.record.case(1), late)
        assert best.at.astimezone(ROME).hour == 18
        assert best.at > late


async def test_a_case_that_the_gate_refused_waits_for_the_hour_that_pays():
    async with House() as house:
        teach(house, EVENINGS)
        await house.cases(B.NEVER_ANSWERS)
        tomorrow = house.clock.now().astimezone(ROME).replace(hour=8, minute=30) + timedelta(days=1)
        refused = Verdict((Refusal("attempts-per-day"),), not_before=tomorrow)
        await house.closing.not_called(house.campaign, await house.record.case(1), refused)
        at, why = planned(house)
        assert (at.date(), at.hour, why) == (tomorrow.date(), 18, "not called: attempts-per-day")


async def test_a_call_for_which_an_agent_was_held_says_nothing_of_the_hour():
    async with House(mode=CallMode.RESERVED) as house:
        await house.begin(B.PERSON, B.NEVER_ANSWERS)
        await house.run(60)
        assert house.results()["connected"] == 1
        assert house.learning.of("k").dump()["cells"] == []


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


async def test_a_corrected_outcome_takes_back_what_the_first_one_taught():
    async with House(agents=1) as house:
        await house.begin(B.PERSON)
        await house.run(20, act=False)
        for code, learnt in (("refuses", [1, 0]), ("third_party", [0, 0]), ("promise_to_pay", [1, 1])):
            await house.flow.write_up("agent0", code, "", PROMISE if code == "promise_to_pay" else EMPTY)
            dump = house.learning.of("k").dump()
            assert dump["risks"].get("") == learnt, code
            assert [cell[-1] for cell in dump["cells"]] in ([learnt[0]], []), code


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
