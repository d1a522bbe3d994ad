"""`dialer gate explain`, and `dialer explain` while no daemon runs: why, and when next, as a supervisor reads it."""

import asyncio
import json
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from dialer.adapters.store.attempts import SqlAttempts
from dialer.adapters.store.database import open_database
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cli import app
from dialer.compliance.entry import Entry, EntryResult, Flag
from dialer.kernel.clock import SystemClock

CONFIG = """
[trunk]
country = "IT"
[collector]
licence_valid_until = 2099-12-31
[campaigns.luce]
caller_id = "+390694801234"
caller_id_registered = true
[api]
token = "t"
port = 1
[[agents]]
name = "anna"
seat = 1001
phone = "PJSIP/anna"
campaigns = ["luce"]
"""
CASES = """creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1;phone_2
Luce;D1;Anna Bianchi;F1;10,00;+393471234567;+390212345678
"""
OPEN, NIGHT = "2026-11-24T10:00:00+01:00", "2026-11-24T23:00:00+01:00"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "dialer.toml"
    path.write_text(CONFIG)
    (tmp_path / "cases.csv").write_text(CASES)
    result = run("cases", "import", str(tmp_path / "cases.csv"), "--campaign", "luce", "-c", str(path))
    assert result.exit_code == 0, result.output
    return path


def run(*words):
    return CliRunner().invoke(app, list(words))


def explain(config, *words):
    result = run("gate", "explain", "-c", str(config), "--json", *words)
    return result.exit_code, json.loads(result.stdout)["answers"]


def keep(config, *lines):
    async def write():
        engine = await open_database(Place(config.parent / "dialer.db"))
        writer = Writer(engine)
        task = asyncio.create_task(writer.run())
        SqlAttempts(engine, writer, SystemClock()).keep(*lines)
        await writer.flush()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.dispose()

    asyncio.run(write())


def test_a_case_that_may_be_called_is_said_with_the_packs_that_say_so(config):
    code, answers = explain(config, "--case", "1", "--at", OPEN)
    assert code == 0
    assert [answer["allowed"] for answer in answers] == [True, True]
    assert answers[0]["packs"][0].startswith("it-unirec ")


def test_at_night_nobody_may_be_called_and_the_morning_is_named(config):
    result = run("gate", "explain", "-c", str(config), "--case", "1", "--at", NIGHT)
    assert result.exit_code == 1
    assert "outside the hours in which this debtor may be called" in result.stdout
    assert "next: 2026-11-25T07:30:00+00:00" in result.stdout
    assert "Anna" not in result.stdout


def test_each_number_has_its_own_reasons_with_what_was_counted(config):
    at = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    keep(
        config,
        Entry("a", 1, 1, "+393471234567", at=at, result=EntryResult.BUSY),
        Flag("w", 1, 1, "+390212345678", name="wrong_number"),
    )
    code, (mobile, home) = explain(config, "--case", "1", "--at", "2026-11-24T10:15:00+01:00")
    assert code == 1
    assert {reason["reason"] for reason in mobile["reasons"]} == {"gap-debtor", "gap-number"}
    assert mobile["not_before"] == "2026-11-24T10:30:00+00:00"
    assert {reason["reason"] for reason in home["reasons"]} == {"gap-debtor", "wrong_number"}
    assert home["not_before"] is None


def test_who_asks_is_among_those_who_looked_at_the_case(config):
    explain(config, "--case", "1", "--by", "anna")
    run("explain", "-c", str(config), "--case", "1", "--by", "bruno")
    views = json.loads(run("case", "views", "1", "-c", str(config), "--json").stdout)["views"]
    assert [(view["by"], view["how"]) for view in views] == [("bruno", "explain"), ("anna", "gate explain")]


def test_with_the_daemon_down_the_record_tells_what_it_can_and_the_code_says_that_it_is_away(config):
    keep(config, Flag("f", 1, 1, None, name="dispute"))
    words = "the daemon doesn't answer, so nothing is dialled"
    for asked, told in (
        ((), "luce: stopped when the daemon ended; 1 cases are due\n"),
        (("luce",), "luce: stopped when the daemon ended; 1 cases are due\n"),
        (("--agent", "anna"), "anna wasn't logged in when the daemon ended\n"),
        (("--case", "1", "--by", "anna"), "the debt is disputed"),
    ):
        result = run("explain", "-c", str(config), *asked)
        assert (result.exit_code, words in result.stdout, told in result.stdout) == (3, True, True), result.output
        assert "Bianchi" not in result.stdout
        assert "+393471234567" not in result.stdout
    result = run("explain", "-c", str(config), "--case", "1", "--json")
    (answer,) = json.loads(result.stdout)["answers"]
    assert (answer["place"]["due"], len(answer["numbers"]), answer["numbers"][0]["allowed"]) == (1, 2, False)
    for asked, said in (
        (("gas",), "no campaign is named 'gas'"),
        (("--agent", "nobody"), "no agent is named 'nobody'"),
        (("--case", "9"), "there is no case 9"),
        (("luce", "--agent", "anna"), "say one of"),
    ):
        result = run("explain", "-c", str(config), *asked)
        assert said in str(result.exception)
        assert result.exception.remedy


def test_a_number_is_asked_about_in_every_case_that_has_it(config):
    code, (answer,) = explain(config, "--number", "02 12345678", "--at", OPEN)
    assert (code, answer["case"], answer["campaign_state"]) == (0, 1, "stopped")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "--case"),
        (("--case", "1", "--number", "02 12345678"), 2, "--case"),
        (("--case", "77"), 1, "no case 77"),
        (("--number", "02 99999999"), 1, "no case has this number"),
        (("--number", "12"), 2, "--number"),
        (("--case", "1", "--at", "tomorrow"), 2, "--at"),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_with_its_remedy(config, words, code, said):
    result = run("gate", "explain", "-c", str(config), *words)
    assert said in str(result.exception)
    assert result.exception.exit_code == code
    assert result.exception.remedy
