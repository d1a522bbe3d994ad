"""`dialer packs` and `dialer gate test`, as a person types them."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from dialer.cli import app
from dialer.compliance.pack import Shelf
from dialer.kernel.errors import DialerError
from tests.conftest import ROOT
from tests.unit.test_rules_packs import BAD, GOOD, HOURS, NAMES, write
from tests.unit.test_rules_vectors import GOOD as CASE

VECTORS = ROOT / "tests/vectors"
BLOCKED = {"id": "two", "why": "cease", "flags": ["cease"]}


def run(*words):
    """Exit code, standard output, and what a person is told on standard error."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, DialerError):
        return result.exception.exit_code, result.stdout, f"{result.exception}\n{result.exception.remedy}"
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def cases(folder, *found):
    path = folder / "cases.json"
    path.write_text(json.dumps(list(found)))
    return path


# gate test


def test_vectors_that_pass_end_with_the_count():
    code, out, _ = run("gate", "test", VECTORS / "gate.json")
    assert (code, out) == (0, "62 passed, 0 failed\n")


def test_several_files_are_counted_together():
    code, out, _ = run("gate", "test", VECTORS / "br.json", VECTORS / "de.json")
    assert (code, out) == (0, "9 passed, 0 failed\n")


def test_a_mismatch_is_told_with_expected_and_got_and_ends_with_the_count(tmp_path):
    code, out, _ = run("gate", "test", cases(tmp_path, CASE, CASE | BLOCKED))
    assert code == 1
    assert out.splitlines() == [
        "✘ two: cease",
        "    decision: expected allow, got block",
        "    reasons: expected [], got ['cease']",
        "    us-tsr says cease: stands about the debtor",
        "1 passed, 1 failed",
    ]


def test_mismatches_as_json(tmp_path):
    code, out, _ = run("gate", "test", cases(tmp_path, CASE, CASE | BLOCKED), "--json")
    assert code == 1
    found = json.loads(out)
    assert (found["passed"], found["failed"]) == (1, 1)
    (one,) = found["mismatches"]
    assert one["id"] == "two"
    assert one["expected"] == {"decision": "allow", "reasons": [], "not_before": None}
    assert one["got"] == {"decision": "block", "reasons": ["cease"], "not_before": None}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "nothing was tested"),
        ("{", "not JSON"),
        (json.dumps([CASE | {"packs": ["xx"]}]), "no pack is named 'xx'"),
    ],
)
def test_bad_vectors_are_bad_input(tmp_path, text, words):
    path = tmp_path / "cases.json"
    path.write_text(text)
    code, out, err = run("gate", "test", path)
    assert (code, out) == (2, "")
    assert words in err


def test_an_agencys_own_pack_and_holidays_are_tested(tmp_path):
    write(tmp_path, GOOD + HOURS)
    own = CASE | {"packs": ["us-tsr", "own"], "now": "2026-11-23T10:00:00-06:00"}
    assert run("gate", "test", cases(tmp_path, own))[0] == 2
    assert run("gate", "test", cases(tmp_path, own), "--folder", tmp_path)[:2] == (0, "1 passed, 0 failed\n")
    config = tmp_path / "dialer.toml"
    (tmp_path / "packs").mkdir()
    write(tmp_path / "packs", GOOD + HOURS)
    (tmp_path / "holidays.toml").write_text("[IT]\nadd = [2026-11-23]\n")
    config.write_text('[compliance]\npack_folder = "packs"\nholidays_file = "holidays.toml"\n')
    assert run("gate", "test", cases(tmp_path, own), "-c", config)[:2] == (0, "1 passed, 0 failed\n")
    italy = own | {
        "packs": ["it-unirec", "own"],
        "now": "2026-11-23T10:00:00+01:00",
        "call": CASE["call"] | {"zones": ["Europe/Rome"]},
    }
    italy |= {"expect": {"decision": "block", "reasons": ["holiday"]}}
    assert run("gate", "test", cases(tmp_path, italy), "-c", config)[:2] == (0, "1 passed, 0 failed\n")
    assert run("gate", "test", cases(tmp_path, italy), "--folder", tmp_path / "packs")[0] == 1


