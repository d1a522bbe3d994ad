"""A file from an office: what is good comes in, what is not is named with its remedy."""

import io
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.cases import importing
from dialer.cases.debtor import zone_of_numbers
from dialer.cases.importing import COLUMNS, Defaults, cells
from dialer.cases.importing.rejects import BadCellError
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

HEADER = "creditor;debtor_reference;debtor_name;debt_reference;amount;due_on;phone_1;phone_2;zone;language"
GOOD = "Luce;D1;Nicolò Però;F1;1.234,56;31/01/2026;347 1234567;02 12345678;;"


def read(*rows, header=HEADER, encoding="utf-8"):
    return importing.parse("\r\n".join((header, *rows)).encode(encoding), Defaults())


def test_a_good_row():
    parsed = read(GOOD)
    assert parsed.rejects == ()
    (case,) = parsed.cases
    assert (case.creditor, case.debtor_reference, case.debtor_name) == ("Luce", "D1", "Nicolò Però")
    assert case.debts[0].amount == Money(123456)
    assert case.debts[0].due_on == date(2026, 1, 31)
    assert case.numbers == ("+393471234567", "+390212345678")
    assert (case.zone, case.language) == ("", "it")  # the record tells the zone by all the numbers


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encodings_of_offices(encoding):
    assert read(GOOD, encoding=encoding).cases[0].debtor_name == "Nicolò Però"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_the_separators_of_offices(delimiter):
    header, row = HEADER.replace(";", delimiter), GOOD.replace("1.234,56", "1234.56").replace(";", delimiter)
    assert len(read(row, header=header).cases) == 1


def test_rows_of_one_debtor_are_one_case_with_several_debts_and_all_numbers():
    second = "Luce;D1;Nicolò Però;F2;10,00;;333 7654321;;;"
    (case,) = read(GOOD, second).cases
    assert [debt.reference for debt in case.debts] == ["F1", "F2"]
    assert case.numbers == ("+393471234567", "+390212345678", "+393337654321")


