"""Files of flags: each goes to the running daemon as the interface takes it, and what stands changes nothing."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from itertools import count

import pytest
from typer.testing import CliRunner

from dialer.cli import app, client
from dialer.kernel.clock import to_micro
from dialer.kernel.errors import AwayError, InputError
from dialer.web.ledger import BODY, FlagBody, LiftBody

HEADER = "creditor;debtor_reference;flag;phone;until;lifted;evidence"
CASES = (
    "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1\n"
    "Luce;D1;Anna;F1;100,00;+39 310 1234567\nLuce;D2;Ugo;F2;50,00;+39 310 1234568\n"
)


@pytest.fixture
def tell(tmp_path, monkeypatch):
    """Import flags; the command's result, and what the daemon was told. The daemon here writes the register alone."""
    (tmp_path / "dialer.toml").write_text('[campaigns.luce]\ncaller_id = "+390694801234"\n')
    (tmp_path / "cases.csv").write_text(CASES)
    config = ["-c", str(tmp_path / "dialer.toml")]
    CliRunner().invoke(app, ["cases", "import", str(tmp_path / "cases.csv"), "--campaign", "luce", *config])
    revision = count(1)
    told = []

    def ask(config, method, path, body):
        assert (method, path) == ("POST", "/api/v1/ledger")
        known = BODY.validate_python(body)
        told.append(known)
        if known.name == "unheard-of":
            raise InputError("name: no pack knows the flag 'unheard-of'", "name one of dispute")
        now = to_micro(datetime.now(UTC))
        lifted = isinstance(known, LiftBody)
        until = now if lifted else known.until and to_micro(known.until)
        debtor = None if known.name == "do-not-call" and known.number else known.case
        line = f"flg-{known.name}-{debtor}-{known.number}"
        row = (line, next(revision), known.name, debtor, known.number, None, now, until, known.by, known.evidence, now)
        with closing(sqlite3.connect(tmp_path / "dialer.db")) as record, record:
            columns = (
                "line_id, revision, name, debtor_id, number, debt_id, at, until, recorded_by, evidence, recorded_at"
            )
            record.execute(f"insert into flag_changes ({columns}) values ({', '.join('?' * 11)})", row)
        return {"id": line}

    monkeypatch.setattr(client, "ask", ask)

    def run(*rows, options=()):
        told.clear()
        (tmp_path / "flags.csv").write_text("\n".join((HEADER, *rows)))
        return CliRunner().invoke(app, ["cases", "flags", str(tmp_path / "flags.csv"), *config, *options]), list(told)

    return run


ROWS = (
    "Luce;D1;contestazione;;;;PEC of 3 November",
    "Luce;D2;moratoria;;31/12/2099;;",
    "Luce;D2;do-not-call;310 1234568;;;",
)


def test_flags_are_told_with_who_why_and_until_when(tell):
    result, told = tell(*ROWS)
    assert result.exit_code == 0, result.output
    assert "3 flags were set, 0 lifted, 0 known before, 0 of 3 rows rejected" in result.stdout
    dispute, moratorium, number = told
    assert dispute == FlagBody(kind="flag", case=1, name="dispute", by="Luce", evidence="PEC of 3 November")
    assert moratorium.until.isoformat() == "2100-01-01T00:00:00+01:00"  # the end of that day in Rome
    assert moratorium.evidence == "the creditor's file flags.csv"
    assert (number.case, number.name, number.number) == (2, "do-not-call", "+393101234568")


def test_the_same_file_again_tells_nothing(tell):
    tell(*ROWS)
    result, told = tell(*ROWS)
    assert "0 flags were set, 0 lifted, 3 known before" in result.stdout
    assert told == []


def test_a_flag_is_lifted_once_and_may_be_set_again(tell):
    tell(ROWS[0])
    result, told = tell("Luce;D1;contestazione;;;sì;")
    assert "0 flags were set, 1 lifted, 0 known before" in result.stdout
    assert isinstance(told[0], LiftBody)
    assert "1 known before" in tell("Luce;D1;contestazione;;;sì;")[0].stdout
    assert "1 flags were set" in tell(ROWS[0])[0].stdout


