"""The recount beside the work: its figures, and what a broken rule or a broken recount does."""

import json

import pytest

from dialer import auditing
from dialer.auditing import Auditing
from dialer.testing.virtual_time import START

SUMMARY = {"violations": {}, "attempts": 7, "finished_at": "2026-11-24T10:00:00+00:00", "not_judged": {}}


@pytest.fixture
def recount(tmp_path, monkeypatch):
    """Stands in for the command: says these words and ends with this exit code."""

    async def run(words, code=0):
        script = tmp_path / "dialer.py"
        script.write_text(f"import sys\nprint({words!r})\nsys.exit({code})\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        watch = Auditing(tmp_path / "dialer.toml", 3_600, None)
        await watch.recount(START)
        return watch.figures

    return run


async def test_a_clean_recount_is_figures(recount):
    figures = await recount(json.dumps({"summary": SUMMARY}))
    assert figures["dialer_audit_violations"] == 0
    assert figures["dialer_audit_attempts"] == 7
    assert figures["dialer_audit_finished_timestamp_seconds"] == 1795514400.0
    assert figures["dialer_audit_failures"] == 0


async def test_broken_rules_are_counted(recount):
    figures = await recount(json.dumps({"summary": SUMMARY | {"violations": {"hours": 2, "gap-number": 1}}}), 1)
    assert figures["dialer_audit_violations"] == 3


@pytest.mark.parametrize(("words", "code"), [("", 0), ("{}", 0), ("no json", 1), (json.dumps({"summary": SUMMARY}), 3)])
async def test_a_recount_that_fails_is_told_and_keeps_the_last_figures(recount, words, code):
    figures = await recount(words, code)
    assert figures["dialer_audit_failures"] == 1
    assert figures["dialer_audit_finished_timestamp_seconds"] == 0


async def test_a_recount_that_never_ends_is_ended(recount, monkeypatch):
    monkeypatch.setattr(auditing, "LONGEST_SECONDS", 0.5)
    figures = await recount("", "__import__('time').sleep(60)")
    assert figures["dialer_audit_failures"] == 1
