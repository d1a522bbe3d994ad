"""Encodings, separators, Excel, headers, profiles: the forms in which files come."""

import io
from dataclasses import replace
from datetime import date, datetime

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.cases import exporting
from dialer.cases.debtor import DebtorKind
from dialer.cases.importing import Defaults, Profile, Reading, parse
from dialer.cases.importing.delimiter import delimiter_of
from dialer.cases.importing.numbers import numbers_of
from dialer.cases.importing.profile import closest, load
from dialer.cases.importing.records import MOST_LINE_CHARACTERS, Lines, records
from dialer.kernel import money
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

HEADER = ["creditor", "debtor_reference", "debtor_name", "debt_reference", "amount", "due_on", "phone_1"]


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def text(*rows, delimiter=";"):
    return "\r\n".join(delimiter.join(row) for row in (HEADER, *rows)).encode()


def good(number, amount="10,00"):
    return ["Luce", f"D{number}", "Anna Rossi", f"F{number}", amount, "31/01/2026", f"347 12{number:05}"]


def test_a_workbooks_typed_cells_are_read_as_what_they_are():
    raw = workbook(
        HEADER,
        ["Luce", "D1", "Nicolò Però", 1001, 1234.5, datetime(2026, 1, 31), 393471234567],  # noqa: DTZ001 -- as Excel has it
        ["Luce", 2, "Anna", "F2", 99, date(2025, 12, 1), "02 12345678"],
        [None] * 7,
        ["Luce", "D3", "Ugo", "F3", 1.125, None, "347 1234568"],
    )
    parsed = parse(raw, Defaults())
    first, second = parsed.cases
    assert (first.debtor_name, first.debts[0].reference, first.debts[0].amount.cents) == ("Nicolò Però", "1001", 123450)
    assert (first.debts[0].due_on, first.numbers) == (date(2026, 1, 31), ("+393471234567",))
    assert (second.debtor_reference, second.debts[0].due_on) == ("2", date(2025, 12, 1))
    (reject,) = parsed.rejects
    assert (reject.row, reject.column, reject.value, reject.reason) == (5, "amount", "1,125000", "not an amount")


def test_a_workbook_is_read_with_the_decimal_sign_of_the_profile():
    parsed = parse(workbook(HEADER, [*good(1)[:4], 1234.5, None, "347 1234567"]), Defaults(), Profile(decimal="."))
    assert parsed.cases[0].debts[0].amount.cents == 123450


@pytest.mark.parametrize("cut", [100, 1_000, 3_000])
def test_a_workbook_that_breaks_off_is_refused(cut):
    with pytest.raises(InputError, match="workbook"):
        parse(workbook(HEADER, good(1))[:cut], Defaults())


def test_the_profile_says_which_sign_begins_the_cents_and_which_part_of_a_day_comes_first():
    american = Profile(decimal=".", dates="month first")
    row = good(1, "1,234")
    row[5] = "01/02/2026"
    (case,) = parse(text(row), Defaults(), american).cases
    assert (case.debts[0].amount.cents, case.debts[0].due_on) == (123400, date(2026, 1, 2))
    (reject,) = parse(text(good(1, "1.234")), Defaults(), american).rejects
    assert (reject.column, reject.reason) == ("amount", "the cents don't begin with .")
    (case,) = parse(text(row), Defaults()).cases
    assert (case.debts[0].amount.cents, case.debts[0].due_on) == (123400, date(2026, 2, 1))


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_separator_is_the_one_that_gives_rows_as_many_cells_as_the_header(delimiter):
    rows = [delimiter.join(("a", "b", "c")), *(delimiter.join(("1", f'"{n},5;6|7\t8"', "x")) for n in range(9))]
    assert delimiter_of([row + "\n" for row in rows]) == delimiter


def test_a_separator_in_the_amounts_is_none():
    header, row = "creditor;debtor;amount,currency;phone", "Luce;D1;10,00;347"
    assert delimiter_of([header, *[row] * 9]) == ";"
    assert delimiter_of(["amount", "10,00"]) == ";"  # one column: the default


def test_the_hint_of_a_spreadsheet_is_obeyed_and_the_rows_are_counted_as_it_shows_them():
    raw = b"sep=,\r\n\r\n" + text([*good(1)[:4], "ten", "", "347 1234567"], delimiter=",")
    (reject,) = parse(raw, Defaults()).rejects
    assert (reject.row, reject.column) == (4, "amount")


def test_empty_columns_at_the_end_are_none():
    raw = b"\r\n".join(line + b";;" for line in text(good(1)).split(b"\r\n"))
    assert len(parse(raw, Defaults()).cases) == 1


