"""Files of payments: each counts once, and a card's number is kept nowhere."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from dialer.cli import app
from dialer.kernel.errors import InputError

HEADER = "creditor;debt_reference;payment_reference;amount;paid_on;method;receipt"
CASES = (
    "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1\n"
    "Luce;D1;Anna;F1;100,00;+39 310 1234567\nGas;D1;Ugo;F1;50,00;+39 310 1234568\n"
)
CARD = "4111 1111 1111 1111"


@pytest.fixture
def pay(tmp_path):
    """Import payments; the command's result, and those on record."""
    (tmp_path / "dialer.toml").write_text('[campaigns.luce]\ncaller_id = "+390694801234"\n')
    (tmp_path / "cases.csv").write_text(CASES)
    config = ["-c", str(tmp_path / "dialer.toml")]
    CliRunner().invoke(app, ["cases", "import", str(tmp_path / "cases.csv"), "--campaign", "luce", *config])

    def run(*rows, options=()):
        (tmp_path / "paid.csv").write_text("\n".join((HEADER, *rows)))
        result = CliRunner().invoke(app, ["cases", "payments", str(tmp_path / "paid.csv"), *config, *options])
        with closing(sqlite3.connect(tmp_path / "dialer.db")) as record:
            found = record.execute("select creditor, reference, amount_cents, method from payments order by 1, 2")
            return result, found.fetchall()

    return run


def test_a_payment_counts_once_however_often_its_file_comes(pay):
    rows = ["Luce;F1;B1;40,00;31/10/26;bonifico;", "Luce;F1;B2;60,00;2026-11-01;;", "Gas;F1;B1;1,50;01/11/2026;POS;R7"]
    result, found = pay(*rows)
    assert result.exit_code == 0
    assert "3 payments came in, 0 known before" in result.stdout
    assert "1 cases are paid, 0 owe again" in result.stdout
    assert found == [
        ("Gas", "B1", 150, "card"), ("Luce", "B1", 4000, "bank_transfer"), ("Luce", "B2", 6000, "unknown"),
    ]  # fmt: skip
    result, again = pay(*rows)
    assert "0 payments came in, 3 known before" in result.stdout
    assert again == found


def test_what_was_taken_back_counts_below_zero_and_the_case_is_due_again(pay):
    pay("Luce;F1;B1;100,00;01/11/2026;;")
    result, found = pay("Luce;F1;R1;100,00;05/11/2026;;", options=["--returned"])
    assert "0 cases are paid, 1 owe again" in result.stdout
    assert found == [("Luce", "B1", 10000, "unknown"), ("Luce", "R1", -10000, "unknown")]


def test_what_was_taken_back_may_be_written_with_a_minus(pay):
    result, found = pay("Luce;F1;R1;-10,00;05/11/2026;;", options=["--returned"])
    assert (result.exit_code, found) == (0, [("Luce", "R1", -1000, "unknown")])


def test_a_payment_of_a_day_to_come_is_none(pay):
    to_come = datetime.now(UTC).date() + timedelta(days=3)
    result, found = pay(f"Luce;F1;B1;10,00;{to_come};;")
    assert (result.exit_code, found) == (1, [])
    assert "hasn't come yet" in result.stdout


def test_each_wrong_row_is_rejected_with_its_reason(pay, tmp_path):
    result, found = pay(
        "Luce;F9;B1;1,00;01/11/2026;;",
        "Luce;F1;B2;0,00;01/11/2026;;",
        "Luce;F1;B3;1,00;99/11/2026;;",
        "Luce;F1;;1,00;01/11/2026;;",
        "Luce;F1;B4;1,00;01/11/2026;barter;",
        "Luce;F1;B5;1,00;01/11/2026;;",
        "Luce;F1;B5;2,00;01/11/2026;;",
        options=["--rejects", str(tmp_path / "rejects.csv")],
    )
    assert result.exit_code == 1
    assert found == [("Luce", "B5", 100, "unknown")]
    lines = (tmp_path / "rejects.csv").read_text().splitlines()[1:]
    assert [line.split(";")[7:11] for line in lines] == [
        ["paid.csv", "2", "debt_reference", "F9"],
        ["paid.csv", "3", "amount", "0,00"],
        ["paid.csv", "4", "paid_on", "99/11/2026"],
        ["paid.csv", "5", "payment_reference", ""],
        ["paid.csv", "6", "method", "barter"],
        ["paid.csv", "8", "payment_reference", "B5"],
    ]


@pytest.mark.parametrize(
    "row",
    [
        f"Luce;F1;B1;1,00;99/11/2026;carta;{CARD}",
        f"Luce;F1;B1;1,00;01/11/2026;{CARD};",
        f"Luce;F1;{CARD};1,00;01/11/2026;carta;5555555555554444 4111 1111",
        f"Luce;{CARD};B1;1,00;01/11/2026;carta;",
        f"Luce;F1;B1;1,00;01/11/2026;carta;{CARD};more",
    ],
)
def test_a_cards_number_stands_nowhere_whatever_else_is_wrong(pay, tmp_path, row):
    rejects = tmp_path / "rejects.csv"
    for options in ([], ["--json"]):
        result, found = pay(row, options=["--rejects", str(rejects), *options])
        assert (result.exit_code, found) == (1, [])
        for text in (result.stdout, result.stderr, rejects.read_text()):
            assert "1111" not in text


@pytest.mark.parametrize("row", [f"Luce;F1;B1;1,00;01/11/2026;carta;{CARD}", f"Luce;F1;{CARD};1,00;01/11/2026;carta;"])
def test_a_cards_number_is_refused_and_stands_nowhere(pay, tmp_path, row):
    rejects = tmp_path / "rejects.csv"
    result, found = pay(row, options=["--rejects", str(rejects)])
    assert (result.exit_code, found) == (1, [])
    for text in (result.stdout, result.stderr, rejects.read_text()):
        assert "1111" not in text
    assert "looks like a card's number" in rejects.read_text()


def test_a_file_of_cases_is_no_file_of_payments(pay, tmp_path):
    result = CliRunner().invoke(
        app, ["cases", "payments", str(tmp_path / "cases.csv"), "-c", str(tmp_path / "dialer.toml")]
    )
    assert isinstance(result.exception, InputError)
    assert "column 'payment_reference' is missing" in str(result.exception)
