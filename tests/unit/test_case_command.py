"""`dialer case`: what it shows, what it puts on record, and what it refuses in words."""

import asyncio
import json
import re
import shlex
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cli import app, client
from dialer.kernel.errors import InputError, UnknownNameError
from tests.clock import going_on
from tests.conftest import ROOT
from tests.store.test_dossier import FULL

CLOCK, SHIFT = going_on()


@pytest.fixture
def case(tmp_path):
    """Run `dialer case` on a record with one case; the result, with its JSON where there is any."""
    (tmp_path / "dialer.toml").write_text('[campaigns.k]\ncaller_id = "+390694801234"\n' + SHIFT)

    async def prepare():
        engine = await open_database(Place(tmp_path / "dialer.db"))
        await SqlCaseBook(engine, Writer(engine)).add("k", [FULL], CLOCK.now())
        await engine.dispose()

    asyncio.run(prepare())

    def run(command, *words, config="dialer.toml"):
        return CliRunner().invoke(app, ["case", command, *words, "-c", str(tmp_path / config)])

    return run


def shown(case):
    return json.loads(case("show", "1", "--by", "anna", "--json").stdout)


def test_the_dossier_is_shown_and_who_looked_is_on_record(case):
    result = case("show", "1", "--by", "anna")
    assert result.exit_code == 0, result.output
    for words in ("Rossi Srl", "00743110157", "128.45 EUR", "2030-01-31", "not known", "Anna Verdi", "workplace"):
        assert words in result.stdout
    views = json.loads(case("views", "1", "--json").stdout)["views"]
    assert [(view["by"], view["how"]) for view in views] == [("anna", "command")]


def test_a_payment_is_on_record_once_and_the_last_one_closes_the_case(case):
    words = ("1", "--amount", "123,45", "--reference", "CRO 1", "--debt", "F1", "--by", "anna")
    assert "left to pay: 5.00 EUR" in case("payment", *words).stdout
    assert "nothing changed" in case("payment", *words).stdout
    last = case("payment", "1", "--amount", "5", "--reference", "CRO 2", "--debt", "F2", "--by", "anna", "--json")
    assert (json.loads(last.stdout)["settled"], json.loads(last.stdout)["state"]) == ([1], "closed")
    back = case("payment", "1", "--amount=-5", "--reference", "CRO 3", "--debt", "F2", "--by", "anna")
    assert "open again" in back.stdout
    other = case("payment", "1", "--amount", "9", "--reference", "CRO 1", "--debt", "F1", "--by", "anna")
    assert (other.exit_code, "own reference" in other.stdout) == (1, True)
    assert [moment["what"][:9] for moment in shown(case)["timeline"]] == ["-5.00 EUR", "5.00 EUR ", "123.45 EU"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--amount", "ten", "--reference", "B", "--debt", "F1"), "--amount 'ten'"),
        (("--amount", "0", "--reference", "B", "--debt", "F1"), "amount: nothing"),
        (("--amount", "1", "--reference", "B"), "2 debts"),
        (("--amount", "1", "--reference", "B", "--debt", "F7"), "no debt of this case"),
        (("--amount", "1", "--reference", "", "--debt", "F1"), "reference: empty"),
        (("--amount", "1", "--reference", "B", "--debt", "F1", "--on", "31/12/26"), "not a day"),
        (("--amount", "1", "--reference", "B", "--debt", "F1", "--on", "2999-01-01"), "hasn't come yet"),
        (("--amount", "1", "--reference", "B", "--debt", "F1", "--receipt", "4111 1111 1111 1111"), "card's number"),
        (("--amount", "1", "--reference", "4111111111111111", "--debt", "F1"), "card's number"),
        (("--amount", "1", "--reference", "B", "--debt", "F1", "--by", "an\nna"), "--by"),
    ],
)
def test_a_payment_that_cannot_be_is_refused_in_words_and_nothing_changes(case, words, says):
    result = case("payment", "1", *(() if "--by" in words else ("--by", "anna")), *words)
    assert isinstance(result.exception, InputError), result.output
    assert says in str(result.exception)
    assert result.exception.remedy
    assert "4111" not in f"{result.exception}{result.exception.remedy}"
    assert shown(case)["timeline"] == []


def test_a_written_fact_moves_the_limitation_date_and_a_note_does_not(case):
    day = (CLOCK.now() - timedelta(days=1)).date()
    words = (
        "1",
        "notice_received",
        "--on",
        str(day),
        "--evidence",
        "raccomandata 15-1",
        "--debt",
        "F1",
        "--by",
        "anna",
    )
    result = case("fact", *words)
    assert result.exit_code == 0, result.output
    assert "2030-01-31 before" in result.stdout
    assert case("note", "1", "ha chiamato lo studio", "--inbound", "--by", "anna").exit_code == 0
    found = shown(case)
    assert found["statements"][0]["limitation"]["on"] == str(day.replace(year=day.year + 5))
    assert [moment["kind"] for moment in found["timeline"]] == ["note", "written_fact"]


