"""`dialer sim pacing`: simulated days, of scenarios and of what is on record."""

import re
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.pool import NullPool

from dialer.adapters.store.schema import attempts, cases, debtors, outcomes
from dialer.calls.results import Result
from dialer.cli import main
from dialer.cli.sim import as_scenario
from dialer.reports.habits import CallTimes, habits
from tests.conftest import ROOT

NINE = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)  # nine in Rome
CONFIG = """
[campaigns.luce]
packs = ["uk-ofcom"]
caller_id = "+390694801234"
"""


def call(at, *, ring=20.0, talk=None, wrap=15.0, agent="anna", result=None):
    """A call that was talked on if `talk` is given, and rang out otherwise."""
    answered = at + timedelta(seconds=ring) if talk else None
    ended = at + timedelta(seconds=ring + (talk or 0.0))
    return CallTimes(
        dialled_at=at,
        answered_at=answered,
        bridged_at=answered,
        abandoned_at=None,
        ended_at=ended,
        agent=agent if talk else None,
        result=result or (Result.CONNECTED if talk else Result.NO_ANSWER),
        recorded_at=ended + timedelta(seconds=wrap) if talk else None,
    )


def a_week():
    """From nine to eleven, a call a minute: one in four is answered in the first hour, one in two in the second, when a
    second agent is there.
    """
    made = []
    for minute in range(120):
        at = NINE + timedelta(minutes=minute)
        late = minute >= 60
        if minute % (2 if late else 4) == 0:
            agent = "bruno" if late and minute % 4 else "anna"
            made.append(call(at, ring=8.0, talk=40.0, agent=agent))
        elif minute % 10 == 1:
            made.append(call(at, ring=2.0, result=Result.BUSY))
        else:
            made.append(call(at, ring=22.0))
    return made


class TestHabits:
    def test_what_is_on_record_is_measured(self):
        found = habits(a_week(), ZoneInfo("Europe/Rome"))
        assert (found.calls, found.answered, found.abandoned) == (120, 45, 0)
        assert found.answer_rates == {9: 0.25, 10: 0.5}
        assert found.agents == {9: 1.0, 10: 2.0}
        assert set(found.rings) == {8.0}
        assert set(found.talks) == {40.0}
        assert set(found.wraps) == {15.0}
        assert set(found.failures) == {2.0}
        assert found.ring_timeout_seconds == 22.0
        assert found.failed_share == pytest.approx(12 / 120)

    def test_what_says_nothing_of_the_public_is_left_out(self):
        silent = [call(NINE, result=Result.TRUNK_FAILURE), call(NINE, result=Result.UNKNOWN)]
        assert habits(silent, UTC).calls == 0

    def test_an_outcome_after_lunch_is_no_wrap_up_and_one_within_the_call_is_none(self):
        found = habits([call(NINE, talk=30.0, wrap=3600.0), call(NINE, talk=30.0, wrap=-5.0)], UTC)
        assert found.wraps == (0.0,)

    def test_the_day_is_as_long_and_the_team_as_large_as_on_record(self):
        scenario = as_scenario("luce", habits(a_week(), ZoneInfo("Europe/Rome")))
        assert scenario.seconds == 7200
        assert [scenario.answer_rate(at) for at in (0, 3599, 3600)] == [0.25, 0.25, 0.5]
        assert [(shift.start_seconds, shift.end_seconds) for shift in scenario.shifts] == [
            (0.0, 7200.0),
            (3600.0, 7200.0),
        ]


@pytest.fixture
def dialer(tmp_path, monkeypatch, capsys):
    """Runs a command in a folder with a configuration; its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dialer.toml").write_text(CONFIG)

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["dialer", *words])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out + err

    return command


def record(path, calls):
    engine = create_engine(f"sqlite:///{path / 'dialer.db'}", poolclass=NullPool)
    with engine.begin() as connection:
        people = {"creditor": "Luce", "zone": "Europe/Rome", "language": "it", "reference": "D1", "name": "Nicolò"}
        connection.execute(insert(debtors), [people | {"id": 1}])
        case = {"id": 1, "campaign": "luce", "debtor_id": 1, "creditor": "Luce", "state": "open", "why": "new"}
        connection.execute(insert(cases), [case])
        for number, one in enumerate(calls):
            connection.execute(
                insert(attempts),
                [{
                    "id": str(number), "campaign": "luce", "case_id": 1, "debtor_id": 1, "number": "+393471234567",
                    "packs": "uk-ofcom", "cleared_at": one.dialled_at, "state": "ended", "refusals": "",
                    "dialled_at": one.dialled_at, "answered_at": one.answered_at, "bridged_at": one.bridged_at,
                    "ended_at": one.ended_at, "agent": one.agent, "result": one.result.value,
                }],
            )  # fmt: skip
            if one.recorded_at:
                connection.execute(
                    insert(outcomes),
                    [{"attempt_id": str(number), "agent": one.agent, "code": "no_contact", "note": "", "recorded_at": one.recorded_at}],
                )  # fmt: skip
    engine.dispose()


def test_a_made_up_day_is_simulated_and_pictured(dialer, tmp_path):
    code, out = dialer(
        "sim",
        "pacing",
        "--agents",
        "3",
        "--hours",
        "0.2",
        "--days",
        "1",
        "--pacer",
        "progressive,ratio-2",
        "--report",
        "days",
    )
    assert code == 0
    assert re.search(r"constant-25 +\| 3 +\| ratio-2 ", out)
    assert (tmp_path / "days/table.csv").read_text().count("\n") == 3
    assert (tmp_path / "days/budget-constant-25-3.svg").exists()


def test_last_week_is_simulated_from_the_record(dialer, tmp_path):
    dialer("migrate")
    record(tmp_path, a_week())
    code, out = dialer(
        "sim", "pacing", "--from-record", "--zone", "Europe/Rome", "--days", "1", "--pacer", "progressive"
    )
    assert code == 0, out
    assert "on record: 120 calls, 45 answered, 0 abandoned (0.0% of the answered)" in out
    assert re.search(r"record of luce +\| 2 +\| progressive ", out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pacer", "magic"), "--pacer magic: not known"),
        (("--scenario", "paradise"), "--scenario paradise: not known"),
        (("--agents", "5,none"), "not team sizes"),
        (("--agents", "0"), "not team sizes"),
        (("--from-record",), "there is no record"),
        (("--from-record", "--zone", "Europe/Atlantis"), "no such zone"),
        (("--from-record", "--pacer", "optimum"), "aren't known"),
    ],
)
def test_what_cannot_be_simulated_is_refused(dialer, words, said):
    code, out = dialer("sim", "pacing", *words)
    assert code == 2
    assert said in out


def test_too_little_on_record_is_refused(dialer, tmp_path):
    dialer("migrate")
    record(tmp_path, a_week()[:20])
    code, out = dialer("sim", "pacing", "--from-record")
    assert code == 2
    assert "too few to say anything" in out


def test_the_commands_of_the_supervisors_page_run(dialer, tmp_path):
    page = (ROOT / "docs/supervisor.md").read_text()
    commands = re.findall(r"^dialer (sim pacing.*)$", page, re.MULTILINE)
    assert len(commands) >= 3
    dialer("migrate")
    record(tmp_path, a_week())
    for line in commands:
        words = line.split("#")[0].split()
        code, out = dialer(*words, "--days", "1", "--hours", "0.1")
        assert code == 0, f"{line}: {out}"
