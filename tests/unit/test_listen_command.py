"""`dialer listen`: what it asks for, and what it prints."""

import pytest
from typer.testing import CliRunner

from dialer.cli import app, client
from dialer.web.listening import ListenBody, ModeBody

TURNS = [
    {"mode": "listen", "asked_at": "2026-11-24T10:00:00", "asked_by": "rosa", "on_at": "2026-11-24T10:00:02.5"},
    {"mode": "barge", "asked_at": "2026-11-24T10:01:00", "asked_by": "rosa", "on_at": None},
]
ONE = {
    "leg": "dlp-0", "supervisor": "rosa", "agent": "anna", "basis": "RSU 2026", "agent_told": True, "turns": TURNS,
    "ended_at": "2026-11-24T10:09:00.1", "ended": "found",
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def ask(config, method, path, body=None):
        calls.append((method, path, body))
        return {"listenings": [ONE]} if "listenings" in path else ONE

    monkeypatch.setattr(client, "ask", ask)
    return calls


def run(*words):
    result = CliRunner().invoke(app, ["listen", *words], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    return result.output


def test_a_supervisor_starts_changes_and_stops(asked):
    run("start", "rosa", "anna", "--mode", "whisper")
    assert "barge" in run("mode", "rosa", "barge")
    assert "hung up" in run("stop", "rosa")
    assert [path.rpartition("/")[2] for _, path, _ in asked] == ["listen", "mode", "stop"]
    assert ListenBody.model_validate(asked[0][2]).agent == "anna"
    assert ModeBody.model_validate(asked[1][2]).mode == "barge"


def test_the_log_tells_what_held_and_what_was_only_asked_for(asked):
    said = run("log", "--agent", "anna & bruno")
    assert asked == [("GET", "/api/v1/listenings?most=100&agent=anna+%26+bruno", None)]
    assert "listen 2026-11-24T10:00:02" in said
    assert "never told on" in said
    assert "by 2026-11-24T10:09:00" in said
