"""Every file of vectors, and what a bad one is told."""

import json
import re

import pytest

from dialer.compliance import vectors
from dialer.compliance.calendars import Calendars
from dialer.compliance.pack import Shelf
from dialer.kernel.errors import InputError
from tests.conftest import ROOT

FILES = sorted((ROOT / "tests/vectors").glob("*.json"))
SHELF = Shelf()
CASES = [(file.stem, case) for file in FILES for case in vectors.read(file)]
GOOD = {
    "id": "one", "packs": ["us-tsr"], "now": "2026-11-20T10:00:00-06:00",
    "call": {"debtor": "D1", "number": "N1", "mode": "predictive", "zones": ["America/Chicago"], "ring_max_seconds": 30},
    "expect": {"decision": "allow", "reasons": []},
}  # fmt: skip


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[f"{stem}:{case.id}" for stem, case in CASES])
def test_vector(case):
    assert not vectors.run(case, SHELF, Calendars()).mismatches


def test_every_pack_has_vectors_of_its_own():
    named = {name for _, case in CASES for name in case.packs}
    assert named == set(SHELF.names)
    assert {file.stem for file in FILES} >= set(SHELF.names)


def test_every_reason_of_a_shipped_rule_is_expected_by_some_vector():
    """A rule that no vector ever sees refuse may be dead."""
    expected = {reason for _, case in CASES for reason in case.expect.reasons}
    rules = {rule.id for name in SHELF.names for rule in SHELF.load(name).checks if rule.kind != "flag"}
    # how long it rings is not in the format of a vector; unit tests have it
    assert rules - expected <= {"ring-min", "ring-max"}


def run(change, **more):
    case = vectors.Case.model_validate(GOOD | change)
    return vectors.run(case, SHELF, Calendars(), **more)


def test_each_way_to_differ_is_told_with_expected_and_got():
    early = {"now": "2026-11-20T07:00:00-06:00"}
    (line, other) = run(early).mismatches
    assert line == "decision: expected allow, got block"
    assert other == "reasons: expected [], got ['hours']"
    block = {"decision": "block", "reasons": ["hours"]}
    assert not run(early | {"expect": block}).mismatches
    assert not run(early | {"expect": block | {"not_before": "2026-11-20T14:00:00+00:00"}}).mismatches
    (line,) = run(early | {"expect": block | {"not_before": "2026-11-20T08:00:01-06:00"}}).mismatches
    assert line == "not_before: expected 2026-11-20T08:00:01-06:00, got 2026-11-20T08:00:00-06:00"
    never = {"expect": {"decision": "block", "reasons": ["cease"], "not_before": "2026-11-21T08:00:00-06:00"}}
    assert run(never | {"flags": ["cease"]}).mismatches == (
        "not_before: expected 2026-11-21T08:00:00-06:00, got unknown",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "x.json:1: not JSON"),
        (b'[{"id": "one",\n}]', "x.json:2: not JSON"),
        (b"\xff\xfe[", "x.json:1: not JSON"),
        (b'{"id": "one"}', "x.json:1: not a list of cases"),
        (b"[3]", "case number 1: "),
        (json.dumps([GOOD | {"nwo": 1}]).encode(), "case one: nwo: Extra inputs"),
        (json.dumps([GOOD, GOOD | {"id": "two", "now": "2026-11-20T10:00:00"}]).encode(), "case two: now: "),
        (json.dumps([GOOD | {"expect": {"decision": "perhaps", "reasons": []}}]).encode(), "expect.decision"),
        (json.dumps([GOOD | {"packs": []}]).encode(), "case one: packs: "),
        (
            json.dumps([GOOD | {"history": [{"at": "2026-11-20T10:00:00Z", "result": "voicemail"}]}]).encode(),
            "history.0.result",
        ),
    ],
)
def test_a_bad_file_is_told_where(tmp_path, text, words):
    path = tmp_path / "x.json"
    path.write_bytes(text)
    with pytest.raises(InputError) as caught:
        vectors.read(path)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file_and_a_pack_that_isnt_there(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        vectors.read(tmp_path / "none.json")
    with pytest.raises(InputError, match="no pack is named 'us-xx'"):
        run({"packs": ["us-xx"]})


def test_what_isnt_given_is_as_the_packs_need_it():
    assert not run({"packs": ["it-unirec", "ca-on"]}).mismatches
    assert run({"packs": ["it-unirec"], "facts": {"licence_valid_until": "2026-11-19"}}).verdict.reasons == ("licence",)


def test_the_pack_and_the_case_that_the_pages_show_work_together(tmp_path):
    page = (ROOT / "docs/explanation/compliance.md").read_text()
    (toml,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "our-caps.toml").write_text(toml)
    page = (ROOT / "docs/reference/gate-vectors.md").read_text()
    (text,) = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    path = tmp_path / "cases.json"
    path.write_text(text)
    (case,) = vectors.read(path)
    assert not vectors.run(case, Shelf(tmp_path), Calendars()).mismatches