@pytest.mark.parametrize("standing", ["", "31/12/2099"])
def test_a_last_day_that_is_over_is_refused_and_lifts_nothing(tell, tmp_path, standing):
    tell(f"Luce;D1;contestazione;;{standing};;")
    result, told = tell("Luce;D1;contestazione;;31/01/2025;;", options=["--rejects", str(tmp_path / "rejects.csv")])
    assert (result.exit_code, told) == (1, [])
    assert "2;until;31/01/2025;this day is over" in (tmp_path / "rejects.csv").read_text()


@pytest.mark.parametrize(
    ("standing", "said", "is_told"),
    [("", "31/12/2098", False), ("31/12/2099", "31/12/2098", False), ("31/12/2098", "31/12/2099", True),
     ("31/12/2098", "", True)],
)  # fmt: skip
def test_a_flag_is_prolonged_and_never_shortened_but_by_lifting_it(tell, standing, said, is_told):
    tell(f"Luce;D1;moratoria;;{standing};;")
    result, told = tell(f"Luce;D1;moratoria;;{said};;")
    assert (result.exit_code, len(told)) == (0, is_told)


@pytest.mark.parametrize(("cells", "column"), [(";yes", "lifted"), ("31/12/2099;", "until")])
def test_one_creditor_cannot_end_for_all_that_a_number_is_not_called(tell, tmp_path, cells, column):
    tell(ROWS[2])
    rejects = tmp_path / "rejects.csv"
    result, told = tell(f"Luce;D2;non contattare;310 1234568;{cells};", options=["--rejects", str(rejects)])
    assert (result.exit_code, told) == (1, [])
    assert f"2;{column};" in rejects.read_text()
    assert "dialer case flag --lift" in rejects.read_text()
    assert tell("Luce;D2;non contattare;;31/12/2099;;")[0].exit_code == 0  # this debtor's own


def test_the_rows_of_a_file_count_one_after_the_other(tell):
    tell(ROWS[0])
    result, told = tell("Luce;D1;contestazione;;;sì;", ROWS[0], ROWS[0])
    assert [type(word) for word in told] == [LiftBody, FlagBody]
    assert "1 flags were set, 1 lifted, 1 known before" in result.stdout


def test_each_wrong_row_is_rejected_with_its_reason(tell, tmp_path):
    rejects = tmp_path / "rejects.csv"
    result, told = tell(
        "Luce;D9;dispute;;;;",
        "Luce;D1;unheard-of;;;;",
        "Luce;D1;boh?;;;;",
        "Luce;D1;;;;;",
        "Luce;D1;dispute;112;;;",
        "Luce;D1;dispute;347123456/7;;;",
        "Luce;D1;dispute;347 1234567 / 347 1234568;;;",
        "Luce;D1;dispute;;;;",
        options=["--rejects", str(rejects)],
    )
    assert (result.exit_code, len(told)) == (1, 2)
    assert [line.split(";")[8:12] for line in rejects.read_text().splitlines()[1:]] == [
        ["2", "debtor_reference", "D9", "no such debtor of this creditor"],
        ["3", "flag", "unheard-of", "name: no pack knows the flag 'unheard-of'"],
        ["4", "flag", "boh?", "not the name of a flag"],
        ["5", "flag", "", "empty"],
        ["6", "phone", "112", "a short number is not a person's"],
        ["7", "phone", "347123456/7", "a second number cut short"],
        ["8", "phone", "347 1234567 / 347 1234568", "not one number"],
    ]


def test_a_daemon_that_is_away_stops_the_import_with_what_to_do(tell, monkeypatch):
    def away(*_):
        raise AwayError("the daemon doesn't answer", "start it with dialer run")

    monkeypatch.setattr(client, "ask", away)
    result, _ = tell(*ROWS)
    assert isinstance(result.exception, AwayError)
    assert "import the file again: what was told already changes nothing" in result.exception.remedy
