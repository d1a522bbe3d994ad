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
            return {"campaigns": campaigns, "trunks": [{"trunk": "milano", "sentence": "trunk milano: well"}]}
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
    assert CliRunner().invoke(app, ["explain"]).output == "luce dials\ngas dials\ntrunk milano: well\n"
    assert CliRunner().invoke(app, ["explain", "gas"]).output == "gas dials\n"
    assert isinstance(CliRunner().invoke(app, ["explain", "acqua"]).exception, UnknownNameError)