# packs


def test_every_pack_is_listed():
    code, out, _ = run("packs", "list", "--json")
    assert code == 0
    listed = json.loads(out)
    assert [one["name"] for one in listed] == NAMES
    assert next(one for one in listed if one["name"] == "us-ma")["overlay"] is True
    code, out, _ = run("packs", "list")
    assert code == 0
    assert all(name in out for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_is_shown_with_every_rule_its_mark_and_source(name):
    code, out, _ = run("packs", "show", name, "--json")
    assert code == 0
    shown = json.loads(out)
    pack = Shelf().load(name)
    assert [rule["id"] for rule in shown["rules"]] == [rule.id for rule in pack.rule]
    assert all(rule["says"] and rule["source"] and rule["confidence"] for rule in shown["rules"])
    assert shown["digest"] == pack.digest
    code, out, _ = run("packs", "show", name)
    assert code == 0
    assert "nobody; let a lawyer read it" in out
    assert all(rule.id in out for rule in pack.rule)


def test_numbers_of_the_italian_pack_stand_in_its_table():
    _, out, _ = run("packs", "show", "it-unirec", "--json")
    says = {rule["id"]: rule["says"] for rule in json.loads(out)["rules"]}
    assert says["hours"].startswith("Mon to Fri 08:30 to 21:00; Sat 08:30 to 15:00; Sun never")
    assert says["conversations-per-week"].startswith("at most 3 in 7 days with today, for each collector and debtor")
    assert says["gap-number"].startswith("at least 2 h without a call, for each number")
    assert says["abandoned-lockout"].startswith("no call for 120 hours and 5 days by the clock")
    assert "at most 3%" in says["abandon-cap"]


def test_a_pack_that_isnt_there():
    code, out, err = run("packs", "show", "it")
    assert (code, out) == (2, "")
    assert "name one of au-rg96, br" in err


def test_the_shipped_packs_are_well():
    code, out, err = run("packs", "check")
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == len(NAMES)
    assert f"fr {Shelf().load('fr').version}: 12 rules, not reviewed (ships)" in out


def test_own_files_and_folders_are_checked_beside_them(tmp_path):
    path = write(tmp_path, GOOD)
    for words in ([path], [tmp_path], ["--folder", tmp_path]):
        code, out, _ = run("packs", "check", *words)
        assert code == 0
        assert out.splitlines()[-1] == f"own 1: 1 rule, reviewed by avv. Bianchi ({path})"


def test_every_bad_file_is_told_and_the_good_ones_too(tmp_path):
    for index, (text, _) in enumerate(BAD):
        write(tmp_path, text, f"own{index}")
    write(tmp_path, GOOD)
    code, out, err = run("packs", "check", tmp_path, tmp_path / "none.toml")
    assert code == 2
    assert "own 1: 1 rule" in out
    for index in range(len(BAD)):
        assert f"{tmp_path}/own{index}.toml:" in err
    assert f"{tmp_path}/none.toml: no such file" in err
    assert err.count("remedy: ") == len(BAD) + 1


def test_a_copy_of_a_shipped_pack_needs_its_own_name(tmp_path):
    write(tmp_path, (ROOT / "dialer/compliance/packs/fr.toml").read_text(), "fr")
    code, _, err = run("packs", "check", tmp_path)
    assert code == 2
    assert "fr.toml:1: name: a pack of the name 'fr' ships" in err


def test_an_empty_folder_holds_no_pack(tmp_path):
    code, _, err = run("packs", "check", tmp_path)
    assert code == 2
    assert "no file in it ends in .toml" in err


def test_a_check_as_json(tmp_path):
    write(tmp_path, "")
    code, out, _ = run("packs", "check", tmp_path, "--json")
    assert code == 2
    found = json.loads(out)
    assert len(found["packs"]) == len(NAMES)
    assert found["errors"][0]["remedy"]


def test_the_commands_load_the_rules_only_when_they_run():
    """`dialer --help` must not wait for pydantic to build twenty rules."""
    code = "import sys, dialer.cli; print([m for m in sys.modules if m.startswith('dialer.compliance.')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "pack" not in out
