"""`dialer explain`: what it asks the daemon, and what it prints."""

import pytest
from typer.testing import CliRunner

from dialer.cli import app, client
from dialer.kernel.errors import UnknownNameError


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
        raise AssertionError(path)

    monkeypatch.setattr(client, "ask", ask)
    return requests


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