def test_the_commands_of_the_supervisors_page_work_as_written(case, tmp_path):
    page = (ROOT / "docs/supervisor.md").read_text()
    section = page.partition("## One case")[2].partition("\n## ")[0]
    written = re.findall(r"`dialer ([^`]+)`", section)
    assert len(written) >= 8
    for line in written:
        words = shlex.split(re.sub(r"^(case \w+) 12\b", r"\1 1", line).replace("F-001", "F1"))
        result = CliRunner().invoke(app, [*words, "-c", str(tmp_path / "dialer.toml")])
        assert result.exit_code == 0, (line, result.output, result.exception)


def test_debts_that_run_out_are_listed(case):
    assert json.loads(case("limitations", "--json").stdout) == {"debts": []}
    (found,) = json.loads(case("limitations", "--ahead-days", "3660", "--json").stdout)["debts"]
    assert (found["debt_reference"], found["limitation"]["on"]) == ("F1", "2030-01-31")
    assert "2030-01-31" in case("limitations", "--ahead-days", "3660").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("fact", "1", "court_act", "--on", "2999-01-01", "--evidence", "RG 1", "--debt", "F1"), "hasn't come yet"),
        (("fact", "1", "court_act", "--on", "2026-01-01", "--evidence", " ", "--debt", "F1"), "--evidence"),
        (("note", "1", " "), "text: empty"),
        (("note", "1", "carta 5500 0055 5555 5559"), "card's number"),
        (("flag", "1", "dispute", "--lift", "--until", "2027-01-01T00:00:00+01:00"), "--until"),
        (("flag", "1", "dispute", "--until", "tomorrow"), "--until"),
    ],
)
def test_words_that_cannot_be_are_refused(case, words, says):
    result = case(*words, "--by", "anna")
    assert isinstance(result.exception, InputError), result.output
    assert says in str(result.exception)


def test_an_access_export_is_written_for_its_owner_alone_and_is_a_look(case, tmp_path):
    folder = tmp_path / "for anna" / "export"
    result = case("access-export", "1", "--to", str(folder), "--by", "bruno")
    assert result.exit_code == 0, (result.output, result.exception)
    found = json.loads((folder / "access.json").read_text())
    assert found["debtors"][0]["name"] == FULL.debtor_name
    assert {number["provenance"] for number in found["numbers"]} == {"debtor", "directory", "unknown"}
    text = (folder / "access.txt").read_text()
    assert FULL.debtor_name in text
    assert "the creditor Luce" in text
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    views = json.loads(case("views", "1", "--json").stdout)["views"]
    assert [(view["by"], view["how"]) for view in views] == [("bruno", "access export")]
    key = ("--creditor", "Luce", "--debtor", FULL.debtor_reference)
    assert case("access-export", *key, "--to", str(folder), "--by", "bruno").exit_code == 0
    for words in (("1", *key), (), ("--creditor", "Luce")):
        assert isinstance(case("access-export", *words, "--to", str(folder), "--by", "b").exception, InputError)
    nobody = ("--creditor", "Luce", "--debtor", "nobody")
    assert isinstance(case("access-export", *nobody, "--to", str(folder), "--by", "b").exception, UnknownNameError)
    in_the_way = case("access-export", "1", "--to", str(folder / "access.txt"), "--by", "b").exception
    assert isinstance(in_the_way, InputError)


def test_a_case_that_is_not_there_is_said(case):
    for words in (
        ("show", "9"),
        ("note", "9", "x"),
        ("payment", "9", "--amount", "1", "--reference", "B"),
    ):
        result = case(*words, "--by", "anna")
        assert isinstance(result.exception, UnknownNameError), words


def test_a_flag_goes_to_the_running_daemon_with_who_and_why(case, monkeypatch):
    asked = []

    def ask(config, method, path, body):
        asked.append((method, path, body))
        return {"id": "flg-dispute-1--"}

    monkeypatch.setattr(client, "ask", ask)
    assert case("flag", "1", "dispute", "--evidence", "PEC", "--by", "anna").exit_code == 0
    assert case("flag", "1", "dispute", "--lift", "--debt-id", "2", "--by", "anna").exit_code == 0
    first = {"kind": "flag", "case": 1, "name": "dispute", "debts": [], "by": "anna", "evidence": "PEC"}
    assert asked[0] == ("POST", "/api/v1/ledger", first)
    assert (asked[1][2]["kind"], asked[1][2]["debts"]) == ("lift", [2])