# twenty kinds of damage: the row, the column that is blamed, words of the reason
DAMAGE = {
    "no name": ("Luce;D1;;F1;10,00;;347 1234567;;;", "debtor_name", "empty"),
    "no creditor": (";D1;Anna;F1;10,00;;347 1234567;;;", "creditor", "empty"),
    "no debt": ("Luce;D1;Anna;;10,00;;347 1234567;;;", "debt_reference", "empty"),
    "no amount": ("Luce;D1;Anna;F1;;;347 1234567;;;", "amount", "empty"),
    "words for an amount": ("Luce;D1;Anna;F1;dieci;;347 1234567;;;", "amount", "not an amount"),
    "nothing owed": ("Luce;D1;Anna;F1;0,00;;347 1234567;;;", "amount", "nothing is owed"),
    "a credit": ("Luce;D1;Anna;F1;-5,00;;347 1234567;;;", "amount", "nothing is owed"),
    "no such day": ("Luce;D1;Anna;F1;10,00;31/02/2026;347 1234567;;;", "due_on", "no such day"),
    "an American day": ("Luce;D1;Anna;F1;10,00;12/31/2026;347 1234567;;;", "due_on", "no such day"),
    "no phone": ("Luce;D1;Anna;F1;10,00;;;;;", "phone_1", "empty"),
    "words for a phone": ("Luce;D1;Anna;F1;10,00;;non attivo;;;", "phone_1", "isn't in use"),
    "a power of ten": ("Luce;D1;Anna;F1;10,00;;3,93E+11;;;", "phone_1", "power of ten"),
    "a lost zero": ("Luce;D1;Anna;F1;10,00;;212345678;;;", "phone_1", "no such number"),
    "two phones run together": ("Luce;D1;Anna;F1;10,00;;347 1234567 348 1234567;;;", "phone_1", "not a telephone"),
    "a premium number": ("Luce;D1;Anna;F1;10,00;;892424;;;", "phone_1", "premium"),
    "too few digits": ("Luce;D1;Anna;F1;10,00;;347;;;", "phone_1", "no such number"),
    "an unknown zone": ("Luce;D1;Anna;F1;10,00;;347 1234567;;Europe/Atlantis;", "zone", "not a zone"),
    "a language in words": ("Luce;D1;Anna;F1;10,00;;347 1234567;;;italiano", "language", "not a language"),
    "a cell too many": ("Luce;D1;Anna;F1;10,00;;347 1234567;;;it;x", "", "11 cells"),
    "a cell too few": ("Luce;D1;Anna;F1;10,00;;347 1234567", "", "7 cells"),
    "control characters": ("Luce;D1;An\x07na;F1;10,00;;347 1234567;;;", "debtor_name", "control characters"),
    "an endless cell": (f"Luce;D1;{'A' * 600};F1;10,00;;347 1234567;;;", "debtor_name", "longer than 500"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_with_row_column_value_and_remedy(name):
    row, column, reason = DAMAGE[name]
    parsed = read(GOOD.replace("D1", "D0").replace("F1", "F0"), row)
    assert len(parsed.cases) == 1  # the good row comes in
    (reject,) = parsed.rejects
    assert (reject.row, reject.column, reject.row_lost) == (3, column, True)
    assert reason in reject.reason
    assert reject.remedy
    assert not reject.value or reject.value.rstrip("…").replace("?", "\x07")[:5] in row


def test_a_debt_that_stands_twice_is_rejected_with_the_first_row():
    parsed = read(GOOD, GOOD)
    assert len(parsed.cases) == 1
    assert parsed.rejects[0].reason == "row 2 has the same debt"


@pytest.mark.parametrize(
    ("numbers", "cell", "option", "zone"),
    [
        (["+39 347 1234567", "+39 02 12345678"], "", "", "Europe/Rome"),
        (["+1 212 456 7890"], "", "", ""),
        (["+44 20 7946 0018"], "", "", ""),
        (["+39 347 1234567", "+1 212 456 7890"], "", "", ""),
        (["+1 212 456 7890"], "", "America/New_York", "America/New_York"),
        (["+39 347 1234567"], "", "America/New_York", "America/New_York"),
        (["+1 212 456 7890"], "America/Chicago", "America/New_York", "America/Chicago"),
    ],
)
def test_a_zone_that_nobody_named_is_known_in_italy_alone(numbers, cell, option, zone):
    rows = "".join(f"Luce;D1;Anna;F{n};10,00;;{number};;{cell};\r\n" for n, number in enumerate(numbers))
    parsed = importing.parse((HEADER + "\r\n" + rows).encode(), Defaults(zone=option))
    assert [case.zone or zone_of_numbers(case.numbers) for case in parsed.cases] == [zone]


def test_a_batch_says_of_which_debtors_an_earlier_one_spoke():
    lines = [f"Luce;{debtor};Anna;F{n};10,00;;347 123456{n};;;" for n, debtor in enumerate(["D1", "D2", "D2", "D1"])]
    reading = importing.Reading(io.BytesIO("\r\n".join([HEADER, *lines]).encode()), Defaults())
    assert [set(batch.joining) for batch in reading.batches(2)] == [set(), {("Luce", "D1"), ("Luce", "D2")}]
    assert [
        set(batch.joining)
        for batch in importing.Reading(io.BytesIO("\r\n".join([HEADER, *lines]).encode()), Defaults()).batches(3)
    ] == [set(), {("Luce", "D1")}]


@pytest.mark.parametrize(("options", "words"), [({"zone": "Rome"}, "--zone"), ({"language": "english"}, "--language")])
def test_a_default_that_no_cell_may_hold_is_refused(options, words):
    with pytest.raises(InputError, match=words):
        Defaults(**options)


def test_one_debtor_under_two_names_is_rejected():
    parsed = read(GOOD, "Luce;D1;Someone Else;F2;10,00;;347 1234567;;;")
    assert parsed.rejects[0].column == "debtor_name"


def test_a_bad_second_number_costs_only_itself():
    parsed = read("Luce;D1;Anna;F1;10,00;;347 1234567;non attivo;;")
    assert parsed.cases[0].numbers == ("+393471234567",)
    assert (parsed.rejects[0].column, parsed.rejects[0].row_lost) == ("phone_2", False)


def test_an_open_quote_is_told_and_what_came_before_is_kept():
    parsed = read(GOOD, 'Luce;D2;"Anna;F2;10,00;;347 1234567;;;')
    assert len(parsed.cases) == 1
    assert "not CSV" in parsed.rejects[0].reason


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b"\r\n\r\n", "empty"),
        (HEADER.replace("amount", "amuont").encode(), "'amount' is missing"),
        ((HEADER + ";extra").encode(), "unknown column 'extra'"),
        ((HEADER + ";creditor").encode(), "'creditor' stands twice"),
        (b"PK\x03\x04\x00\x00", "not an Excel workbook"),
        (b"creditor;\0\0", "NUL"),
        (b"\xef\xbb\xbf\xff\xfe", "claims to be utf-8-sig"),
        (b"Luce;D1\n", "'creditor' is missing"),
        (b"\x81\x8d\x8f", "neither UTF-8 nor Windows-1252"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(raw, words):
    with pytest.raises(InputError) as caught:
        importing.parse(raw, Defaults())
    assert words in str(caught.value) or words in caught.value.remedy
    assert caught.value.remedy


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_else(raw):
    try:
        importing.parse(raw, Defaults())
    except InputError as error:
        assert error.remedy


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30), min_size=10, max_size=10))
def test_no_cells_whatever_raise_anything(cells):
    row = ";".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    parsed = read(row)
    assert len(parsed.cases) + len(parsed.rejects) <= parsed.rows + 2


