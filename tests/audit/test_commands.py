"""`dialer audit` and `dialer cases minimise` as commands: what they print, and their exit codes."""

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, delete, insert, update
from sqlalchemy.pool import NullPool

from dialer.adapters.store.schema import attempts, cases, debtors, decisions, numbers
from dialer.cli import main
from dialer.compliance import evidence

NOW = datetime.now(UTC).replace(microsecond=0)
# the last Tuesday at ten in Rome: always legal, never today
TUESDAY = (NOW - timedelta(days=(NOW.weekday() - 1) % 7 or 7)).replace(hour=9, minute=0, second=0)
NUMBER = "+393471234567"
CONFIG = """
[campaigns.luce]
packs = ["uk-ofcom"]
caller_id = "+390694801234"
"""


class Folder:
    """A configuration, and a record in SQLite with calls on it."""

    def __init__(self, path, monkeypatch, capsys):
        self.path, self.monkeypatch, self.capsys, self.count = path, monkeypatch, capsys, 0
        monkeypatch.chdir(path)
        (path / "dialer.toml").write_text(CONFIG)
        self.run("migrate")
        self.engine = create_engine(f"sqlite:///{path / 'dialer.db'}", poolclass=NullPool)
        people = {"creditor": "Luce", "zone": "Europe/London", "language": "it"}
        with self.engine.begin() as connection:
            connection.execute(insert(debtors), [people | {"id": 1, "reference": "D1", "name": "Nicolò Bianchi"}])
            connection.execute(insert(numbers), [{"debtor_id": 1, "number": NUMBER, "position": 0}])
            case = {"id": 1, "campaign": "luce", "debtor_id": 1, "creditor": "Luce", "state": "open", "why": "new"}
            connection.execute(insert(cases), [case])
        self.previous = evidence.BEGINNING

    def run(self, *words):
        """The command, as a shell would run it: exit code, standard output, standard error."""
        self.monkeypatch.setattr(sys, "argv", ["dialer", *words, "-c", "dialer.toml"])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        told = self.capsys.readouterr()
        return end.value.code or 0, told.out, told.err

    def call(self, at, seconds=20):
        self.count += 1
        id_ = f"dla-{self.count:026d}"
        row = {
            "id": id_, "campaign": "luce", "case_id": 1, "debtor_id": 1, "number": NUMBER, "packs": "uk-ofcom",
            "mode": "progressive", "debts": "", "cleared_at": at, "state": "ended", "dialled_at": at,
            "gives_up_at": at + timedelta(seconds=seconds), "rang_at": at, "result": "no_answer", "refusals": "",
            "ended_at": at + timedelta(seconds=seconds),
        }  # fmt: skip
        content = evidence.canonical(
            {
                "at": at.isoformat(), "decision": "allow", "attempt": id_, "case": 1, "campaign": "luce",
                "mode": "progressive", "packs_named": ["uk-ofcom"], "zones": ["Europe/London"],
                "ring_max_seconds": seconds, "blind": False, "packs": [], "refusals": [],
            }
        )  # fmt: skip
        subject = evidence.canonical({"debtor": 1, "number": NUMBER, "debts": [], "household": ""})
        link = evidence.link("cell1", self.count, self.previous, content, subject, "salt")
        self.previous = link.digest
        decision = {name: getattr(link, name) for name in link.__dataclass_fields__}
        decision |= {"at": at, "case_id": 1, "attempt_id": id_, "decision": "allow", "reasons": ""}
        with self.engine.begin() as connection:
            connection.execute(insert(attempts), [row])
            connection.execute(insert(decisions), [decision])
        return id_

    def change(self, statement):
        with self.engine.begin() as connection:
            connection.execute(statement)

    def cdr(self, text):
        (self.path / "carrier.csv").write_text(text)
        return "carrier.csv"


@pytest.fixture
def folder(tmp_path, monkeypatch, capsys):
    return Folder(tmp_path, monkeypatch, capsys)


def test_nothing_wrong_is_told_with_what_was_counted(folder):
    folder.call(TUESDAY)
    code, out, _ = folder.run("audit")
    assert code == 0, out
    assert "recounted:  1 attempts" in out
    assert "uk-ofcom: hours 1 times" in out
    assert "✔ nothing was broken" in out
    code, out, _ = folder.run("audit", "--json", "--verify")
    told = json.loads(out)
    assert (code, told["clean"], told["summary"]["attempts"], told["chain"]["holds"]) == (0, True, 1, True)


