"""A file as offices send them: thirty kinds of damage. What is right comes in, and each reject is explained."""

import csv
from io import BytesIO
from pathlib import Path

import pytest

from dialer.cases.importing import Defaults, Profile, Reading, RejectsFile
from dialer.cases.importing.profile import load

FOLDER = Path(__file__).parent
# row: the column that is blamed as the file calls it, the value, the reason
REJECTS = {
    5: ("TELEFONO", "3,93E+11", "a spreadsheet turned this number into a power of ten"),
    6: ("TELEFONO", "212345678", "no such number in IT"),
    8: ("CELLULARE", "non attivo", "the cell says that the number isn't in use"),
    9: ("TELEFONO", "347 1234517 (moglie)", "words beside the number"),
    10: ("TELEFONO", "899123456", "a premium-rate number is not a person's"),
    11: ("TELEFONO", "848800888", "a shared-cost number is not a person's"),
    12: ("TELEFONO", "112", "a short number is not a person's"),
    13: ("TELEFONO", "02 123456/7", "a second number cut short"),
    14: ("TELEFONO", "347", "no such number in IT"),
    15: ("IMPORTO", "dieci euro", "not an amount"),
    16: ("IMPORTO", "0,00", "nothing is owed"),
    17: ("IMPORTO", "-45,00", "nothing is owed"),
    18: ("IMPORTO", "1.234.56", "the same sign groups thousands and starts the cents"),
    19: ("SCADENZA", "46053", "a spreadsheet turned this day into a number"),
    20: ("SCADENZA", "31/02/2026", "no such day"),
    21: ("SCADENZA", "01/01/1900", "the year 1900 can't be right"),
    22: ("CODICE FISCALE", "RSSMRA80A01H501X", "its check letter is wrong: a sign was mistyped"),
    23: ("CODICE FISCALE", "1234567897", "10 digits where a partita IVA has 11"),
    24: ("NOMINATIVO", "", "empty"),
    25: ("NOMINATIVO", "NicolÃ² PerÃ²", "letters spoilt by a wrong encoding"),
    26: ("NOMINATIVO", "=CONCATENA(A1;B1)", "a formula"),
    27: ("NOMINATIVO", "#N/D", "a spreadsheet's error"),
    28: ("NOMINATIVO", "An?na", "control characters"),
    29: ("PRATICA", "P002", "row 2 has the same debt"),
    30: ("NOMINATIVO", "Altro Nome", "row 2 has another name for the same debtor"),
    31: ("", "C031;Anna Rossi;P031;10,00", "4 cells where the header has 10"),
    32: ("", "C032;Anna Rossi;P032;10,00;;347 1234532;;;;;x;y", "12 cells where the header has 10"),
    34: ("", 'C034;"Anna "la rossa" Rossi";P034;10,00;;347 1234534;;;;', "not CSV: ';' expected after '\"'"),
    35: ("", "COD CLIENTE;NOMINATIVO;PRATICA;IMPORTO;SCADENZA;TELEFONO;CELLULARE;CODICE FISCALE;GARANTE;TEL GARANTE",
         "the header once more"),
    36: ("", 'C036;"Anna Rossi;P036;10,00;;347 1234536;;;;', "not CSV: ';' expected after '\"'"),
    38: ("GARANTE", "", "a guarantor without a name"),
    39: ("TEL GARANTE", "non so", "not a telephone number"),
    40: ("COD CLIENTE", "", "empty"),
}  # fmt: skip
KEPT_IN_SPITE_OF = {8, 39}
"""Rows that come in without the cell."""


@pytest.fixture
def profile():
    return load(str(FOLDER / "luce.toml"), FOLDER)


def read(raw, profile=None):
    reading = Reading(BytesIO(raw), Defaults(), profile)
    batches = list(reading.batches())
    cases = {case.debtor_reference: case for batch in batches for case in batch.cases}
    return reading, cases, [row for batch in batches for row in batch.rejected]


def test_each_damage_is_rejected_with_its_reason_and_a_remedy(profile):
    _, _, rejected = read((FOLDER / "dirty.csv").read_bytes(), profile)
    found = {reject.row: (reject.column, reject.value, reject.reason) for row in rejected for reject in row.rejects}
    assert found == REJECTS
    assert all(reject.remedy for row in rejected for reject in row.rejects)
    assert {row.rejects[0].row for row in rejected if not row.lost} == KEPT_IN_SPITE_OF


def test_what_is_right_comes_in(profile):
    _, cases, _ = read((FOLDER / "dirty.csv").read_bytes(), profile)
    assert {int(key[1:]) for key in cases} == set(range(2, 41)) - set(REJECTS) - {30, 33} | KEPT_IN_SPITE_OF
    first = cases["C002"]
    assert (first.creditor, first.debtor_name, first.debts[0].amount.cents) == ("Luce S.p.A.", "Nicolò Però", 123456)
    assert cases["C003"].numbers == ("+393471234503", "+393481234503", "+390212345603")  # several in a cell
    assert cases["C004"].debts[0].amount.cents == 9900  # € 99,00
    assert cases["C004"].debts[0].due_on.isoformat() == "2026-12-31"  # 31/12/26
    assert cases["C004"].numbers == ("+390212345604",)  # Tel. ab. 02/12345604
    assert cases["C007"].numbers == ("+390212345607",)  # a fraction: 0212345607.0
    assert cases["C037"].guarantors[0].numbers == ("+393471234599",)
    assert cases["C037"].numbers == ("+393471234537",)  # the guarantor's isn't the debtor's


def test_rejects_can_be_corrected_and_sent_again(profile, tmp_path):
    reading, before, rejected = read((FOLDER / "dirty.csv").read_bytes(), profile)
    path = tmp_path / "rejects.csv"
    with path.open("w", newline="") as out:
        RejectsFile(out, "dirty.csv", reading.header).write(rejected)
    rows = list(csv.DictReader(path.read_text().splitlines(), delimiter=";"))
    assert [int(row["rejected_row"]) for row in rows] == list(REJECTS)
    told = {int(row["rejected_row"]): (row["rejected_column"], row["rejected_reason"]) for row in rows}
    assert told == {row: (column or "(the whole row)", reason) for row, (column, _, reason) in REJECTS.items()}
    assert {row["rejected_file"] for row in rows} == {"dirty.csv"}
    assert next(row for row in rows if row["rejected_row"] == "5")["TELEFONO"] == "3,93E+11"  # as it stood there
    path.write_text(path.read_text().replace(";3,93E+11;", ";347 1234505;"))
    _, after, _ = read(path.read_bytes(), profile)
    assert after["C005"].numbers == ("+393471234505",)
    assert "C005" not in before


def test_a_creditor_whose_spreadsheet_spoils_columns_says_so_in_its_profile(profile):
    repairing = Profile(**profile.model_dump() | {"serial_days": True, "landline_zero": True})
    _, cases, _ = read((FOLDER / "dirty.csv").read_bytes(), repairing)
    assert cases["C006"].numbers == ("+390212345678",)
    assert cases["C019"].debts[0].due_on.isoformat() == "2026-01-31"
