"""`dialer cases import`: what its options stand for, and what it says of a file that is partly bad."""

import csv
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from dialer.cli import app, cases
from dialer.kernel.errors import AwayError, InputError

CONFIG = '[campaigns.luce]\ncaller_id = "+390694801234"\n'
HEADER = "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1"


@pytest.fixture
def take_in(tmp_path):
    """Import a text with some options; the command's result and the debtors that are on record."""
    (tmp_path / "dialer.toml").write_text(CONFIG)

    def run(text, *options):
        (tmp_path / "cases.csv").write_text(text)
        command = ["cases", "import", str(tmp_path / "cases.csv"), "--campaign", "luce"]
        result = CliRunner().invoke(app, [*command, "-c", str(tmp_path / "dialer.toml"), *options])
        if not (tmp_path / "dialer.db").exists():
            return result, None
        with closing(sqlite3.connect(tmp_path / "dialer.db")) as record:
            return result, record.execute("select reference, zone, language from debtors").fetchall()

    return run


@pytest.mark.parametrize(
    ("options", "zone", "language"),
    [([], "", "it"), (["--zone", "America/New_York", "--language", "EN"], "America/New_York", "en")],
)
def test_a_number_abroad_gets_the_zone_of_the_option_or_none(take_in, options, zone, language):
    result, debtors = take_in(f"{HEADER}\nLuce;D1;Anna;F1;10,00;(212) 456-7890\n", "--region", "US", *options)
    assert result.exit_code == 0
    assert debtors == [("D1", zone, language)]


@pytest.mark.parametrize("open_quote", ['"Anna', '"' + "x" * 200_000])
def test_an_open_quote_is_among_the_rejects_with_what_is_wrong_besides(take_in, tmp_path, open_quote):
    rows = ["Luce;D1;Anna;F1;10,00;+39 347 1234567", "Luce;D2;Ivo;F2;ten;+39 347 1234568", f"Luce;D3;{open_quote};F3"]
    rejects = tmp_path / "rejects.csv"
    result, debtors = take_in("\n".join([HEADER, *rows]), "--rejects", str(rejects))
    assert (result.exit_code, debtors) == (1, [("D1", "Europe/Rome", "it")])
    _, amount, quote = csv.reader(rejects.read_text().splitlines(), delimiter=";")
    assert amount[:6] == rows[1].split(";")
    assert "amount" in amount[6]
    assert "close the quotes" in quote[6]


def test_rejects_that_cannot_be_written_stop_the_import_before_it_begins(take_in, tmp_path):
    result, debtors = take_in(f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n", "--rejects", str(tmp_path))
    assert isinstance(result.exception, InputError)
    assert debtors is None


def test_a_record_that_goes_away_in_the_import_is_told_with_what_to_do(take_in, monkeypatch):
    async def away(*_):
        raise AwayError("the record can't be written", "check the disk")

    monkeypatch.setattr(cases, "add", away)
    result, _ = take_in(f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n")
    assert isinstance(result.exception, AwayError)
    assert result.exception.remedy.startswith("check the disk; import the file again")