def test_an_open_quote_costs_its_own_row_wherever_it_stands():
    rows = [good(number) for number in range(2_000)]
    rows[700][2] = '"Anna'
    parsed = parse(text(*rows), Defaults())
    assert [reject.row for reject in parsed.rejects] == [702]
    assert len(parsed.cases) == 1_999


def test_a_line_without_end_costs_itself():
    raw = text(good(1)) + b"\r\n" + b"x" * (3 * MOST_LINE_CHARACTERS) + b"\r\n" + ";".join(good(2)).encode()
    parsed = parse(raw, Defaults())
    assert [reject.row for reject in parsed.rejects] == [3]
    assert len(parsed.cases) == 2


def test_batches_are_of_so_many_rows_and_a_debt_is_known_across_them():
    rows = [*(good(number) for number in range(2_500)), good(0)]
    batches = list(Reading(io.BytesIO(text(*rows)), Defaults()).batches())
    assert [batch.rows for batch in batches] == [1_000, 1_000, 501]
    assert [len(batch.cases) for batch in batches] == [1_000, 1_000, 500]
    assert [reject.reason for row in batches[2].rejected for reject in row.rejects] == ["row 2 has the same debt"]
    assert [batch.done for batch in batches] == sorted(batch.done for batch in batches)


def test_an_unknown_header_shows_the_nearest_names_and_a_profile_to_begin_with():
    raw = b"MANDANTE;NDG;NOMINATIVO;PRATICA;IMPORTO;TEL.;COLORE\r\n"
    with pytest.raises(InputError) as caught:
        parse(raw, Defaults())
    assert "unknown column 'MANDANTE' in the header (do you mean creditor?)" in str(caught.value)
    assert "unknown column 'COLORE' in the header\n" in str(caught.value) + "\n"
    for line in ('creditor = "MANDANTE"', 'debtor_reference = "NDG"', 'phone_1 = "TEL."', 'ignore = ["COLORE"]'):
        assert line in caught.value.remedy


@pytest.mark.parametrize(("more", "cells"), [("COLORE", "blu"), ("COLORE;ALTEZZA", "blu;2"), ("COLORE;COGNOME", ";R")])
def test_what_the_remedy_proposes_is_a_profile(tmp_path, more, cells):
    rows = f"MANDANTE;NDG;NOMINATIVO;PRATICA;IMPORTO;TEL.;{more}\r\nLuce;D1;Anna;F1;1,00;347 1234567;{cells}\r\n"
    raw = rows.encode()
    with pytest.raises(InputError) as caught:
        parse(raw, Defaults())
    lines = [line.strip() for line in caught.value.remedy.splitlines() if line.startswith("    ")]
    (tmp_path / "luce.toml").write_text("\n".join(lines))
    assert len(parse(raw, Defaults(), load("luce", tmp_path)).cases) == 1


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Cod. Cliente", "debtor_reference"), ("IMPORTO", "amount"), ("Data scadenza", "due_on"), ("Telefono1", "phone_1"),
     ("codice_fiscale", "tax_code"), ("debtor_nmae", "debtor_name"), ("xyzzy", "")],
)  # fmt: skip
def test_the_closest_name(theirs, ours):
    assert closest(theirs) == ours


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("dates = 'day first'\ncolour = 1\n", ":2: colour: unknown key"),
        ("[columns]\nsum = 'IMPORTO'\n", "'sum' is no column of ours"),
        ("[columns]\namount = 'I'\n[constants]\namount = '1'\n", "stands in columns and in constants"),
        ("decimal = ';'\n", ":1: decimal"),
        ("dates = \n", ":1: not TOML"),
    ],
)
def test_a_profile_that_is_wrong_is_told_with_file_and_line(tmp_path, profile, words):
    (tmp_path / "luce.toml").write_text(profile)
    with pytest.raises(InputError) as caught:
        load("luce", tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / "luce.toml") in str(caught.value)
    assert caught.value.remedy


def test_a_profile_that_is_not_there_is_told_with_those_that_are(tmp_path):
    (tmp_path / "gas.toml").write_text("")
    with pytest.raises(InputError) as caught:
        load("luce", tmp_path)
    assert "gas" in caught.value.remedy


def test_several_columns_of_a_guarantors_numbers_are_several_numbers():
    header = [*HEADER, "garante", "tel g1", "tel g2"]
    profile = Profile(columns={"guarantor_name": "garante", "guarantor_phone": ("tel g1", "tel g2")})
    raw = "\r\n".join(map(";".join, (header, [*good(1), "Ivo", "02 12345678", "348 1234567"]))).encode()
    (case,) = parse(raw, Defaults(), profile).cases
    assert case.guarantors[0].numbers == ("+390212345678", "+393481234567")


