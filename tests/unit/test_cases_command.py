"""`dialer cases import`: what its options stand for, and what it says of a file that is partly bad."""

import csv
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from dialer.adapters.store.importing import SqlImport
from dialer.cli import app
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
    amount, quote = csv.DictReader(rejects.read_text().splitlines(), delimiter=";")
    assert ";".join(list(amount.values())[:6]) == rows[1]
    assert (amount["rejected_row"], amount["rejected_column"], amount["rejected_value"]) == ("3", "amount", "ten")
    assert "close the quotes" in quote["rejected_remedy"]


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["import", "dry run"])
def test_a_mandate_of_which_no_terms_are_on_record_is_told_as_it_stops_nothing(take_in, tmp_path, options):
    text = f"{HEADER};mandate\nLuce;D1;Anna;F1;10,00;+39 347 1234567;M1\nLuce;D2;Ivo;F2;10,00;+39 347 1234568;\n"
    result, _ = take_in(text, *options)
    assert (result.exit_code, result.stdout.count("warning")) == (0, 1)
    assert "no terms are on record of the mandate M1 of Luce" in result.stdout
    terms = ("--licence", "TULPS 12", "--starts-on", "2026-01-01", "--retention-days", "30")
    command = ("mandate", "set", "Luce", "M1", *terms, "-c", str(tmp_path / "dialer.toml"))
    assert CliRunner().invoke(app, command).exit_code == 0
    assert "warning" not in take_in(text, *options)[0].stdout


def test_rejects_that_cannot_be_written_stop_the_import_before_it_begins(take_in, tmp_path):
    result, debtors = take_in(f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n", "--rejects", str(tmp_path))
    assert isinstance(result.exception, InputError)
    assert debtors is None


def test_a_record_that_goes_away_in_the_import_is_told_with_what_to_do(take_in, monkeypatch):
    async def away(*_, **__):
        raise AwayError("the record can't be written", "check the disk")

    monkeypatch.setattr(SqlImport, "take_in", away)
    result, _ = take_in(f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n")
    assert isinstance(result.exception, AwayError)
    assert result.exception.remedy.startswith("check the disk; then import the file again")
    assert str(result.exception).endswith("0 rows are done")


def test_an_import_that_is_stopped_says_how_far_it_came_and_goes_on_when_it_is_run_again(take_in, monkeypatch):
    text = HEADER + "".join(f"\nLuce;D{n};Anna;F{n};10,00;+39 347 12{n:05}" for n in range(2_500))
    real, calls = SqlImport.take_in, []

    async def stopped(*args, **options):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(args)
        return await real(*args, **options)

    monkeypatch.setattr(SqlImport, "take_in", stopped)
    result, debtors = take_in(text)
    assert (str(result.exception), len(debtors)) == ("stopped; 2000 rows are done", 2_000)
    assert "import the file again" in result.exception.remedy
    monkeypatch.undo()
    result, debtors = take_in(text)
    assert "500 new cases came in, 0 changed, 2000 known before" in result.stdout
    assert len(debtors) == 2_500


def test_a_dry_run_says_what_would_happen_and_makes_no_record(take_in):
    text = f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n"
    result, debtors = take_in(text, "--dry-run")
    assert (result.exit_code, debtors) == (0, None)
    assert "1 new cases would come in" in result.stdout
    take_in(text)
    result, debtors = take_in(text.replace("Anna", "Anna Maria"), "--dry-run")
    assert "0 new cases would come in, 1 changed, 0 known before" in result.stdout
    assert len(debtors) == 1


def test_strict_takes_in_nothing_where_one_row_is_wrong(take_in):
    result, debtors = take_in(f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\nLuce;D2;;;;\n", "--strict")
    assert (result.exit_code, debtors) == (1, None)
    assert "nothing came in" in result.stdout


def test_a_creditors_own_columns_come_in_by_its_profile(take_in, tmp_path):
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles/luce.toml").write_text(
        '[constants]\ncreditor = "Luce"\n[columns]\ndebtor_reference = "NDG"\ndebtor_name = ["COGNOME", "NOME"]\n'
        'debt_reference = "NDG"\namount = "SALDO"\nphone_1 = ["TEL", "CELL"]\n'
    )
    text = "NDG;COGNOME;NOME;SALDO;TEL;CELL\nD1;Rossi;Anna;1.000,00;02 12345678;347 1234567\n"
    result, debtors = take_in(text, "--profile", "luce")
    assert (result.exit_code, debtors) == (0, [("D1", "Europe/Rome", "it")])
    result, _ = take_in(text)
    assert isinstance(result.exception, InputError)
    assert "unknown column 'SALDO' in the header (do you mean amount?)" in str(result.exception)
    assert 'amount = "SALDO"' in result.exception.remedy


def test_the_rejects_never_overwrite_the_file_itself(take_in, tmp_path):
    text = f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n"
    result, _ = take_in(text, "--rejects", str(tmp_path / "cases.csv"))
    assert isinstance(result.exception, InputError)
    assert (tmp_path / "cases.csv").read_text() == text


def test_check_needs_no_configuration_and_shows_how_it_read_the_file(tmp_path):
    (tmp_path / "cases.csv").write_bytes(f"{HEADER}\nLuce;D1;Nicol\xf2;F1;10,00;+39 347 1234567\n".encode("cp1252"))
    result = CliRunner().invoke(app, ["cases", "check", str(tmp_path / "cases.csv"), "-c", str(tmp_path / "no.toml")])
    assert result.exit_code == 0
    assert "cp1252, ; between cells" in result.stdout
    assert "Nicolò, 10.00 EUR" in result.stdout


def test_an_export_comes_in_again_as_it_was(take_in, tmp_path):
    header = (
        f"{HEADER};tax_code;street;city;province;postal_code;principal;fees;guarantor_name;guarantor_phone;"
        "workplace_phone;assigned_npl;first_notice_sent_on;note"
    )
    rows = [
        (
            "Luce;D1;Anna;F1;10,00;+39 347 1234567 / +39 347 1234568;;Via Roma 1;Roma;RM;00184;9,00;1,00;Ivo;"
            "+39 347 1234569;+39 06 69881234;yes;2026-11-02;call late"
        ),
        "Luce;D1;Anna;F2;20,00;+39 347 1234567;;;;;;;;;;;;;",
        "Luce;D2;Rossi S.r.l.;F3;1.500,00;+39 02 12345678;12345678903;;;;;;;;;;;;",
    ]
    take_in("\n".join([header, *rows]))

    def exported():
        command = ["cases", "export", "--campaign", "luce", "-c", str(tmp_path / "dialer.toml")]
        return CliRunner().invoke(app, command).stdout

    first = exported()
    assert len(first.splitlines()) == 4
    assert "0 new cases came in, 0 changed, 2 known before" in take_in(first)[0].stdout
    for file in tmp_path.glob("dialer.db*"):
        file.unlink()
    assert "2 new cases came in" in take_in(first)[0].stdout
    assert exported() == first


@pytest.mark.parametrize(("terminal", "shown"), [("1", True), ("0", False)])
def test_progress_is_shown_on_a_terminal_alone(tmp_path, terminal, shown):
    (tmp_path / "cases.csv").write_text(f"{HEADER}\nLuce;D1;Anna;F1;10,00;+39 347 1234567\n")
    command = ["cases", "check", str(tmp_path / "cases.csv")]
    result = CliRunner(env={"TTY_COMPATIBLE": terminal}).invoke(app, command)
    assert ("rows" in result.stderr) is shown
    assert "1 cases in 1 rows; 0 rows rejected" in result.stdout
