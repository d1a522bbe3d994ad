"""What the engine relies on, held against the record in memory and the one in SQLite."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from dialer.adapters.store.decisions import SqlDecisions
from dialer.adapters.store.reports import SqlReports
from dialer.adapters.store.schema import cases
from dialer.agents.session import SavedSession, Work
from dialer.agents.working_time import Worked
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.results import Result
from dialer.campaigns.campaign import CampaignState
from dialer.cases.debt import Debt
from dialer.cases.model import AGREED, NOT_CALLED, CaseState, NewCase, NextAction, NextDue
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Entry, EntryResult
from dialer.compliance.gate import Decision, entry_of
from dialer.compliance.ledger import WINDOW
from dialer.compliance.verdict import Intent, Verdict
from dialer.kernel.errors import AwayError, CaseNotOpenError
from dialer.kernel.money import Money
from dialer.outcomes.counting import entry_for, opt_out
from dialer.outcomes.record import RecordedOutcome
from dialer.reports.report import Asked

NOW = datetime(2026, 11, 24, 9, 0, 0, 123456, tzinfo=UTC)
MOBILE, HOME = "+393471234567", "+390212345678"


def new_case(n=1, *, numbers=(MOBILE, HOME), debts=None, creditor="Luce"):
    debts = debts or (Debt(f"F{n}", Money(12345), date(2026, 1, 31)),)
    return NewCase(creditor, f"D{n}", f"Nicolò {n}", debts, numbers, "Europe/Rome", "it")


def reservation(case, n=1, number=MOBILE, at=NOW):
    intent = Intent("k", case.id, case.debtor_id, number, case.zones, ("it-unirec",), 0.0)
    return Reservation(f"dla-{n:026d}", intent, at)


async def first_case(store, *cases):
    await store.book.add("k", cases or (new_case(),), NOW)
    return (await store.book.due("k", NOW, 10, ()))[0]


async def ended_attempt(store, case, n=1, number=MOBILE, at=NOW, result=Result.CONNECTED):
    held = reservation(case, n, number, at)
    await store.open(held)
    attempt = Attempt(held.attempt, held.intent, at)
    attempt.apply(Signal.SENT, at)
    attempt.apply(Signal.WAITS, at + timedelta(seconds=5))
    attempt.apply(Signal.CLAIMED, at + timedelta(seconds=5))
    attempt.apply(Signal.BRIDGED, at + timedelta(seconds=5.014))
    attempt.apply(Signal.HUNG_UP, at + timedelta(seconds=60))
    attempt.result, attempt.agent, attempt.cause = result, "anna", 16
    store.attempts.save(attempt)
    return attempt


async def test_cases_come_in_and_are_due_at_once(store):
    case = await first_case(store)
    assert case.zones == ("Europe/Rome",)
    assert [line.number for line in case.numbers] == [MOBILE, HOME]
    assert len(await store.book.due("k", NOW, 10_000, ())) == 1
    assert await store.book.due("other", NOW, 10, ()) == []
    assert await store.book.due("k", NOW - timedelta(seconds=1), 10, ()) == []


async def test_agreed_call_backs_are_found_before_they_are_due_the_earliest_first(store):
    await store.book.add("k", [new_case(n, numbers=(f"+39347123456{n}",)) for n in range(1, 6)], NOW)
    one, two, three, four, _ = await store.book.due("k", NOW, 10, ())
    store.book.schedule(one.id, NOW + timedelta(seconds=50), CaseState.OPEN, AGREED)
    store.book.schedule(two.id, NOW + timedelta(seconds=20), CaseState.OPEN, AGREED)
    store.book.schedule(three.id, NOW + timedelta(seconds=90), CaseState.OPEN, AGREED)
    store.book.schedule(four.id, NOW + timedelta(seconds=30), CaseState.OPEN, "after busy")
    found = await store.book.call_backs("k", NOW + timedelta(seconds=60), 10)
    assert [(call.case.id, call.at) for call in found] == [
        (two.id, NOW + timedelta(seconds=20)),
        (one.id, NOW + timedelta(seconds=50)),
    ]
    assert found[0].case == await store.book.case(two.id)
    assert len(await store.book.call_backs("k", NOW + timedelta(seconds=60), 1)) == 1
    assert await store.book.call_backs("other", NOW + timedelta(seconds=60), 10) == []


async def test_the_same_file_twice_changes_nothing(store):
    cases = [new_case(n) for n in range(1, 6)]
    first = await store.book.add("k", cases, NOW)
    again = await store.book.add("k", cases, NOW + timedelta(days=1))
    assert ((first.new, first.known), (again.new, again.known)) == ((5, 0), (0, 5))
    assert len(await store.book.due("k", NOW, 10_000, ())) == 5


async def test_a_new_debt_of_a_known_debtor_joins_the_case(store):
    case = await first_case(store)
    more = new_case(debts=(Debt("F1", Money(1)), Debt("F9", Money(777))), numbers=(MOBILE, "+393337654321"))
    assert (await store.book.add("k", [more], NOW)).new == 1
    card = await store.book.card(case.id, NOW)
    assert sorted((debt.reference, debt.amount.cents) for debt in card.debts) == [("F1", 12345), ("F9", 777)]
    (again,) = await store.book.due("k", NOW, 10, ())
    assert {line.number for line in again.numbers} == {MOBILE, HOME, "+393337654321"}


async def test_a_new_debt_that_was_assigned_without_a_notice_makes_the_case_one(store):
    case = await first_case(store, replace(new_case(), facts={"assigned_npl": True, "assignment_notice_sent": True}))
    more = replace(new_case(debts=(Debt("F9", Money(1)),)), facts={"assigned_npl": True})
    await store.book.add("k", [more], NOW)
    assert dict((await store.book.case(case.id)).facts) == {"assigned_npl": True, "assignment_notice_sent": False}


async def test_the_same_reference_of_another_creditor_is_another_debt(store):
    await store.book.add("k", [new_case(), new_case(creditor="Gas")], NOW)
    assert len(await store.book.due("k", NOW, 10_000, ())) == 2


async def test_the_longest_due_come_first_and_pages_exclude(store):
    await store.book.add("k", [new_case(n) for n in range(1, 6)], NOW)
    ids = [case.id for case in await store.book.due("k", NOW, 10, ())]
    store.book.schedule(ids[0], NOW + timedelta(minutes=5), CaseState.OPEN, "after busy")
    later = NOW + timedelta(minutes=10)
    assert [case.id for case in await store.book.due("k", later, 10, ())] == [*ids[1:], ids[0]]
    assert [case.id for case in await store.book.due("k", later, 2, {ids[1], ids[3]})] == [ids[2], ids[4]]
    assert len(await store.book.due("k", NOW, 10_000, ())) == 4


async def test_the_next_case_that_will_be_due_tells_when_and_why_not_now(store):
    assert await store.book.next_due("k", NOW) is None
    await store.book.add("k", [new_case(n) for n in range(1, 5)], NOW)
    one, two, three, four = await store.book.due("k", NOW, 10, ())
    assert await store.book.next_due("k", NOW) is None
    store.book.schedule(one.id, NOW + timedelta(hours=3), CaseState.OPEN, NOT_CALLED + "hours")
    store.book.schedule(two.id, NOW + timedelta(hours=5), CaseState.OPEN, "after busy")
    store.book.schedule(three.id, NOW + timedelta(hours=1), CaseState.CLOSED, "paid")
    store.book.schedule(four.id, None, CaseState.OPEN, "under way")
    assert await store.book.next_due("k", NOW) == NextDue(NOW + timedelta(hours=3), "not called: hours")
    assert await store.book.next_due("k", NOW + timedelta(hours=3)) == NextDue(NOW + timedelta(hours=5), "after busy")
    assert await store.book.next_due("other", NOW) is None


async def test_a_closed_case_or_one_without_a_time_is_not_due(store):
    await store.book.add("k", [new_case(1), new_case(2)], NOW)
    first, second = await store.book.due("k", NOW, 10, ())
    store.book.schedule(first.id, NOW, CaseState.CLOSED, "paid")
    store.book.schedule(second.id, None, CaseState.OPEN, "being called")
    assert await store.book.due("k", NOW, 10, ()) == []


async def test_an_opened_attempt_takes_its_case_out_and_is_unsettled(store):
    case = await first_case(store)
    await store.open(reservation(case))
    assert await store.book.due("k", NOW, 10, ()) == []
    (attempt,) = await store.attempts.unsettled()
    assert attempt.intent == reservation(case).intent
    assert attempt.cleared_at == NOW
    (line,) = (await store.lines()).values()
    assert (line, line.in_flight) == (entry_of(reservation(case)), True)
    assert await store.attempts.latest() == NOW


async def test_an_attempts_id_stands_once(store):
    case = await first_case(store)
    await store.open(reservation(case))
    with pytest.raises((AwayError, ValueError)):
        await store.open(reservation(case))


@pytest.mark.parametrize("state", [state for state in CaseState if state is not CaseState.OPEN])
async def test_no_attempt_is_opened_on_a_case_that_is_not_open_any_more(store, state):
    await store.book.add("k", [new_case(n, numbers=(f"+39347123456{n}",)) for n in range(1, 4)], NOW)
    one, two, three = await store.book.due("k", NOW, 10, ())
    store.book.schedule(two.id, None, state, "it came to that meanwhile")  # goes to the disk with the attempts
    held = [reservation(case, n, case.numbers[0].number) for n, case in enumerate((one, two, three), 1)]
    opened = await asyncio.gather(*map(store.open, held), return_exceptions=True)
    assert [type(result) for result in opened] == [type(None), CaseNotOpenError, type(None)]
    assert {attempt.id for attempt in await store.attempts.unsettled()} == {held[0].attempt, held[2].attempt}
    assert set(await store.lines()) == {held[0].attempt, held[2].attempt}
    await store.reopen(two.id, NOW)
    assert [case.id for case in await store.book.due("k", NOW, 10, ())] == [two.id]
    await store.open(held[1])
    assert len(await store.attempts.unsettled()) == 3


@pytest.mark.parametrize("state", [state for state in CaseState if state is not CaseState.OPEN])
async def test_nothing_that_is_planned_opens_a_case_that_is_not_open_any_more(store, state):
    case = await first_case(store)
    store.book.schedule(case.id, None, state, "it came to that meanwhile")
    store.book.schedule(case.id, NOW, CaseState.OPEN, NOT_CALLED + "hours")
    await store.attempts.flush()
    assert await store.book.due("k", NOW, 10, ()) == []


async def test_an_attempt_that_is_withdrawn_opens_no_case_that_was_closed_meanwhile(sql, monkeypatch):
    case = await first_case(sql)
    sql.book.schedule(case.id, None, CaseState.LETTER, "it came to that meanwhile")
    await sql.attempts.flush()

    async def away(*_, **__):
        raise AwayError("the record can't be written")

    monkeypatch.setattr(sql.writer, "commit", away)
    with pytest.raises(AwayError):
        await sql.open(reservation(case))
    await sql.attempts.flush()
    assert await sql.book.due("k", NOW, 10, ()) == []


async def test_decisions_written_beside_refused_and_opened_attempts_stay_one_chain(sql):
    await sql.book.add("k", [new_case(n, numbers=(f"+39347123456{n}",)) for n in range(1, 4)], NOW)
    due = await sql.book.due("k", NOW, 10, ())
    sql.book.schedule(due[0].id, None, CaseState.CLOSED, "closed")
    held = [reservation(case, n, case.numbers[0].number) for n, case in enumerate(due, 1)]
    sql.attempts.decided(Decision(NOW, held[0].intent, Verdict()))
    await asyncio.gather(*map(sql.open, held), return_exceptions=True)
    sql.attempts.decided(Decision(NOW, held[0].intent, Verdict()))
    await sql.attempts.flush()
    links = [link async for link in SqlDecisions(sql.engine).links()]
    assert [link.position for link in links] == [1, 2, 3, 4]
    assert [link.previous for link in links[1:]] == [link.digest for link in links[:-1]]


async def test_an_attempt_reads_back_as_it_was_saved(store):
    case = await first_case(store)
    attempt = await ended_attempt(store, case)
    attempt.refusals, attempt.sip = ("hours", "in-flight"), 200
    store.attempts.save(attempt)
    await store.attempts.flush()
    (found,) = await store.attempts.find([attempt.id])
    assert replace(found, created=attempt.created, changes=attempt.changes) == attempt
    assert await store.attempts.unsettled() == []
    assert await store.attempts.find(["dla-" + "9" * 26]) == []


async def test_what_an_ended_attempt_counts_as_replaces_what_was_in_flight(store):
    case = await first_case(store)
    attempt = await ended_attempt(store, case)
    entry = entry_for(attempt, NOW)
    store.attempts.save(attempt, entry)
    store.attempts.keep(entry_of(reservation(case)))  # an older revision that comes late changes nothing
    await store.attempts.flush()
    assert await store.lines() == {attempt.id: entry}
    assert (entry.in_flight, entry.result) == (False, EntryResult.UNKNOWN)  # nobody has said who spoke


async def test_entries_at_which_no_rule_looks_are_left_out_and_flags_stay(sql):
    old = Entry("old", 1, 1, MOBILE, at=NOW - WINDOW - timedelta(hours=1), result=EntryResult.NO_ANSWER)
    young = Entry("young", 1, 1, MOBILE, at=NOW - timedelta(days=30), result=EntryResult.NO_ANSWER)
    sql.attempts.keep(old, young, opt_out(HOME, NOW - timedelta(days=900)))
    await sql.attempts.flush()
    assert set(await sql.lines()) == {"young", f"opt-{HOME}"}


async def test_how_often_each_number_was_tried(store):
    case = await first_case(store)
    await ended_attempt(store, case, 1, HOME)
    await ended_attempt(store, case, 2, HOME, NOW + timedelta(hours=3))
    store.book.schedule(case.id, NOW, CaseState.OPEN, "again")
    (again,) = await store.book.due("k", NOW, 10, ())
    lines = {line.number: line for line in again.numbers}
    assert (lines[HOME].tried, lines[MOBILE].tried) == (2, 0)
    assert lines[HOME].last_tried_at == NOW + timedelta(hours=3)
    assert lines[MOBILE].last_tried_at is None


async def test_the_card_shows_the_history_newest_first(store):
    case = await first_case(store)
    for n in (1, 2):
        attempt = await ended_attempt(store, case, n, at=NOW + timedelta(days=n))
        await store.attempts.add_outcome(
            RecordedOutcome(attempt.id, "anna", "promise_to_pay", f"paga il {n}", NOW + timedelta(days=n))
        )
    card = await store.book.card(case.id, NOW)
    assert (card.debtor_name, card.creditor, card.language, card.attempts) == ("Nicolò 1", "Luce", "it", 2)
    assert [(c.note, c.outcome, c.agent, c.result) for c in card.history] == [
        ("paga il 2", "promise_to_pay", "anna", "connected"),
        ("paga il 1", "promise_to_pay", "anna", "connected"),
    ]
    with pytest.raises(LookupError):
        await store.book.card(999, NOW)


async def test_a_later_outcome_replaces_the_first(store):
    case = await first_case(store)
    attempt = await ended_attempt(store, case)
    for code in ("refuses", "call_back"):
        await store.attempts.add_outcome(RecordedOutcome(attempt.id, "anna", code, "", NOW))
    assert [contact.outcome for contact in (await store.book.card(case.id, NOW)).history] == ["call_back"]


async def test_an_outcome_is_read_back_with_its_attempt_and_brings_what_follows(store):
    case = await first_case(store)
    attempt = await ended_attempt(store, case)
    action = NextAction(CaseState.OPEN, NOW + timedelta(days=3), "after refuses")
    await store.attempts.add_outcome(
        RecordedOutcome(attempt.id, "anna", "refuses", "", NOW, (opt_out(MOBILE, NOW),), action=action, case_id=case.id)
    )
    await store.open(reservation(case, 2))
    await store.attempts.add_outcome(RecordedOutcome(reservation(case, 2).attempt, "anna", "machine", "", NOW))
    assert [found.outcome for found in await store.attempts.find([attempt.id])] == ["refuses"]
    assert [found.outcome for found in await store.attempts.unsettled()] == ["machine"]
    assert f"opt-{MOBILE}" in await store.lines()


async def test_what_follows_from_an_outcome_is_durable_with_it(sqlite):
    case = await first_case(sqlite)
    attempt = await ended_attempt(sqlite, case)
    await sqlite.attempts.flush()
    action = NextAction(CaseState.OPEN, NOW + timedelta(days=3), "after wrong_number")
    lines = (opt_out(MOBILE, NOW),)
    said = RecordedOutcome(attempt.id, "anna", "wrong_number", "", NOW, lines, action=action, case_id=case.id)
    saying = asyncio.create_task(sqlite.attempts.add_outcome(said))
    await asyncio.wait([saying])
    sqlite.work.cancel()  # the daemon dies: nothing more is written
    async with sqlite.engine.connect() as connection:
        (row,) = await connection.execute(select(cases.c.due_at, cases.c.why))
    assert (row.due_at, row.why) == (action.due_at, action.why)
    assert f"opt-{MOBILE}" in await sqlite.lines()


async def test_a_case_reads_back_with_what_the_gate_asks_about(store):
    facts = {"assigned_npl": True, "first_notice_sent_on": date(2026, 11, 1)}
    new = replace(new_case(), household="H1", place="IT-RM", facts=facts)
    case = await first_case(store, new)
    assert (case.household, case.place, dict(case.facts)) == ("H1", "IT-RM", facts)
    assert len(case.debts) == 1
    assert await store.book.case(case.id) == case
    assert await store.book.cases_of(HOME) == [case.id]
    assert await store.book.cases_of("+390299999999") == []
    assert await store.book.campaign_of(case.id) == "k"
    for ask in (store.book.case, store.book.campaign_of):
        with pytest.raises(LookupError):
            await ask(999)


async def test_sessions_and_campaign_states(store):
    case = await first_case(store)
    attempt = await ended_attempt(store, case)
    anna = SavedSession("anna", "dls-1", "lunch", attempt.id, NOW)
    store.floor.save_session(SavedSession("anna", "dls-0", None, None, NOW))
    store.floor.save_session(anna)
    store.floor.save_session(SavedSession("bruno", None, None, None, NOW))
    await store.attempts.flush()
    assert await store.floor.sessions() == [anna]
    assert await store.floor.campaign_states() == {}
    await store.floor.save_campaign_state("k", CampaignState.RUNNING, NOW)
    await store.floor.save_campaign_state("k", CampaignState.HALTED, NOW)
    assert await store.floor.campaign_states() == {"k": CampaignState.HALTED}


async def test_working_times_are_added_up_for_their_period_and_forgotten_after_it(sql):
    told = SqlReports(sql.engine).working_times
    quarter = timedelta(minutes=15)
    for agent, began_at, work, minutes in (
        ("anna", NOW, Work.READY, 3),
        ("anna", NOW, Work.READY, 5),  # the same quarter, a later word
        ("anna", NOW, Work.TALKING, 10),
        ("anna", NOW + quarter, Work.READY, 15),
        ("bruno", NOW + quarter, Work.PAUSED, 1),
    ):
        sql.floor.save_worked(Worked(agent, began_at, work, timedelta(minutes=minutes)))
    await sql.writer.flush()
    everything = Asked(NOW, ZoneInfo("Europe/Rome"))
    both = {"anna": {Work.READY: 1_200.0, Work.TALKING: 600.0}, "bruno": {Work.PAUSED: 60.0}}
    assert await told(everything) == both
    assert await told(replace(everything, since=NOW + quarter)) == {
        "anna": {Work.READY: 900.0},
        "bruno": {Work.PAUSED: 60.0},
    }
    sql.floor.forget_worked(NOW + quarter)
    await sql.writer.flush()
    assert await told(replace(everything, until=NOW + quarter)) == {}


async def test_a_case_that_is_called_too_seldom_comes_first(store):
    await store.book.add("k", [new_case(n) for n in range(1, 4)], NOW)
    ids = [case.id for case in await store.book.due("k", NOW, 10, ())]
    store.book.want(ids[2], NOW + timedelta(days=3))
    early, late = NOW + timedelta(days=2), NOW + timedelta(days=4)
    assert [case.id for case in await store.book.due("k", early, 10, ())] == ids
    assert [case.id for case in await store.book.due("k", late, 10, ())] == [ids[2], *ids[:2]]
    assert (await store.book.count_wanted("k", early), await store.book.count_wanted("k", late)) == (0, 1)
    assert await store.book.count_wanted("other", late) == 0


async def test_the_record_knows_with_which_caller_id_and_over_which_trunk_a_call_went(store):
    case = await first_case(store)
    held = reservation(case)
    held = replace(held, intent=replace(held.intent, caller_id="+390612345678", trunk="milano"))
    await store.open(held)
    (found,) = await store.attempts.find([held.attempt])
    assert (found.intent.caller_id, found.intent.trunk) == ("+390612345678", "milano")


async def test_a_call_that_never_left_our_side_is_no_attempt_at_anybody(store):
    """Nor may it count twice, where the case is called again at once over another trunk."""
    case = await first_case(store)
    await ended_attempt(store, case, 1, result=Result.TRUNK_FAILURE)
    await ended_attempt(store, case, 2, result=Result.BUSY)
    await store.attempts.flush()
    again = await store.book.case(case.id)
    assert {line.number: line.tried for line in again.numbers} == {MOBILE: 1, HOME: 0}
