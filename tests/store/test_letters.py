"""Letters on record: what is due, what was written, what its dates bring about, on both databases."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import update

from dialer.adapters.store import letters as store
from dialer.adapters.store.letters import SqlLetters
from dialer.adapters.store.schema import cases
from dialer.calls.inbound import InboundResult, InboundState
from dialer.calls.results import Result
from dialer.cases.debt import Debt
from dialer.cases.debtor import Address
from dialer.cases.history import MomentKind
from dialer.cases.letter import LetterDates, LetterKind, Then
from dialer.cases.limitation import WrittenFact, WrittenFactKind
from dialer.cases.model import AGREED, PAID, CaseState
from dialer.cases.payment import Payment
from dialer.cases.promises import Instalment, Promise
from dialer.compliance.entry import EntryResult
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money
from dialer.outcomes.counting import opt_out
from dialer.outcomes.lettering import Lettering, LetterRules, LetterStep, NotWritten, compose
from dialer.outcomes.record import RecordedOutcome
from dialer.texts.fields import Agency
from dialer.texts.letters import LetterShelf
from tests.store.test_dossier import FULL, day, dispute, look
from tests.store.test_inbound import TALK, inbound_of
from tests.store.test_record import MOBILE, NOW, ended_attempt, first_case, new_case

AGENCY = Agency("Agenzia Uno", "Via Po 2\n00198 Roma", "tel. 06 1234", "TULPS 12/2026", None, "IBAN IT00X")
LADDER = (LetterStep(LetterKind.REGISTERED, 5, 15, Then.CALL), LetterStep(LetterKind.REMINDER, None, 10, Then.ESCALATE))
RULES = LetterRules(LADDER, LetterShelf.read(None), AGENCY, "it")
OWES = replace(FULL, facts={}, note="")


@pytest.fixture
def letters(sql):
    return SqlLetters(sql.engine)


async def due_case(sql, case=OWES):
    """A case for which a letter is due."""
    found = await first_case(sql, case)
    sql.book.schedule(found.id, NOW, CaseState.LETTER, "after refuses, 3 times in a row: a letter is due")
    await sql.writer.flush()
    return found.id


async def written(sql, letters, case=OWES, *, flagged=False, rules=RULES):
    await due_case(sql, case)
    (due,) = await letters.due(NOW, None, (), 10)
    (kept,) = await letters.keep([compose(await look(sql), due, rules, "b1", "anna", NOW, flagged=flagged)])
    return kept


async def test_what_is_due_is_written_once_and_stands_in_the_timeline_with_the_templates_version(sql, letters):
    letter = await written(sql, letters)
    assert (letter.id, letter.template, len(letter.version)) == ("1-1", "demand.it", 12)
    assert await letters.due(NOW, None, (), 10) == []
    assert await letters.keep([letter]) == []  # the case waits for one no more
    assert await letters.find("b1", None, None, 10) == [letter]
    case = await look(sql)
    assert (case.state, case.due_at) == ("letter", None)
    assert case.why == "letter 1-1 (registered) was written on 2026-11-24: it waits to be sent"
    (moment,) = case.timeline
    assert (moment.kind, moment.who, moment.details["version"]) == (MomentKind.LETTER, "anna", letter.version)
    assert "128.45 EUR" in moment.what


async def test_what_stands_in_it_comes_from_the_case(sql, letters):
    content = (await written(sql, letters)).content
    assert content.address == OWES.addresses[0]
    assert content.sender == ("Agenzia Uno", "Via Po 2", "00198 Roma")
    for words in ("Rossi Srl", "Luce", "F1", "F2", "fattura 12", "100,00 €", "23,45 €", "128,45 €", "31 gennaio 2025",
                  "entro 15 giorni", "IBAN IT00X", "TULPS 12/2026", "art. 1219", "Dati personali"):  # fmt: skip
        assert words in content.body, words


async def test_what_was_paid_is_told_and_a_paid_debt_is_not_demanded(sql, letters):
    await due_case(sql)
    paid = [Payment("B1", "F1", Money(2345), date(2026, 11, 1)), Payment("B2", "F2", Money(500), date(2026, 11, 1))]
    await sql.payments.add("Luce", paid, "bank", NOW)
    (due,) = await letters.due(NOW, None, (), 10)
    letter = compose(await look(sql), due, RULES, "b", "anna", NOW, flagged=False)
    assert ("-23,45 €" in letter.content.body, "F2" in letter.content.body) == (True, False)
    assert (letter.total, letter.debts) == (Money(10000), (1,))


async def test_a_registered_letter_received_interrupts_limitation_and_the_case_comes_back_to_the_calls(sql, letters):
    await written(sql, letters)
    _, changed = await letters.tell("1-1", LetterDates(sent_on=date(2026, 11, 24), tracking="152-1"), "posta", NOW)
    case = await look(sql)
    assert (changed, case.state, case.statements[0].limitation.on) == (True, "open", date(2030, 1, 31))
    assert case.due_at == day(0).replace(year=2027, month=1, day=12, hour=8, minute=0, second=0, microsecond=0)
    letter, _ = await letters.tell("1-1", LetterDates(received_on=date(2026, 11, 27)), "posta", day(4))
    assert letter.dates == LetterDates(date(2026, 11, 24), date(2026, 11, 27), None, None, "152-1")
    case = await look(sql)
    fact = WrittenFact(WrittenFactKind.NOTICE_RECEIVED, date(2026, 11, 27), "registered 152-1, letter 1-1", "posta")
    assert (case.statements[0].limitation.on, case.statements[0].limitation.moved_by) == (date(2031, 11, 27), fact)
    assert "received on 2026-11-27: called again from 2026-12-16 unless it is paid" in case.why
    assert await sql.book.due("k", case.due_at - timedelta(seconds=1), 10, ()) == []
    assert [one.id for one in await sql.book.due("k", case.due_at, 10, ())] == [1]
    assert (await letters.tell("1-1", LetterDates(received_on=date(2026, 11, 27)), "posta", day(5)))[1] is False


async def test_what_two_tell_of_a_letter_at_once_is_all_kept(sql, letters):
    await sql.book.add("k", [replace(OWES, debtor_reference=f"D{n}", debts=new_case(n).debts) for n in range(20)], NOW)
    for n in range(1, 21):
        sql.book.schedule(n, NOW, CaseState.LETTER, "a letter is due")
    await sql.writer.flush()
    for due in await letters.due(NOW, None, (), 20):
        case = await look(sql, due.case_id)
        (letter,) = await letters.keep([compose(case, due, RULES, "b1", "anna", NOW, flagged=False)])
        await asyncio.gather(
            letters.tell(letter.id, LetterDates(sent_on=date(2026, 11, 24)), "posta", NOW),
            letters.tell(letter.id, LetterDates(tracking="152-1"), "carla", NOW),
        )
        (known,) = await letters.find(None, letter.id, None, 1)
        assert known.dates == LetterDates(sent_on=date(2026, 11, 24), tracking="152-1")


async def test_a_day_that_was_told_wrong_is_corrected_with_what_followed_from_it(sql, letters):
    await written(sql, letters)
    own = WrittenFact(WrittenFactKind.NOTICE_RECEIVED, date(2026, 11, 20), "PEC, by hand")
    await sql.dossiers.record_fact(1, "F1", own, NOW)
    for on in (27, 26):
        await letters.tell("1-1", LetterDates(received_on=date(2026, 11, on)), "posta", day(4))
    case = await look(sql)
    assert case.statements[0].limitation.on == date(2031, 11, 26)
    days = [m.details["happened_on"] for m in case.timeline if m.kind is MomentKind.WRITTEN_FACT]
    assert set(days) == {date(2026, 11, 20), date(2026, 11, 26)}
    assert "from 2026-12-15" in case.why


async def test_a_plain_reminder_moves_no_limitation_date(sql, letters):
    await written(sql, letters, rules=replace(RULES, ladder=(LADDER[1],)))
    letter, _ = await letters.tell("1-1", LetterDates(received_on=date(2026, 11, 25)), "posta", day(1))
    assert letter.kind is LetterKind.REMINDER
    case = await look(sql)
    assert case.statements[0].limitation.on == date(2030, 1, 31)
    assert {moment.kind for moment in case.timeline} == {MomentKind.LETTER}
    assert (case.state, "a person decides from" in case.why) == ("escalated", True)


async def test_what_was_cancelled_is_due_again_and_what_came_back_is_for_a_person(sql, letters):
    await written(sql, letters)
    await letters.tell("1-1", LetterDates(cancelled_on=date(2026, 11, 24)), "anna", NOW)
    (due,) = await letters.due(NOW, "k", (1,), 10)
    assert (due.letters, due.number) == (0, 2)
    (second,) = await letters.keep([compose(await look(sql), due, RULES, "b2", "anna", NOW, flagged=False)])
    assert second.kind is LetterKind.REGISTERED  # a cancelled one was none of the ladder's
    await letters.tell("1-2", LetterDates(date(2026, 11, 24), returned_on=date(2026, 11, 30)), "posta", day(6))
    case = await look(sql)
    assert (case.state, "came back" in case.why) == ("escalated", True)
    assert [one.id for one in await letters.find(None, None, "returned", 10)] == ["1-2"]
    assert [one.id for one in await letters.find(None, None, "written", 10)] == []
    with pytest.raises(LookupError):
        await letters.tell("1-3", LetterDates(date(2026, 11, 24)), "posta", NOW)
    with pytest.raises(InputError, match="before the letter was written"):
        await letters.tell("1-2", LetterDates(sent_on=date(2026, 11, 1)), "posta", NOW)


@pytest.mark.parametrize(
    ("state", "at", "why"),
    [(CaseState.CLOSED, None, PAID), (CaseState.OPEN, NOW, "called again: decided by carla: …")],
)
async def test_a_case_that_went_another_way_since_stays_there_and_the_receipt_counts_all_the_same(
    sql, letters, state, at, why
):
    await written(sql, letters)
    async with sql.engine.begin() as connection:  # a payment, or a person: no call's plan moves such a case
        await connection.execute(update(cases).where(cases.c.id == 1).values(state=state.value, due_at=at, why=why))
    await letters.tell("1-1", LetterDates(received_on=date(2026, 11, 25)), "posta", day(1))
    case = await look(sql)
    assert (case.state, case.due_at, case.why) == (state, at, why)
    assert case.statements[0].limitation.on == date(2031, 11, 25)


# -- what must not be written -------------------------------------------------------------------------------


async def refused(sql, letters, case=OWES, rules=RULES, *, flagged=False):
    with pytest.raises(NotWritten) as told:
        await written(sql, letters, case, rules=rules, flagged=flagged)
    assert told.value.remedy
    return str(told.value)


@pytest.mark.parametrize(
    ("case", "agency", "says"),
    [
        (replace(OWES, addresses=()), AGENCY, "no address"),
        (replace(OWES, addresses=(Address(city="Roma"),)), AGENCY, "no address"),
        (replace(OWES, facts={"assigned_npl": True}), AGENCY, "assignment"),
        (replace(OWES, debts=(Debt("F1", Money(5)), Debt("F2", Money(5, "CHF")))), AGENCY, "several currencies"),
        (OWES, replace(AGENCY, how_to_pay=""), "lack what it must say: how_to_pay"),
        (OWES, replace(AGENCY, licence=""), "lack what it must say: licence"),
        (OWES, replace(AGENCY, contact=""), "lack what it must say: collector_contact"),
        (OWES, replace(AGENCY, licence_valid_until=date(2026, 11, 23)), "licence is over"),
    ],
)
async def test_what_lacks_what_the_law_wants_is_not_written(sql, letters, case, agency, says):
    assert says in await refused(sql, letters, case, replace(RULES, agency=agency))
    assert await letters.find(None, None, None, 10) == []


async def test_a_flag_stops_letters_too_unless_somebody_decided_and_a_number_s_flag_does_not(sql, letters):
    sql.attempts.keep(opt_out(MOBILE, NOW), by="anna")
    sql.attempts.keep(dispute(NOW), by="anna")
    await sql.attempts.flush()
    assert "dispute" in await refused(sql, letters)
    (due,) = await letters.due(NOW, None, (), 10)
    assert compose(await look(sql), due, RULES, "b", "anna", NOW, flagged=True).id == "1-1"
    sql.attempts.keep(dispute(NOW + timedelta(seconds=1), until=NOW + timedelta(seconds=1)))
    await sql.attempts.flush()
    case = await look(sql, at=NOW + timedelta(seconds=2))
    assert compose(case, due, RULES, "b", "anna", NOW, flagged=False).id == "1-1"


PEC = replace(RULES, ladder=(replace(LADDER[0], kind=LetterKind.PEC),))


async def test_pec_needs_no_street(sql, letters):
    letter = await written(sql, letters, replace(OWES, addresses=()), rules=PEC)
    assert (letter.content.address, letter.content.pec, letter.template) == (None, "rossi@pec.example", "demand.it")
    assert await letters.find(None, None, None, 10) == [letter]


async def test_pec_goes_nowhere_without_its_address_and_a_tax_code_to_find_one(sql, letters):
    assert "no PEC address" in await refused(sql, letters, replace(OWES, pec="", tax_code=""), rules=PEC)


# -- due by itself ------------------------------------------------------------------------------------------


class Clock:
    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


async def spoken(sql, case_id=1, at=NOW, right_party=True, n=1):
    case = await sql.book.case(case_id)
    attempt = await ended_attempt(sql, case, n=n, at=at)
    sql.book.schedule(case_id, at + timedelta(days=3), CaseState.OPEN, "after refuses: called again")
    said = RecordedOutcome(
        attempt.id, "anna", "refuses", "", at, counts_as=EntryResult.CONVERSATION, right_party=right_party
    )
    await sql.attempts.add_outcome(said)
    return attempt


async def handed_over(letters, at):
    return await Lettering(letters, lambda campaign, creditor: RULES, ("k",), Clock(at)).look()


async def test_a_letter_is_due_some_days_after_a_conversation_without_payment(sql, letters):
    await first_case(sql, OWES)
    await spoken(sql)
    assert await handed_over(letters, day(4.5)) == 0
    assert await handed_over(letters, day(5)) == 1
    case = await look(sql)
    assert (case.state, case.due_at) == ("letter", day(5))
    assert case.why == "a letter is due: nothing was paid within 5 days after the conversation of 2026-11-24"
    assert await handed_over(letters, day(6)) == 0


@pytest.mark.parametrize("page", [1, 500])
async def test_only_who_was_spoken_with_and_owes_all_of_it_still(sql, letters, monkeypatch, page):
    monkeypatch.setattr("dialer.outcomes.lettering.MOST_AT_ONCE", page)
    await sql.book.add("k", [new_case(n) for n in range(1, 9)], NOW)
    for n in range(1, 9):
        await spoken(sql, n, n=n, right_party=n != 2)
    await spoken(sql, 3, at=day(3), n=30)  # spoken with again
    await sql.payments.add("Luce", [Payment("B", "F4", Money(1), date(2026, 11, 26))], "bank", day(2))
    sql.book.schedule(5, day(9), CaseState.OPEN, f"{AGREED} for Thursday")
    sql.attempts.keep(dispute(day(1), debtor=6), by="anna")
    sql.book.schedule(7, None, CaseState.OPEN, "being called")
    await sql.attempts.flush()
    assert await handed_over(letters, day(5)) == 2
    states = {n: (await look(sql, n)).state for n in range(1, 9)}
    assert [n for n, state in states.items() if state == "letter"] == [1, 8]


async def test_what_is_promised_has_its_own_time_and_days_of_grace(sql, letters):
    case = await first_case(sql, OWES)
    attempt = await ended_attempt(sql, case)
    promise = Promise(
        attempt.id, 1, "anna", NOW, NOW.date(), (Instalment(date(2026, 11, 26), Money(12845)),), grace_days=3
    )
    said = RecordedOutcome(attempt.id, "anna", "promise_to_pay", "", NOW, right_party=True, promise=promise)
    await sql.attempts.add_outcome(said)
    sql.book.schedule(1, day(2), CaseState.OPEN, "after promise_to_pay")
    await sql.attempts.flush()
    assert await handed_over(letters, day(30)) == 0  # open: nobody has judged it yet
    async with sql.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE promises SET kept = 'broken'")
    assert await handed_over(letters, day(10)) == 0
    assert await handed_over(letters, day(11)) == 1
    assert "the end of what was promised of 2026-11-30" in (await look(sql)).why


async def test_after_a_letter_the_next_step_begins_with_the_next_conversation(sql, letters):
    await written(sql, letters)
    await letters.tell("1-1", LetterDates(received_on=date(2026, 11, 24)), "posta", NOW)
    assert await handed_over(letters, day(60)) == 0
    await spoken(sql, at=day(60))
    assert await handed_over(letters, day(90)) == 0  # the second step only where it is asked for


async def test_a_case_that_is_called_while_a_letter_is_being_asked_for_stays_with_the_call(sql, letters, monkeypatch):
    if sql.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL locks the row as it is read")
    found = await first_case(sql, OWES)

    async def called_meanwhile(*_):
        async with sql.engine.begin() as other:
            await other.execute(update(cases).where(cases.c.id == found.id).values(due_at=None, why="being called"))
        return False

    monkeypatch.setattr(store, "_flagged", called_meanwhile)
    assert await letters.hand_over({found.id: "a letter is due"}, NOW) == 0
    case = await look(sql)
    assert (case.state, case.why) == ("open", "being called")


async def in_vain(sql, case_id, times, at=NOW, result=Result.NO_ANSWER, start=0):
    for n in range(times):
        attempt = await ended_attempt(
            sql, await sql.book.case(case_id), n=100 * case_id + start + n, at=at, result=result
        )
        attempt.answered_at = attempt.bridged_at = None
        sql.attempts.save(attempt)
        sql.book.schedule(case_id, at + timedelta(hours=3), CaseState.OPEN, "after no_answer")
        await sql.attempts.flush()
    return attempt


TRIED = replace(RULES, ladder=(replace(LADDER[0], after_attempts=3), LADDER[1]))


async def test_a_letter_is_due_after_so_many_calls_that_did_not_reach_the_debtor(sql, letters):
    await sql.book.add("k", [new_case(n) for n in range(1, 6)], NOW)
    await in_vain(sql, 1, 2)
    await in_vain(sql, 1, 1, result=Result.TRUNK_FAILURE, start=2)  # it never left our side
    await in_vain(sql, 2, 3)
    await in_vain(sql, 3, 3)
    await sql.payments.add("Luce", [Payment("B", "F3", Money(1), date(2026, 11, 24))], "bank", day(1))
    await in_vain(sql, 4, 3)
    await spoken(sql, 4, at=day(1), n=4)
    lettering = Lettering(letters, lambda campaign, creditor: TRIED, ("k",), Clock(day(2)))
    assert await lettering.look() == 1
    assert (await look(sql, 2)).why == "a letter is due: 3 calls didn't reach the debtor, and nothing was paid"
    await in_vain(sql, 1, 1, start=3)
    assert await Lettering(letters, lambda campaign, creditor: RULES, ("k",), Clock(day(2))).look() == 0
    assert await lettering.look() == 1
    assert [(await look(sql, n)).state for n in range(1, 6)] == ["letter", "letter", "open", "open", "open"]


async def called_us(sql, case_id, at, *, right_party=True):
    """Who rang us has spoken with an agent."""
    call = replace(
        TALK,
        id=f"dli-{case_id:026d}",
        case_id=case_id,
        state=InboundState.ENDED,
        result=InboundResult.CONNECTED,
        bridged_at=at,
        ended_at=at,
    )
    inbound_of(sql).save_inbound(call)
    await inbound_of(sql).flush()
    said = RecordedOutcome(call.id, "anna", "refuses", "", at, right_party=right_party, case_id=case_id)
    await sql.attempts.add_outcome(said)


async def test_who_rang_us_and_spoke_was_reached_and_their_time_runs_from_then(sql, letters):
    await sql.book.add("k", [new_case(n) for n in range(1, 5)], NOW)
    for n in (1, 2):
        await in_vain(sql, n, 3)
    await called_us(sql, 1, day(1))
    await called_us(sql, 2, day(1), right_party=False)
    await spoken(sql, 3, n=3)
    await called_us(sql, 3, day(3))
    await called_us(sql, 4, day(0))
    assert await Lettering(letters, lambda campaign, creditor: TRIED, ("k",), Clock(day(5))).look() == 2
    assert [(await look(sql, n)).state for n in range(1, 5)] == ["open", "letter", "open", "letter"]
    assert (await look(sql, 4)).why.endswith("after the conversation of 2026-11-24")


async def test_a_talk_of_which_nobody_has_said_yet_what_it_was_is_no_call_in_vain(sql, letters):
    await first_case(sql, OWES)
    await in_vain(sql, 1, 2)
    talk = await ended_attempt(sql, await sql.book.case(1), n=99)
    assert talk.bridged_at is not None
    sql.book.schedule(1, day(1), CaseState.OPEN, "after a talk")
    await sql.attempts.flush()
    lettering = Lettering(letters, lambda campaign, creditor: TRIED, ("k",), Clock(day(2)))
    assert await lettering.look() == 0
    await in_vain(sql, 1, 1, start=3)
    assert await lettering.look() == 1


async def test_calls_before_the_last_letter_do_not_count_for_the_next(sql, letters):
    ladder = replace(TRIED, ladder=(replace(LADDER[0], after_attempts=3), replace(LADDER[1], after_attempts=3)))
    await first_case(sql, OWES)
    await in_vain(sql, 1, 3, at=NOW - timedelta(days=1))
    lettering = Lettering(letters, lambda campaign, creditor: ladder, ("k",), Clock(NOW))
    assert await lettering.look() == 1
    (due,) = await letters.due(NOW, None, (), 10)
    await letters.keep([compose(await look(sql), due, ladder, "b1", "anna", NOW, flagged=False)])
    await letters.tell("1-1", LetterDates(received_on=date(2026, 11, 24)), "posta", NOW)
    lettering = Lettering(letters, lambda campaign, creditor: ladder, ("k",), Clock(day(60)))
    await in_vain(sql, 1, 2, at=day(40), start=3)
    assert await lettering.look() == 0
    await in_vain(sql, 1, 1, at=day(41), start=5)
    assert await lettering.look() == 1