def test_every_column_is_documented_and_only_known_ones_exist():
    assert all(column.holds for column in COLUMNS.values())
    assert set(importing.PHONES) <= set(COLUMNS)


def test_what_the_packs_ask_about_comes_in_and_the_stricter_of_two_rows_holds():
    header = (
        "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1;household;place;"
        "assigned_npl;assignment_notice_sent;first_notice_sent_on"
    )
    parsed = read(
        "Banca;D1;Anna;F1;1,00;+393471234567;H1;it-rm;sì;yes;01/11/2026",
        "Banca;D1;Anna;F2;1,00;+393471234567;;;yes;no;05/11/2026",
        "Banca;D2;Ugo;F3;1,00;+393471234568;;;;;",
        header=header,
    )
    first, second = parsed.cases
    assert (first.household, first.place) == ("H1", "IT-RM")
    assert first.facts == {
        "assigned_npl": True,
        "assignment_notice_sent": False,
        "first_notice_sent_on": date(2026, 11, 5),
    }
    assert dict(second.facts) == {}


@pytest.mark.parametrize(
    ("column", "cell"), [("assigned_npl", "maybe"), ("place", "Rome"), ("first_notice_sent_on", "soon")]
)
def test_a_cell_that_a_pack_could_not_judge_is_rejected(column, cell):
    header = f"creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1;{column}"
    parsed = read(f"L;D;N;F;1,00;+393471234567;{cell}", header=header)
    assert parsed.cases == ()
    (reject,) = parsed.rejects
    assert (reject.column, reject.value) == (column, cell)
    assert reject.remedy


@pytest.mark.parametrize(
    "cell", ["rossi", "rossi@pec", "a b@pec.example", "=rossi@pec.example", "r" * 250 + "@pec.example"]
)
def test_what_is_no_address_of_certified_mail_is_told(cell):
    with pytest.raises(BadCellError, match="not an address of certified mail"):
        cells.pec(cell)
    assert cells.pec("Studio.Rossi+2@Legal-Mail.pec.example") == "studio.rossi+2@legal-mail.pec.example"
