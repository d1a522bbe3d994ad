"""Where cases stand between their calls, as every record tells it."""

from datetime import timedelta

import pytest

from dialer.adapters.store.turns import SqlTurns
from dialer.cases.model import AGREED, CaseState
from dialer.cases.turn import LOOKED_BACK, CaseGroup, LastCall
from dialer.compliance.gate import Decision
from dialer.compliance.verdict import Refusal, Verdict
from dialer.testing.memory_record import MemoryRecord
from tests.store.test_choosing import LATER, case, due
from tests.store.test_record import NOW, reservation

HOUR = timedelta(hours=1)


def turns_of(store):
    return store.book if isinstance(store.book, MemoryRecord) else SqlTurns(store.engine)


async def refuse(store, case_id, at, *reasons, bridge=False):
    one = await store.book.case(case_id)
    verdict = Verdict(tuple(Refusal(reason) for reason in reasons))
    intent = reservation(one, number=one.numbers[0].number).intent
    store.attempts.decided(Decision(at, intent, verdict, bridge=bridge))
    await store.attempts.flush()


async def test_the_place_of_each_due_case_is_the_order_in_which_they_are_chosen(store):
    await store.book.add("k", [case(n, 500) for n in range(1, 4)] + [case(4, 50), case(5, 50_000), case(6, 500)], NOW)
    await store.book.add("another", [case(7, 90_000)], NOW)
    store.book.want(1, NOW + timedelta(minutes=30))
    store.book.want(2, NOW - timedelta(days=1))
    store.book.schedule(4, NOW, CaseState.OPEN, f"{AGREED} for Tue 24 Nov 2026 10:00")
    store.book.schedule(6, NOW + timedelta(minutes=1), CaseState.OPEN, "after busy")
    in_order = await due(store, most=100)
    assert len(in_order) == 6
    found = [await turns_of(store).turn(id_, LATER) for id_ in (4, 2, 1, 5, 3, 6)]
    assert [one.before for one in found] == [0, 1, 2, 3, 4, 5]
    assert [one.due for one in found] == [6] * 6
    assert found[-1].longest == 5
    assert sorted(one.longest for one in found) == [0, 1, 2, 3, 4, 5]


async def test_a_case_that_waits_has_no_place_and_says_what_was_refused_and_called(store):
    await store.book.add("k", [case(1, 500), case(2, 500)], NOW)
    one = await store.book.case(1)
    await store.open(reservation(one, number=one.numbers[0].number, at=NOW))
    store.book.schedule(1, LATER, CaseState.OPEN, "not called: gap-debtor,hours")
    await refuse(store, 1, NOW - LOOKED_BACK - HOUR, "licence")
    await refuse(store, 1, NOW - HOUR, "hours")
    await refuse(store, 1, NOW, "gap-debtor", "hours")
    await refuse(store, 1, NOW, "dispute", bridge=True)
    await refuse(store, 2, NOW, "licence")
    turn = await turns_of(store).turn(1, NOW)
    assert (turn.campaign, turn.creditor, turn.state) == ("k", one.creditor, CaseState.OPEN)
    assert (turn.due_at, turn.why) == (LATER, "not called: gap-debtor,hours")
    assert (turn.before, turn.longest, turn.due) == (0, 0, 0)
    assert (turn.calls, turn.last_call) == (1, LastCall(NOW, None))
    assert (turn.refused, turn.refusals, turn.refused_at) == ({"hours": 2, "gap-debtor": 1}, 2, NOW)
    other = await turns_of(store).turn(2, NOW)
    assert (other.calls, other.last_call, other.due) == (0, None, 1)
    with pytest.raises(LookupError):
        await turns_of(store).turn(99, NOW)


async def test_the_cases_of_a_campaign_are_counted_by_how_they_stand(store):
    await store.book.add("k", [case(n, 500) for n in range(1, 9)], NOW)
    await store.book.add("another", [case(9, 500)], NOW)
    for case_id, at, state, why in (
        (2, LATER, CaseState.OPEN, "not called: hours"),
        (3, LATER + HOUR, CaseState.OPEN, "not called: hours"),
        (4, LATER, CaseState.OPEN, "not called: dispute"),
        (5, LATER, CaseState.OPEN, "after busy"),
        (6, NOW, CaseState.LETTER, "a letter is due"),
        (7, None, CaseState.CLOSED, "paid in full"),
        (8, NOW, CaseState.OPEN, "not called: hours"),  # and now it is due
    ):
        store.book.schedule(case_id, at, state, why)
    await store.attempts.flush()
    found = await turns_of(store).groups("k", NOW)
    assert set(found) == {
        CaseGroup(CaseState.OPEN, True, (), 2, NOW),
        CaseGroup(CaseState.LETTER, False, (), 1, NOW),
        CaseGroup(CaseState.OPEN, False, ("hours",), 2, LATER),
        CaseGroup(CaseState.OPEN, False, ("dispute",), 1, LATER),
        CaseGroup(CaseState.OPEN, False, (), 1, LATER),
        CaseGroup(CaseState.CLOSED, False, (), 1, None),
    }
    assert found[-1].state is CaseState.CLOSED
    assert await turns_of(store).groups("nothing", NOW) == []
