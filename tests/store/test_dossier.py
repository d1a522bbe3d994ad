"""The dossier on record: what an import gave comes back whole, and flags, payments and the timeline tell one truth."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import event, func, select

from dialer.adapters.store import dossiers as store_dossiers
from dialer.adapters.store import payments as store_payments
from dialer.adapters.store import schema
from dialer.adapters.store.mandates import SqlMandates
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import Campaign
from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.debtor import (
    Address,
    AddressKind,
    DebtorKind,
    Guarantor,
    NumberDetails,
    NumberKind,
    Provenance,
)
from dialer.cases.history import HistoryEntry, HistoryKind, MomentKind
from dialer.cases.limitation import Limitation, WrittenFact, WrittenFactKind
from dialer.cases.mandate import Mandate
from dialer.cases.model import PAID, TAKEN_BACK, CaseState, NewCase
from dialer.cases.offers import Answer, Offer, Terms
from dialer.cases.payment import Payment, PaymentMethod
from dialer.cases.promises import Instalment, Promise
from dialer.compliance.entry import Channel, Direction, Entry, EntryResult, Flag
from dialer.compliance.gate import Decision
from dialer.compliance.verdict import Refusal, Verdict
from dialer.kernel.clock import to_micro
from dialer.kernel.money import Money
from dialer.outcomes.counting import opt_out
from dialer.outcomes.record import RecordedOutcome
from tests.store.test_record import HOME, MOBILE, NOW, ended_attempt, first_case, new_case, reservation

WORK = "+390698765432"
ADDRESS = Address("Via Roma 1", "00184", "Roma", "RM", "IT", AddressKind.REGISTERED)
ITEMS = (
    Item(ItemKind.PRINCIPAL, Money(10000), date(2025, 1, 31), "fattura 12"),
    Item(ItemKind.INTEREST, Money(2345), None, ""),
)
FULL = NewCase(
    "Luce",
    "D1",
    "Rossi Srl",
    (Debt("F1", Money(12345), date(2025, 1, 31), ITEMS, date(2030, 1, 31), 5), Debt("F2", Money(500))),
    (MOBILE, HOME, WORK),
    "Europe/Rome",
    "it",
    household="H1",
    place="IT-RM",
    facts={"assigned_npl": True},
    kind=DebtorKind.COMPANY,
    tax_code="00743110157",
    pec="rossi@pec.example",
    addresses=(ADDRESS, Address(city="Milano")),
    number_details=(
        NumberDetails(MOBILE, NumberKind.MOBILE, Provenance.DEBTOR, date(2026, 5, 1), (18, 19), "la sera"),
        NumberDetails(WORK, NumberKind.WORKPLACE, Provenance.DIRECTORY),
    ),
    guarantors=(Guarantor("Anna Verdi", "RSSMRA80A01H501U", (HOME, MOBILE), "madre"), Guarantor("Ugo")),
    risk_class="B2",
    income_class="2",
    mandate="2026/7",
    note="chiedere della signora",
)


async def look(sql, case_id=1, at=NOW, **more):
    return await sql.dossiers.look(case_id, "anna", "test", at, **more)


def day(number):
    return NOW + timedelta(days=number)


def pay(cents, reference="B1", debt="F1", **more):
    return Payment(reference, debt, Money(cents), date(2026, 11, 20), **more)


def dispute(at, until=None, debtor=1):
    return Flag(f"flg-dispute-{debtor}--", to_micro(at), debtor, name="dispute", until=until)


async def test_all_that_an_import_gave_comes_back(sql):
    await first_case(sql, FULL)
    found = await look(sql)
    assert (found.creditor, found.mandate, found.note, found.facts) == (
        "Luce",
        "2026/7",
        FULL.note,
        {"assigned_npl": True},
    )
    debtor = found.debtor
    assert (debtor.kind, debtor.tax_code, debtor.risk_class, debtor.income_class) == (
        "company",
        "00743110157",
        "B2",
        "2",
    )
    assert (debtor.household, debtor.place, debtor.addresses) == ("H1", "IT-RM", FULL.addresses)
    assert found.numbers == (FULL.number_details[0], NumberDetails(HOME), FULL.number_details[1])
    assert found.guarantors == FULL.guarantors
    assert tuple(statement.debt for statement in found.statements) == FULL.debts
    assert found.left == (Money(12845),)
    assert (found.state, found.timeline, found.cut) == ("open", (), False)


async def test_the_card_shows_the_debts_with_their_items_and_what_is_left(store):
    case = await first_case(store, FULL)
    card = await store.book.card(case.id, NOW)
    assert card.debts == FULL.debts
    assert card.note == FULL.note
    assert card.left == (Money(12845),)
    assert [statement.limitation for statement in card.statements] == [Limitation(date(2030, 1, 31)), Limitation(None)]
    assert [statement.debt_id for statement in card.statements] == list(case.debts)


async def test_a_number_at_work_is_asked_about_as_one_and_may_be_called_only_if_the_debtor_gave_it(store):
    case = await first_case(store, FULL)
    campaign = Campaign("k", ("it-unirec",), "+390694801234", 25.0, 5.0, 0.0)
    at_home, at_work = (intent_for(campaign, case, number, {}) for number in (HOME, WORK))
    assert (at_home.workplace, at_home.given.get("workplace")) == (False, None)
    assert (at_work.workplace, at_work.given["workplace"], at_work.given["workplace_supplied"]) == (True, True, False)
    given = replace(FULL, debtor_reference="D2", debts=(Debt("F3", Money(1)),), household="", number_details=(
        NumberDetails(WORK, NumberKind.WORKPLACE, Provenance.DEBTOR),
    ))  # fmt: skip
    await store.book.add("k", [given], NOW)
    other = next(found for found in await store.book.due("k", NOW, 10, ()) if found.id != case.id)
    assert intent_for(campaign, other, WORK, {}).given["workplace_supplied"] is True


async def test_an_attempt_at_a_workplace_is_one_after_a_restart_too(sql):
    case = await first_case(sql, FULL)
    for n, number in enumerate((WORK, HOME)):
        await sql.open(reservation(case, n, number))
    found = {attempt.intent.number: attempt.intent.workplace for attempt in await sql.attempts.unsettled()}
    assert found == {WORK: True, HOME: False}


async def test_what_was_empty_is_filled_by_a_later_import_and_what_was_known_stays(sql):
    bare = replace(new_case(), debts=(Debt("F0", Money(1)),))
    await first_case(sql, bare)
    await sql.book.add("k", [FULL, FULL], NOW)
    await sql.book.add("k", [replace(FULL, debts=(Debt("F9", Money(1)),), tax_code="other", household="H2")], NOW)
    found = await look(sql)
    assert (found.debtor.tax_code, found.debtor.household) == ("00743110157", "H1")
    assert [details.kind for details in found.numbers] == ["mobile", "unknown", "workplace"]
    assert {statement.debt.reference for statement in found.statements} == {"F0", "F1", "F2", "F9"}


async def test_two_rows_of_one_debtor_in_one_chunk_lose_nothing(sql):
    one = replace(new_case(), numbers=(MOBILE,), facts={"assigned_npl": False})
    two = replace(new_case(), debts=(Debt("F2", Money(2)),), numbers=(HOME,), facts={"assigned_npl": True})
    assert (await sql.book.add("k", [one, two], NOW)).new == 2
    found = await look(sql)
    assert {details.number for details in found.numbers} == {MOBILE, HOME}
    assert [statement.debt.reference for statement in found.statements] == ["F1", "F2"]
    assert found.facts["assigned_npl"] is True


async def test_the_number_of_statements_of_an_import_does_not_grow_with_its_rows(sql):
    told = []

    @event.listens_for(sql.engine.sync_engine, "before_cursor_execute")
    def count(connection, cursor, statement, parameters, context, executemany):
        told.append(statement)

    counts = []
    for size in (10, 300):
        told.clear()
        first = size * 1_000
        rows = [
            replace(FULL, debtor_reference=f"D{n}", debts=(replace(FULL.debts[0], reference=f"F{n}"),))
            for n in range(first, first + size)
        ]
        await sql.book.add("k", rows, NOW)
        counts.append(len(told))
    assert counts[0] == counts[1]


async def test_the_terms_of_a_mandate_show_with_its_cases_and_the_last_word_holds(sql):
    await first_case(sql, FULL)
    assert (await look(sql)).terms is None
    terms = Mandate("Luce", "2026/7", "TULPS 12/2026", date(2026, 1, 1), date(2026, 12, 31), ("it-unirec",), 3650)
    for each in (replace(terms, ends_on=None, packs=()), replace(terms, creditor="Gas"), terms):
        await SqlMandates(sql.engine).put(each)
    assert (await look(sql)).terms == terms
    assert await SqlMandates(sql.engine).all() == [replace(terms, creditor="Gas"), terms]
    assert [terms.open_on(date(2026, month, 31)) for month in (1, 12)] == [True, True]
    assert [terms.open_on(day) for day in (date(2025, 12, 31), date(2027, 1, 1))] == [False, False]


# -- flags ------------------------------------------------------------------------------------------------


async def test_a_flag_that_is_said_again_keeps_since_when_it_stands_and_who_said_so(store):
    case = await first_case(store)
    store.attempts.keep(dispute(day(-9), debtor=case.debtor_id), by="anna", evidence="mail 3/11")
    store.attempts.keep(dispute(day(-2), debtor=case.debtor_id), by="bruno", evidence="PEC 22/11")
    await store.attempts.flush()
    (flag,) = (await store.book.card(case.id, NOW)).flags
    assert (flag.name, flag.since, flag.until, flag.recorded_by, flag.evidence) == (
        "dispute", day(-9), None, "bruno", "PEC 22/11",
    )  # fmt: skip
    store.attempts.keep(dispute(day(-1), until=day(-1), debtor=case.debtor_id), by="anna")
    await store.attempts.flush()
    assert (await store.book.card(case.id, NOW)).flags == ()


async def test_a_number_that_must_never_be_called_shows_with_everyone_whose_it_is(store):
    await store.book.add("k", [new_case(1), new_case(2), new_case(3, numbers=(HOME,))], NOW)
    store.attempts.keep(opt_out(MOBILE, day(-1)))
    await store.attempts.flush()
    cards = [await store.book.card(id_, NOW) for id_ in (1, 2, 3)]
    assert [[flag.name for flag in card.flags] for card in cards] == [["do-not-call"], ["do-not-call"], []]


async def test_a_flag_from_an_outcome_names_the_agent(store):
    case = await first_case(store)
    attempt = await ended_attempt(store, case)
    lines = (opt_out(MOBILE, NOW),)
    await store.attempts.add_outcome(RecordedOutcome(attempt.id, "anna", "do_not_call", "", NOW, lines))
    (flag,) = (await store.book.card(case.id, NOW)).flags
    assert (flag.recorded_by, attempt.id in flag.evidence) == ("anna", True)


async def test_every_flag_of_the_ledger_is_in_the_register_and_one_written_again_is_there_once(sql):
    case = await first_case(sql)
    one, again = dispute(day(-3)), dispute(day(-1))
    sql.attempts.keep(one, by="anna", evidence="PEC")
    sql.attempts.keep(one, opt_out(HOME, day(-1)))  # the first word of a revision stays
    attempt = await ended_attempt(sql, case)
    sql.attempts.save(attempt, again)
    await sql.attempts.flush()
    async with sql.engine.connect() as connection:
        register = (await connection.execute(select(schema.flag_changes))).all()
    held = {(line.id, line.revision) for line in (await sql.lines()).values() if isinstance(line, Flag)}
    assert held <= {(row.line_id, row.revision) for row in register}
    assert sorted((row.line_id, row.recorded_by) for row in register) == sorted(
        [(one.id, "anna"), (one.id, ""), (f"opt-{HOME}", "")]
    )


# -- payments ---------------------------------------------------------------------------------------------


async def test_a_payment_counts_once_however_often_it_is_told(sql):
    case = await first_case(sql, FULL)
    first = await sql.payments.add("Luce", [pay(2345, method=PaymentMethod.CARD, receipt="POS 12/34")], "anna", NOW)
    again = await sql.payments.add("Luce", [pay(2345), pay(100, "B2")], "import", NOW)
    assert (first.new, first.known, again.new, again.known) == (1, 0, 1, 1)
    card = await sql.book.card(case.id, NOW)
    assert [payment.amount.cents for payment in card.statements[0].payments] == [2345, 100]
    assert card.statements[0].payments[0].receipt == "POS 12/34"
    assert (card.statements[0].balance.paid, card.left) == (Money(2445), (Money(10400),))


async def test_a_payment_that_cannot_be_is_refused_in_words_and_the_others_come_in(sql):
    await first_case(sql, FULL)
    given = [
        pay(1, "B1", "F7"),
        Payment("B2", "F1", Money(1, "USD"), date(2026, 11, 20)),
        pay(5, "B3"),
        pay(6, "B3"),
        pay(7, "B4"),
    ]
    added = await sql.payments.add("Luce", given, "import", NOW)
    assert (added.new, [refused.at for refused in added.refused]) == (2, [0, 1, 3])
    assert all(refused.why and refused.remedy for refused in added.refused)
    assert (await sql.payments.add("Gas", [pay(1)], "import", NOW)).new == 0


async def test_a_case_with_nothing_left_is_closed_and_opens_again_when_a_payment_is_taken_back(sql):
    case = await first_case(sql, FULL)
    assert (await sql.payments.add("Luce", [pay(12345)], "import", NOW)).settled == ()
    added = await sql.payments.add("Luce", [pay(501, "B2", "F2")], "import", NOW)
    assert added.settled == (case.id,)
    found = await look(sql)
    assert (found.state, found.due_at, found.why, found.left) == ("closed", None, PAID, (Money(0),))
    assert (await sql.payments.add("Luce", [pay(-12345, "B3")], "import", day(2))).reopened == (case.id,)
    found = await look(sql)
    assert (found.state, found.due_at, found.why, found.left) == ("open", day(2), TAKEN_BACK, (Money(12345),))


async def test_nothing_that_a_call_plans_opens_a_case_that_is_paid_and_a_new_debt_does(store):
    case = await first_case(store, new_case())
    store.book.schedule(case.id, None, CaseState.CLOSED, PAID)
    store.book.schedule(case.id, NOW, CaseState.OPEN, "after refuses")
    await store.attempts.flush()
    assert await store.book.due("k", NOW, 10, ()) == []
    await store.book.add("k", [replace(new_case(), debts=(Debt("F2", Money(1)),))], NOW)
    assert [due.id for due in await store.book.due("k", NOW, 10, ())] == [case.id]


async def test_what_is_paid_too_much_for_one_debt_pays_no_other(sql):
    await first_case(sql, FULL)
    assert (await sql.payments.add("Luce", [pay(99_999)], "import", NOW)).settled == ()
    assert (await look(sql)).left == (Money(500),)


async def test_a_case_that_was_closed_for_another_reason_stays_so(sql):
    case = await first_case(sql, new_case())
    sql.book.schedule(case.id, None, CaseState.CLOSED, "deceased")
    await sql.attempts.flush()
    assert (await sql.payments.add("Luce", [pay(12345), pay(-5, "B2")], "import", NOW)).reopened == ()
    assert (await look(sql)).why == "deceased"


async def test_many_payments_come_in_by_chunks(sql, monkeypatch):
    monkeypatch.setattr(store_payments, "CHUNK", 3)
    await first_case(sql, FULL)
    added = await sql.payments.add("Luce", [pay(1, f"B{n % 8}", "F7" if n == 4 else "F1") for n in range(10)], "i", NOW)
    assert (added.new, added.known, [refused.at for refused in added.refused]) == (7, 2, [4])


# -- written facts ----------------------------------------------------------------------------------------


async def test_only_a_written_fact_moves_the_limitation_date_never_a_call_or_a_payment(sql):
    case = await first_case(sql, FULL)
    await ended_attempt(sql, case)
    await sql.payments.add("Luce", [pay(100)], "import", NOW)
    assert (await look(sql)).statements[0].limitation.on == date(2030, 1, 31)
    fact = WrittenFact(WrittenFactKind.NOTICE_RECEIVED, date(2026, 11, 20), "raccomandata 15-1", "anna")
    clock = await sql.dossiers.record_fact(case.id, "F1", fact, NOW)
    assert (clock.on, clock.moved_by) == (date(2031, 11, 20), fact)
    assert await sql.dossiers.record_fact(case.id, "F1", replace(fact, evidence="another"), NOW) == clock
    assert (await look(sql)).statements[0].limitation == clock
    with pytest.raises(LookupError):
        await sql.dossiers.record_fact(case.id, "F7", fact, NOW)


@pytest.mark.parametrize("page", [1, 1_000])
async def test_debts_that_soon_cannot_be_claimed_are_found_and_those_moved_or_paid_are_not(sql, monkeypatch, page):
    monkeypatch.setattr(store_dossiers, "PAGE", page)
    last = [
        date(2027, 1, 31),
        date(2026, 10, 1),
        date(2027, 1, 1),
        date(2027, 1, 2),
        date(2027, 1, 3),
        date(2028, 1, 1),
    ]
    owed = [
        replace(new_case(n), debts=(Debt(f"F{n}", Money(100), limitation_on=day_, limitation_years=5),))
        for n, day_ in enumerate([*last, None, None, date(2040, 1, 1), None], start=1)
    ]
    await sql.book.add("k", owed, NOW)
    await sql.payments.add("Luce", [pay(100, "B1", "F3"), pay(40, "B2", "F1")], "bank", NOW)
    fact = WrittenFact(WrittenFactKind.NOTICE_RECEIVED, date(2026, 11, 20), "PEC")
    ids = {(await look(sql, id_)).debtor.reference: id_ for id_ in range(1, 11)}
    await sql.dossiers.record_fact(ids["D4"], "F4", fact, NOW)
    await sql.dossiers.record_fact(ids["D5"], "F5", replace(fact, kind=WrittenFactKind.COURT_ACT), NOW)
    # a judgment makes a date known, or brings one nearer that the creditor gave
    for number, judged_on in ((8, date(2017, 2, 1)), (9, date(2016, 12, 1)), (10, date(2024, 1, 1))):
        judgment = WrittenFact(WrittenFactKind.JUDGMENT, judged_on, "Tribunale di Roma 7/17")
        await sql.dossiers.record_fact(ids[f"D{number}"], f"F{number}", judgment, NOW)
    found = await sql.dossiers.running_out(date(2027, 5, 23), 100)
    assert [(one.debt_reference, one.left, one.limitation.on, one.case_id) for one in found] == [
        ("F2", Money(100), date(2026, 10, 1), ids["D2"]),
        ("F9", Money(100), date(2026, 12, 1), ids["D9"]),
        ("F1", Money(60), date(2027, 1, 31), ids["D1"]),
        ("F8", Money(100), date(2027, 2, 1), ids["D8"]),
    ]


# -- the timeline -----------------------------------------------------------------------------------------


async def refuse(sql, case, at):
    intent = reservation(case).intent
    refusal = Refusal("attempts-per-week", facts="3 of 3", pack="it-unirec")
    sql.attempts.decided(Decision(at, intent, Verdict((refusal,)), None))


async def test_the_timeline_is_one_ordered_history_of_everything(sql):
    case = await first_case(sql, FULL)
    attempt = await ended_attempt(sql, case, at=day(-8))
    await sql.attempts.add_outcome(RecordedOutcome(attempt.id, "anna", "refuses", "urla", day(-8)))
    await refuse(sql, case, day(-7))
    contact = Entry(f"con-{case.debtor_id}-pbx-7", 1, case.debtor_id, at=day(-6), result=EntryResult.CONVERSATION,
                    direction=Direction.INBOUND, channel=Channel.CALL)  # fmt: skip
    sql.attempts.keep(contact)
    letter = HistoryEntry(case.id, "L1", day(-5), HistoryKind.LETTER, "sollecito", recorded_by="office")
    await sql.dossiers.write(letter, NOW)
    await sql.payments.add("Luce", [pay(1000)], "bank", day(-4))
    sql.attempts.keep(dispute(day(-3)), by="bruno", evidence="PEC")
    fact = WrittenFact(WrittenFactKind.ACKNOWLEDGEMENT, date(2026, 11, 1), "mail", "anna")
    await sql.dossiers.record_fact(case.id, "F1", fact, day(-2))
    await sql.dossiers.write(HistoryEntry(case.id, "N1", day(-1), HistoryKind.NOTE, "nota", recorded_by="carla"), NOW)
    await sql.attempts.flush()
    moments = (await look(sql)).timeline
    assert [moment.kind for moment in reversed(moments)] == [
        MomentKind.ATTEMPT, MomentKind.NOT_CALLED, MomentKind.CONTACT, MomentKind.LETTER, MomentKind.PAYMENT,
        MomentKind.FLAG, MomentKind.WRITTEN_FACT, MomentKind.NOTE,
    ]  # fmt: skip
    assert [moment.at for moment in reversed(moments)] == [day(n) for n in range(-8, 0)]
    assert [moment.who for moment in moments] == ["carla", "anna", "bruno", "bank", "office", "", "cell1", "anna"]
    assert "attempts-per-week" in moments[6].what
    assert moments[7].details["note"] == "urla"
    cut = await look(sql, most_moments=3)
    assert (cut.timeline, cut.cut) == (moments[:3], True)


async def test_what_was_promised_and_offered_is_in_the_timeline_with_what_became_of_it(sql):
    case = await first_case(sql, FULL)
    attempt = await ended_attempt(sql, case, at=day(-3))
    parts = tuple(Instalment(date(2026, month, 5), Money(3000)) for month in (11, 12))
    promise = Promise(attempt.id, case.id, "anna", day(-2), date(2026, 11, 22), parts, 3)
    offer = Offer(attempt.id, 0, case.id, "anna", day(-1), Terms(10.0, 2, date(2026, 12, 31)), Answer.ACCEPTED, None)
    said = RecordedOutcome(attempt.id, "anna", "plan_agreed", "", NOW, promise=promise, offers=(offer,))
    await sql.attempts.add_outcome(said)
    moments = (await look(sql)).timeline
    assert [(moment.kind, moment.what) for moment in moments[:2]] == [
        ("offer", "offered 10 per cent off in 2 instalments until 2026-12-31: accepted"),
        ("promise", "60.00 EUR promised in 2 instalments from 2026-11-05 to 2026-12-05: open"),
    ]
    assert moments[1].details["instalments"] == [["2026-11-05", 3000], ["2026-12-05", 3000]]


async def test_an_entry_of_the_same_reference_is_replaced_and_one_of_no_case_refused(sql):
    case = await first_case(sql)
    note = HistoryEntry(case.id, "N1", NOW, HistoryKind.NOTE, "prima")
    await sql.dossiers.write(note, NOW)
    await sql.dossiers.write(replace(note, text="dopo"), NOW)
    assert [moment.what for moment in (await look(sql)).timeline] == ["dopo"]
    with pytest.raises(LookupError):
        await sql.dossiers.write(replace(note, case_id=99), NOW)


async def test_another_cases_moments_are_not_among_them(sql):
    first, other = (await first_case(sql, new_case(1), new_case(2, numbers=("+393470000002",)))), 2
    await ended_attempt(sql, first)
    await refuse(sql, first, day(-1))
    await sql.payments.add("Luce", [pay(1)], "bank", NOW)
    sql.attempts.keep(dispute(day(-3), debtor=first.debtor_id))
    await sql.attempts.flush()
    assert len((await look(sql, first.id)).timeline) == 4
    assert (await look(sql, other)).timeline == ()


# -- who looked -------------------------------------------------------------------------------------------


async def test_who_looks_at_a_case_is_on_record_and_who_cannot_be_put_there_sees_nothing(sql):
    await first_case(sql)
    await look(sql)
    await sql.dossiers.look(1, "bruno", "api", day(1))
    await sql.dossiers.viewed(1, "carla", "preview", day(2))
    assert [(view.by, view.how, view.at) for view in await sql.dossiers.views(1)] == [
        ("carla", "preview", day(2)),
        ("bruno", "api", day(1)), ("anna", "test", NOW),
    ]  # fmt: skip
    with pytest.raises(LookupError):
        await look(sql, 99)
    async with sql.engine.connect() as connection:
        assert await connection.scalar(select(func.count()).select_from(schema.case_views)) == 3