def test_a_column_that_the_profile_names_and_the_file_has_not_is_told():
    with pytest.raises(InputError, match="column 'SALDO', which the profile names, is missing"):
        parse(text(good(1)), Defaults(), Profile(columns={"amount": "SALDO"}))


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("347 1234567 / 348 1234567", ["+393471234567", "+393481234567"]),
        ("347-1234567/348-7654321", ["+393471234567", "+393487654321"]),
        ("347 1234567 o 348 1234567", ["+393471234567", "+393481234567"]),
        ("347 1234567\n02 12345678", ["+393471234567", "+390212345678"]),
        ("02/12345678", ["+390212345678"]),
        ("02-12345678", ["+390212345678"]),
        ("02 / 12345678", []),
        ("+39 (0)2 12345678", ["+390212345678"]),
        ("0039 347 1234567", ["+393471234567"]),
        ("tel.:0212345678", ["+390212345678"]),
        ("3471234567,0", ["+393471234567"]),
        ("347 1234567, non attivo", []),
        ("347 1234567 int. 5", []),
        ("02/12345678/3", []),
        ("347/1234567-348/7654321", []),
    ],
)
def test_the_numbers_of_a_cell(cell, numbers):
    found = numbers_of(cell, "IT")
    assert list(found.numbers) == numbers
    assert bool(found.bad) == (not numbers)


@pytest.mark.parametrize("sign", [" / ", ";", ", ", " | ", "\n", " - "])
def test_two_numbers_are_never_read_as_a_third(sign):
    found = numbers_of(f"02 6555{sign}65561", "IT")
    assert (list(found.numbers), [part for part, _ in found.bad]) == (["+39026555"], ["65561"])


def test_a_lost_zero_is_restored_for_landlines_alone():
    assert list(numbers_of("212345678", "IT", landline_zero=True).numbers) == ["+390212345678"]
    assert not numbers_of("34712345", "IT", landline_zero=True).numbers  # a mobile cut short
    assert not numbers_of("212345678", "US", landline_zero=True).numbers
    assert not numbers_of("+39 212345678", "IT", landline_zero=True).numbers


@pytest.mark.parametrize("cell", ["800123456", "199123456", "892424", "112", "1234567"])
def test_no_zero_makes_a_service_or_a_part_somebodys_landline(cell):
    assert not numbers_of(cell, "IT", landline_zero=True).numbers


@pytest.mark.parametrize(
    ("cell", "numbers"),
    [
        ("335 - 6123456 / 06 1234567", ["+39061234567"]),
        ("06 12345678 / 12345679", ["+390612345678"]),
        ("06 12345678/12345679", []),
        ("347 1234567 / 212345678", ["+393471234567", "+390212345678"]),
        ("212345678 / 347 1234567 / 348", ["+393471234567"]),
    ],
)
def test_no_zero_is_restored_to_what_may_be_a_part_of_a_number(cell, numbers):
    assert list(numbers_of(cell, "IT", landline_zero=True).numbers) == numbers


@given(st.text(max_size=60))
def test_no_cell_of_numbers_raises_anything(cell):
    found = numbers_of(cell, "IT", landline_zero=True)
    assert found.numbers or found.bad or not cell.strip(" \t\r\n;,|-/") or not cell.strip()


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), max_size=9), min_size=2, max_size=4
        ),
        max_size=9,
    )
)
def test_rows_that_are_csv_are_read_as_the_csv_module_wrote_them(rows):
    import csv

    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(rows)
    found = records(Lines(io.StringIO(out.getvalue(), newline="")), ";", 1)
    assert [list(record.cells) for record in found if not record.broken] == rows


def test_a_person_with_a_provisional_tax_code_of_digits_comes_in_as_a_person():
    header = [*HEADER, "debtor_kind", "tax_code"]
    rows = [header, [*good(1), "persona fisica", "00743110157"], [*good(2), "", "00743110157"]]
    parsed = parse("\r\n".join(";".join(row) for row in rows).encode(), Defaults())
    assert parsed.rejects == ()
    assert [case.kind for case in parsed.cases] == [DebtorKind.PERSON, DebtorKind.COMPANY]


@pytest.mark.parametrize(("cents", "written"), [(-150, "-1,50"), (-5, "-0,05"), (0, "0,00"), (123_456, "1234,56")])
def test_an_amount_is_written_as_it_is_read_again(cents, written):
    case = parse(text(good(1)), Defaults()).cases[0]
    (row,) = exporting.rows(replace(case, debts=(replace(case.debts[0], amount=Money(cents)),)))
    assert row["amount"] == written
    assert money.parse(row["amount"]) == Money(cents)
