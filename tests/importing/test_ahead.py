"""Reading ahead gives what reading gives, and a reader that dies is told with the rows that are done."""

import csv
from datetime import date
from io import BytesIO
from multiprocessing import active_children

import pytest
from typer.testing import CliRunner

from dialer.adapters.store.importing import SqlImport
from dialer.cases import portfolio
from dialer.cases.importing import Defaults, Reading
from dialer.cases.importing import ahead as reading_ahead
from dialer.cases.importing.ahead import ahead
from dialer.cli import app, cases
from dialer.kernel.errors import DialerError, InputError

TODAY = date(2026, 11, 22)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "cases.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, portfolio.COLUMNS, delimiter=";", restval="")
        writer.writeheader()
        for number, row in enumerate(portfolio.rows(5_000, 1, TODAY)):
            writer.writerow(row | {"amount": "much"} if number % 500 == 7 else row)
    (tmp_path / "dialer.toml").write_text('[campaigns.luce]\ncaller_id = "+390694801234"\n')
    return path


def test_it_gives_the_batches_of_reading_in_their_order(file):
    expected = list(Reading(BytesIO(file.read_bytes()), Defaults()).batches())
    found = list(ahead(file, Defaults(), None))
    assert found == expected
    assert len(found) > reading_ahead.BATCHES_AHEAD
    assert any(batch.rejected for batch in found)


def test_an_error_in_the_file_comes_through_with_its_remedy(tmp_path):
    path = tmp_path / "cases.csv"
    path.write_text("colour;size\nred;3\n")
    with pytest.raises(InputError, match="unknown column") as error:
        list(ahead(path, Defaults(), None))
    assert "profile" in error.value.remedy


def test_a_reader_that_is_killed_is_told_and_what_came_in_is_known_to_the_next_import(file, tmp_path, monkeypatch):
    command = ["cases", "import", str(file), "--campaign", "luce", "--config", str(tmp_path / "dialer.toml")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cases, "LONG_BYTES", 0)
    take_in = SqlImport.take_in

    async def killing(self, *args, **options):
        for child in active_children():
            child.kill()
        return await take_in(self, *args, **options)

    with monkeypatch.context() as broken:
        broken.setattr(SqlImport, "take_in", killing)
        result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, DialerError)
    assert "rows are done" in str(result.exception)
    assert "import the file again" in result.exception.remedy
    again = CliRunner().invoke(app, command)
    assert " known before" in again.output
    assert " 0 known before" not in again.output
