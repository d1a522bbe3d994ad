"""An import on both databases: what is new comes in, what is known is completed, what is the same changes nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select

from dialer.adapters.store.exporting import SqlExport
from dialer.adapters.store.importing import SqlImport
from dialer.adapters.store.payments import SqlPayments
from dialer.adapters.store.schema import METADATA, debtors
from dialer.cases.debt import Debt, Item, ItemKind
from dialer.cases.debtor import Address, DebtorKind, Guarantor, NumberDetails, NumberKind, Provenance
from dialer.cases.model import NewCase
from dialer.cases.payment import Payment
from dialer.kernel.money import Money

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
CASE = NewCase(
    creditor="Luce",
    debtor_reference="D1",
    debtor_name="Anna Rossi",
    debts=(
        Debt(
            "F1",
            Money(10_000),
            date(2026, 1, 31),
            (Item(ItemKind.PRINCIPAL, Money(9_000)), Item(ItemKind.FEES, Money(1_000))),
            date(2031, 1, 31),
            5,
        ),
    ),
    numbers=("+393101234567", "+390669881234"),
    zone="Europe/Rome",
    language="it",
    household="H1",
    place="IT-RM",
    facts={"assigned_npl": True, "first_notice_sent_on": date(2026, 11, 1)},
    kind=DebtorKind.PERSON,
    tax_code="RSSNNA80A41H501E",
    pec="anna.rossi@pec.example",
    addresses=(Address("Via Roma 1", "00184", "Roma", "RM"),),
    number_details=(
        NumberDetails("+393101234567"),
        NumberDetails("+390669881234", NumberKind.WORKPLACE, Provenance.CREDITOR),
    ),
    guarantors=(Guarantor("Ivo Verdi", "", ("+393101234569",)),),
    risk_class="B",
    income_class="2",
    mandate="M1",
    note="calls back",
)


async def take_in(sql, *cases, dry_run=False):
    added = await SqlImport(sql.engine).take_in("luce", cases, NOW, dry_run=dry_run)
    return added.new, added.changed, added.known


async def whole(sql):
    return [case async for case in SqlExport(sql.engine).cases_of("luce")]


async def rows(sql):
    async with sql.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(select(table))]
            for table in METADATA.sorted_tables
        }


async def test_a_case_comes_back_whole(sql):
    assert await take_in(sql, CASE) == (1, 0, 0)
    assert await whole(sql) == [CASE]


async def test_the_same_case_again_changes_nothing(sql):
    await take_in(sql, CASE, replace(CASE, debtor_reference="D2", debts=(Debt("F2", Money(500)),)))
    before = await rows(sql)
    assert await take_in(sql, CASE, replace(CASE, debtor_reference="D2", debts=(Debt("F2", Money(500)),))) == (0, 0, 2)
    assert await rows(sql) == before


async def test_a_dry_run_counts_and_leaves_nothing(sql):
    before = await rows(sql)
    assert await take_in(sql, CASE, dry_run=True) == (1, 0, 0)
    assert await rows(sql) == before


@pytest.mark.parametrize(
    "change",
    [
        {"debtor_name": "Anna Maria Rossi"},
        {"numbers": ("+393101234567", "+390669881234", "+393111234567")},
        {"debts": (Debt("F1", Money(12_000), date(2026, 1, 31), (), date(2031, 1, 31), 5),)},
        {"debts": (replace(CASE.debts[0], due_on=date(2026, 2, 28)),)},
        {"mandate": "M2"},
        {"guarantors": (replace(CASE.guarantors[0], tax_code="RSSMRA80A01H501U", numbers=("+393101234561",)),)},
        {"guarantors": (*CASE.guarantors, Guarantor("Eva Neri"))},
        {"note": "calls back\nmoved in May"},
        {"addresses": (Address("Via Milano 9", "20121", "Milano", "MI"), *CASE.addresses)},
    ],
)
async def test_a_known_case_gets_what_the_file_says_anew(sql, change):
    await take_in(sql, CASE)
    later = replace(CASE, **change)
    assert await take_in(sql, later) == (0, 1, 0)
    (found,) = await whole(sql)
    for name, value in change.items():
        assert getattr(found, name) == value
    assert await take_in(sql, later) == (0, 0, 1)


async def test_a_new_address_comes_first_and_the_old_one_stays_behind_it(sql):
    await take_in(sql, CASE)
    moved = Address("Via Milano 9", "20121", "Milano", "MI")
    assert await take_in(sql, replace(CASE, addresses=(moved,))) == (0, 1, 0)
    assert (await whole(sql))[0].addresses == (moved, *CASE.addresses)
    assert await take_in(sql, replace(CASE, addresses=(moved,))) == (0, 0, 1)
    assert await take_in(sql, CASE) == (0, 1, 0)
    assert (await whole(sql))[0].addresses == (*CASE.addresses, moved)


async def test_what_is_blank_in_the_file_erases_nothing(sql):
    await take_in(sql, CASE)
    bare = replace(CASE, addresses=(), guarantors=(Guarantor("Ivo Verdi"),), mandate="", note="", zone="")
    assert await take_in(sql, bare) == (0, 0, 1)
    assert await whole(sql) == [CASE]


async def test_a_new_debt_of_a_known_debtor_brings_what_stands_beside_it(sql):
    await take_in(sql, CASE)
    later = replace(CASE, debts=(Debt("F2", Money(1)),), mandate="M2", addresses=(Address("Via Milano 9"),))
    assert await take_in(sql, later) == (1, 0, 0)
    (found,) = await whole(sql)
    assert (found.mandate, found.addresses[0].street) == ("M2", "Via Milano 9")


async def test_rows_of_one_debtor_in_several_batches_of_a_file_change_nothing_the_second_time(sql):
    other = Address("Via Milano 9", "20121", "Milano", "MI")
    people = (replace(CASE.guarantors[0], numbers=("+393101234561",)), Guarantor("Eva Neri"))
    second = replace(
        CASE, debts=(Debt("F2", Money(1)),), mandate="M2", note="lives abroad", addresses=(other,), guarantors=people
    )
    key = {("Luce", "D1")}

    async def whole_file():
        first = await SqlImport(sql.engine).take_in("luce", [CASE], NOW)
        then = await SqlImport(sql.engine).take_in("luce", [second], NOW, key)
        return [(added.new, added.changed, added.known) for added in (first, then)]

    assert await whole_file() == [(1, 0, 0), (1, 0, 0)]
    before = await rows(sql)
    assert await whole_file() == [(0, 0, 1), (0, 0, 1)]
    assert await rows(sql) == before
    (found,) = await whole(sql)
    assert (found.mandate, found.note, found.addresses) == ("M1", "calls back\nlives abroad", (*CASE.addresses, other))
    assert found.guarantors == (*CASE.guarantors, Guarantor("Eva Neri"))


ITALIAN, FOREIGN = "+393101234567", "+12124567890"


@pytest.mark.parametrize("debt", ["F1", "F2"], ids=["known", "new"])
async def test_the_zone_that_nobody_named_is_that_of_all_the_numbers_on_record(sql, debt):
    nobody = replace(CASE, zone="", numbers=(ITALIAN,), number_details=(), debts=(Debt("F1", Money(1)),))
    await take_in(sql, nobody)
    assert await zone(sql) == ("Europe/Rome", True)
    later = replace(nobody, numbers=(FOREIGN,), debts=(Debt(debt, Money(1)),))
    await take_in(sql, later)
    assert await zone(sql) == ("", True)
    assert (await whole(sql))[0].zone == ""
    await take_in(sql, replace(later, zone="America/New_York", debts=(Debt(debt, Money(1)),)))
    if debt == "F1":
        assert await zone(sql) == ("America/New_York", False)
    await take_in(sql, replace(later, zone="America/New_York", debts=(Debt("F3", Money(1)),)))
    assert await zone(sql) == ("America/New_York", False)


async def test_a_zone_that_somebody_named_is_no_guess(sql):
    await take_in(sql, CASE)
    await take_in(sql, replace(CASE, zone="", numbers=(FOREIGN,)))
    assert await zone(sql) == ("Europe/Rome", False)


async def zone(sql):
    async with sql.engine.connect() as connection:
        return tuple((await connection.execute(select(debtors.c.zone, debtors.c.zone_guessed))).one())


async def test_what_was_empty_is_filled_and_what_the_file_leaves_out_stays(sql):
    bare = replace(CASE, tax_code="", pec="", risk_class="", household="", debts=(Debt("F1", Money(10_000)),))
    await take_in(sql, bare)
    assert await take_in(sql, CASE) == (0, 1, 0)
    (found,) = await whole(sql)
    assert (found.tax_code, found.risk_class, found.household) == (CASE.tax_code, "B", "H1")
    assert found.debts[0].due_on == date(2026, 1, 31)
    assert (await take_in(sql, replace(bare, debts=CASE.debts)))[1:] == (0, 1)
    assert (await whole(sql))[0].tax_code == CASE.tax_code


async def test_rules_hold_for_what_the_file_says_anew_of_a_known_case(sql):
    await take_in(sql, replace(CASE, facts={}, number_details=()))
    assert await take_in(sql, CASE) == (0, 1, 0)
    (found,) = await whole(sql)
    assert found.facts == {**CASE.facts, "assignment_notice_sent": False}  # which nobody said was sent
    assert found.numbers == CASE.numbers
    assert NumberDetails("+390669881234", NumberKind.WORKPLACE, Provenance.CREDITOR) in found.number_details
    assert await take_in(sql, CASE) == (0, 0, 1)


async def test_the_sum_of_a_debt_with_a_payment_on_record_is_ours_to_reckon(sql):
    await take_in(sql, CASE)
    await SqlPayments(sql.engine).add("Luce", [Payment("B1", "F1", Money(4_000), date(2026, 11, 1))], "import", NOW)
    less = replace(CASE, debts=(Debt("F1", Money(6_000), date(2026, 1, 31), (), date(2031, 1, 31), 5),))
    assert await take_in(sql, less) == (0, 0, 1)
    assert (await whole(sql))[0].debts == CASE.debts


async def test_a_new_debt_of_a_known_debtor_joins_the_case(sql):
    await take_in(sql, CASE)
    assert await take_in(sql, replace(CASE, debts=(Debt("F2", Money(700)),))) == (1, 0, 0)
    (found,) = await whole(sql)
    assert [debt.reference for debt in found.debts] == ["F1", "F2"]


async def test_a_debt_that_is_known_under_another_key_of_its_debtor_stays_where_it_is(sql):
    await take_in(sql, CASE)
    assert await take_in(sql, replace(CASE, debtor_reference="D9")) == (0, 0, 1)
    assert await whole(sql) == [CASE]


async def test_an_export_of_many_cases_misses_none(sql):
    many = [replace(CASE, debtor_reference=f"D{n}", debts=(Debt(f"F{n}", Money(100 + n)),)) for n in range(1_203)]
    assert await take_in(sql, *many) == (1_203, 0, 0)
    assert [case.debtor_reference for case in await whole(sql)] == [case.debtor_reference for case in many]
