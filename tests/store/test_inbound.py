"""Calls that came in, on record: the contract."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialer.adapters.store.inbound import SqlInbound
from dialer.adapters.store.reports import SqlReports
from dialer.calls.inbound import InboundCall, InboundResult, InboundState, KnownCaller
from dialer.cases.debt import Debt
from dialer.cases.model import CaseState, NewCase, NextAction
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Direction, EntryResult
from dialer.compliance.verdict import Intent
from dialer.kernel.money import Money
from dialer.outcomes.record import RecordedOutcome
from dialer.reports import inbound as inbound_report
from dialer.reports.report import Asked

NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
NUMBER = "+393471234567"
ID = "dli-" + "1" * 26
INTENT = Intent("k", 1, 1, NUMBER, ("Europe/Rome",), ("it-unirec",), 0.0, debts=(1,))
CALL = InboundCall(ID, "+390612345678", NUMBER, NOW, campaign="k", case_id=1, candidates=(1,), intent=INTENT)
TALK = replace(CALL, state=InboundState.TALKING, agent="anna", bridged_at=NOW + timedelta(seconds=5))


def inbound_of(store):
    return store.book if store.engine is None else SqlInbound(store.engine, store.writer)


def ended(n, result, after_seconds, **how):
    """A call that came in and is over; result by name."""
    call = replace(CALL, id=f"dli-{n:026d}", state=InboundState.ENDED, result=InboundResult(result), **how)
    return replace(call, ended_at=NOW + timedelta(seconds=after_seconds))


async def add_cases(store, *numbers):
    new = [
        NewCase("Luce", f"D{n}", f"Name {n}", (Debt(f"F{n}", Money(100)),), (number,), "Europe/Rome", "it")
        for n, number in enumerate(numbers)
    ]
    await store.book.add("k", new, NOW)


async def test_a_call_comes_back_as_it_stood_and_is_unsettled_until_it_ends(store):
    inbound = inbound_of(store)
    await add_cases(store, NUMBER)
    unknown = replace(CALL, id="dli-" + "2" * 26, caller=None, case_id=None, candidates=(), intent=None)
    for call in (CALL, unknown, TALK):
        inbound.save_inbound(call)
    await inbound.flush()
    found = {call.id: replace(call, intent=None) for call in await inbound.unsettled_inbound([], NOW)}
    assert found == {ID: replace(TALK, intent=None), unknown.id: unknown}
    over = replace(TALK, state=InboundState.ENDED, result=InboundResult.CONNECTED, ended_at=NOW + timedelta(minutes=1))
    inbound.save_inbound(over)
    await inbound.flush()
    assert {call.id for call in await inbound.unsettled_inbound([], NOW)} == {unknown.id}
    assert {call.id for call in await inbound.unsettled_inbound([ID], NOW)} == {ID, unknown.id}


async def test_a_call_back_that_was_asked_for_is_unsettled_until_it_is_planned(store):
    inbound = inbound_of(store)
    await add_cases(store, NUMBER)
    later = NOW + timedelta(hours=1)
    asked = ended(1, "unserved", 50, unserved_at=NOW, call_back_at=NOW)
    for call in (
        asked,
        ended(2, "unserved", 50, unserved_at=NOW, call_back_at=NOW, call_back_due_at=later),
        ended(3, "unserved", 50, unserved_at=NOW),
    ):
        inbound.save_inbound(call)
    await inbound.flush()
    assert [call.id for call in await inbound.unsettled_inbound([], NOW)] == [asked.id]
    assert await inbound.unsettled_inbound([], later) == []


async def test_who_has_a_number_is_found_with_the_agent_of_the_last_talk(store):
    inbound = inbound_of(store)
    await add_cases(store, NUMBER, NUMBER, "+393479999999")
    inbound.save_inbound(replace(TALK, id="dli-" + "3" * 26, agent="old", bridged_at=NOW - timedelta(days=1)))
    inbound.save_inbound(TALK)
    await inbound.flush()
    assert await inbound.known_callers(NUMBER) == [
        KnownCaller(1, "k", "anna", TALK.bridged_at),
        KnownCaller(2, "k"),
    ]
    assert await inbound.known_callers("+393470000000") == []


async def test_a_talk_is_found_as_what_an_outcome_is_about_and_counts_among_no_attempts(store):
    inbound = inbound_of(store)
    await add_cases(store, NUMBER)
    over = replace(TALK, state=InboundState.ENDED, result=InboundResult.CONNECTED, ended_at=NOW + timedelta(minutes=1))
    inbound.save_inbound(over)
    action = NextAction(CaseState.OPEN, NOW + timedelta(days=1), "refuses")
    said = RecordedOutcome(
        ID, "anna", "refuses", "no", NOW, counts_as=EntryResult.CONVERSATION, action=action, case_id=1
    )
    await store.attempts.add_outcome(said)
    (talk,) = await store.attempts.find([ID])
    assert (talk.direction, talk.outcome, talk.counts_as) == (Direction.INBOUND, "refuses", EntryResult.CONVERSATION)
    assert (talk.intent.packs, talk.intent.debts, talk.intent.number) == (("it-unirec",), (1,), NUMBER)
    assert (talk.bridged_at, talk.ended_at, talk.then) == (over.bridged_at, over.ended_at, action)
    assert await store.attempts.unsettled() == []
    assert await store.attempts.latest() is None
    card = await store.book.card(1, NOW)
    assert card.attempts == 0
    (contact,) = card.history
    assert (contact.result, contact.outcome, contact.agent, contact.note) == ("inbound", "refuses", "anna", "no")
    (next_due,) = [await store.book.next_due("k", NOW)]
    assert next_due.at == action.due_at


@pytest.mark.parametrize("after_seconds", [60, -60])
async def test_a_word_about_a_talk_leaves_what_comes_next_to_a_newer_call(store, after_seconds):
    inbound = inbound_of(store)
    await add_cases(store, NUMBER)
    over = replace(TALK, state=InboundState.ENDED, result=InboundResult.CONNECTED, ended_at=NOW + timedelta(seconds=20))
    inbound.save_inbound(over)
    await inbound.flush()
    called = Reservation("dla-" + "7" * 26, INTENT, NOW + timedelta(seconds=after_seconds))
    await store.open(called)
    action = NextAction(CaseState.OPEN, NOW + timedelta(days=1), "refuses")
    said = RecordedOutcome(ID, "anna", "refuses", "", NOW, counts_as=EntryResult.CONVERSATION, action=action, case_id=1)
    await store.attempts.add_outcome(said)
    overtaken = after_seconds > 0
    assert await store.attempts.called_since(ID) is overtaken
    planned = await store.book.next_due("k", NOW)
    assert (planned is None) is overtaken


async def test_the_report_counts_callers_by_campaign_with_their_waits(sql):
    inbound = inbound_of(sql)
    await add_cases(sql, NUMBER)
    later = NOW + timedelta(seconds=40)
    for call in (
        ended(1, "connected", 60, bridged_at=NOW + timedelta(seconds=4)),
        ended(2, "connected", 60, bridged_at=NOW + timedelta(seconds=8), case_id=None),
        ended(3, "unserved", 50, unserved_at=later, call_back_at=later, call_back_due_at=later),
        ended(4, "hung_up", 9),
        ended(5, "not_ours", 5, campaign=""),
        ended(6, "connected", 60, arrived_at=NOW - timedelta(days=1)),
    ):
        inbound.save_inbound(call)
    await inbound.flush()
    asked = Asked(NOW, ZoneInfo("UTC"), since=NOW - timedelta(hours=1))
    found = inbound_report.report(asked, await SqlReports(sql.engine).inbound(asked))
    strange, ours = found.lines
    assert (strange.campaign, strange.calls, strange.not_ours, strange.served) == ("", 1, 1, None)
    assert (ours.calls, ours.connected, ours.unserved, ours.hung_up, ours.unidentified) == (4, 2, 1, 1, 1)
    assert (ours.call_backs, ours.call_backs_planned, ours.served) == (1, 1, 0.5)
    assert (ours.waited_seconds, ours.mean_wait_seconds, ours.longest_wait_seconds) == (12.0, 6.0, 40.0)
    (all_of_them,) = found.totals
    assert (all_of_them.calls, all_of_them.longest_wait_seconds, all_of_them.served) == (5, 40.0, 0.5)
    (line,) = await SqlReports(sql.engine).inbound(replace(asked, campaign="k"))
    assert line.calls == 4
