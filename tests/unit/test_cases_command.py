"""`dialer cases import`: what its options stand for, and what it says of a file that is partly bad."""

import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from dialer.cli import app

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
