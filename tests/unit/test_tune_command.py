"""`dialer campaign tune` and `dialer explain`: what they ask the daemon, and what they print."""

import pytest
from typer.testing import CliRunner

from dialer.cli import app, client
from dialer.kernel.errors import InputError, UnknownNameError


@pytest.fixture
def asked(monkeypatch):
    requests = []

    def ask(config, method, path, body=None):
        requests.append((method, path, body))
        if path == "/api/v1/explain":
            campaigns = [{"campaign": name, "sentence": f"{name} dials"} for name in ("luce", "gas")]
            ids = [
                {"campaign": "gas", "caller_id": number, "collapsed": bad, "sentence": f"{number} of gas"}
                for number, bad in (("+390694801234", False), ("+390694801235", True))
            ]
            trunks = [{"trunk": "milano", "sentence": "trunk milano: well"}]
            return {"campaigns": campaigns, "trunks": trunks, "caller_ids": ids}
        return {"campaign": "luce", "until": "the daemon's next start", "mode": "predictive", "channels": 20}

    monkeypatch.setattr(client, "ask", ask)
    return requests


def test_changes_are_sent_as_they_are_meant(asked):
    result = CliRunner().invoke(
        app, ["campaign", "tune", "luce", "mode=predictive", "channels=20", "patience_seconds=default"]
    )
    assert asked == [
        ("POST", "/api/v1/campaigns/luce/tune", {"mode": "predictive", "channels": 20.0, "patience_seconds": None})
    ]
    assert result.output == "luce, until the daemon's next start: mode predictive, channels 20\n"


def test_a_change_without_a_value_is_refused(asked):
    result = CliRunner().invoke(app, ["campaign", "tune", "luce", "mode"])
    assert isinstance(result.exception, InputError)
    assert asked == []


def test_one_campaign_is_explained_or_all(asked):
    assert (
        CliRunner().invoke(app, ["explain"]).output
        == "luce dials\ngas dials\ntrunk milano: well\n+390694801235 of gas\n"
    )
    assert CliRunner().invoke(app, ["explain", "gas"]).output == "gas dials\n+390694801235 of gas\n"
    assert CliRunner().invoke(app, ["explain", "luce"]).output == "luce dials\n"
    assert isinstance(CliRunner().invoke(app, ["explain", "acqua"]).exception, UnknownNameError)


def test_an_agent_and_a_case_are_asked_about_by_their_own_routes(asked, monkeypatch):
    monkeypatch.setattr(client, "ask", lambda config, method, path: asked.append(path) or {"sentence": "because"})
    assert CliRunner().invoke(app, ["explain", "--agent", "anna b"]).output == "because\n"
    assert CliRunner().invoke(app, ["explain", "--case", "12", "--by", "anna b"]).output == "because\n"
    assert asked == ["/api/v1/explain/agents/anna%20b", "/api/v1/explain/cases/12?by=anna%20b"]