def test_a_violation_is_told_in_words_and_the_exit_code_is_1(folder):
    late = folder.call(TUESDAY + timedelta(hours=13))
    code, out, _ = folder.run("audit")
    assert code == 1
    assert f"✘ {late} (luce)" in out
    assert "[hours, uk-ofcom]" in out
    assert NUMBER not in out
    assert "Bianchi" not in out
    assert folder.run("audit", "--since", (TUESDAY + timedelta(days=1)).isoformat())[0] == 0
    told = json.loads(folder.run("audit", "--json")[1])
    assert told["violations_by_rule"] == {"hours": 1}
    assert told["violations"][0]["subject"] == late


def test_verify_prints_heads_and_a_head_finds_a_tail_that_was_cut(folder):
    for hours in (0, 3, 6):
        folder.call(TUESDAY + timedelta(hours=hours))
    code, out, _ = folder.run("audit", "--verify")
    (head,) = [line.split()[1] for line in out.splitlines() if line.startswith("head:")]
    assert (code, head.split(":")[:2]) == (0, ["cell1", "3"])
    folder.change(delete(decisions).where(decisions.c.position == 3))
    folder.change(delete(attempts).where(attempts.c.id == f"dla-{3:026d}"))
    assert folder.run("audit", "--verify")[0] == 0
    code, out, _ = folder.run("audit", "--head", head)
    assert code == 1
    assert "decision 3 was there once; the chain ends at 2 now" in out
    folder.change(update(decisions).where(decisions.c.position == 1).values(content="{}"))
    code, out, _ = folder.run("audit", "--verify")
    assert code == 1
    assert "✘ chain cell1, decision 1: the decision was changed" in out


def test_a_carriers_cdr(folder):
    folder.call(TUESDAY)
    good = folder.cdr(f"start,number,duration,answered\n{TUESDAY.isoformat()},{NUMBER},20,no\n")
    code, out, _ = folder.run("audit", "--cdr", good)
    assert code == 0, out
    assert "1 calls, 1 of them on record" in out
    more = (TUESDAY + timedelta(hours=1)).isoformat()
    folder.cdr(f"start,number\n{TUESDAY.isoformat()},{NUMBER}\n{more},{NUMBER}\n")
    code, out, _ = folder.run("audit", "--cdr", "carrier.csv")
    assert code == 1
    assert "carrier.csv:3 at" in out
    assert "the record has none [cdr-not-on-record]" in out
    assert NUMBER not in out


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["audit", "--cdr", "none.csv"], 2, "none.csv: can't be read"),
        (["audit", "--since", "yesterday"], 2, "--since 'yesterday': not an instant"),
        (["audit", "--head", "cell1:3"], 2, "not a head of a chain"),
        (["audit", "--packs", "nowhere"], 2, "nowhere: no such folder"),
        (["cases", "minimise", "--creditor", "Nobody"], 1, "no creditor is named 'Nobody'"),
    ],
)
def test_wrong_input_is_told_with_its_remedy(folder, words, code, told):
    got, _, err = folder.run(*words)
    assert got == code
    assert told in err
    assert "remedy:" in err


def test_a_bad_cdr_is_told_by_file_line_and_column(folder):
    folder.cdr(f"number,start\n{NUMBER},{TUESDAY.isoformat()}\n{NUMBER},soon\n")
    code, _, err = folder.run("audit", "--cdr", "carrier.csv")
    assert code == 2
    assert "carrier.csv:3:2: start: 'soon' is no instant" in err


def test_without_a_record_there_is_nothing_to_audit(folder):
    folder.engine.dispose()
    (folder.path / "dialer.db").unlink()
    code, _, err = folder.run("audit")
    assert code == 2
    assert "there is no record" in err


def test_the_end_of_a_mandate(folder):
    folder.call(NOW - timedelta(days=1))
    code, out, _ = folder.run("cases", "minimise", "--creditor", "Luce", "--dry-run")
    assert code == 0
    assert "1 debtors must be kept" in out
    code, out, _ = folder.run("cases", "minimise", "--creditor", "Luce", "--json")
    told = json.loads(out)
    assert (code, told["flagged"], told["erased"]["debtors"]) == (0, 1, 0)
    assert told["kept"][0]["until"].startswith(
        (NOW - timedelta(days=1) + timedelta(days=730, seconds=20)).date().isoformat()
    )


def test_the_end_of_a_mandate_long_ago(folder):
    folder.call(TUESDAY - timedelta(days=7 * 110))
    code, out, _ = folder.run("cases", "minimise", "--creditor", "Luce")
    assert code == 0
    assert "1 debtors erased: 1 numbers, 0 notes, 1 attempts under a pseudonym, 1 decisions" in out
    assert NUMBER.encode() not in (folder.path / "dialer.db").read_bytes()
    code, out, _ = folder.run("audit", "--verify")
    assert code == 0, out
    assert "1 of them without their person" in out
