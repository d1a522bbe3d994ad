"""`dialer agents outcome`: the options become the fields of the form."""

import pytest
from typer.testing import CliRunner

from dialer.cli import app, client
from dialer.kernel.errors import InputError
from dialer.web.api import OutcomeBody


@pytest.fixture
def asked(monkeypatch):
    calls = []

    def ask(config, method, path, body=None):
        calls.append((method, path, body))
        line = {"agent": "anna", "state": "ready", "pause_reason": None, "announced": None, "announced_seconds": None}
        return line | {"state": "wrapping"} if path.endswith("outcome") else line

    monkeypatch.setattr(client, "ask", ask)
    return calls


def run(*words):
    return CliRunner().invoke(app, ["agents", "outcome", "anna", *words])


def test_the_options_become_the_form(asked):
    result = run(
        "plan_agreed", "--note", "due rate", "--amount", "150,00", "--pay-by", "2026-12-05", "--instalments", "2",
        "--offer", "10/3/2026-12-15/refused", "--offer", "5/6/2026-12-15/accepted/bruno",
    )  # fmt: skip
    assert (result.exit_code, result.output) == (0, "plan_agreed is recorded; anna is wrapping\n")
    offers = [
        {"discount_percent": "10", "instalments": "3", "until": "2026-12-15", "answer": "refused"},
        {
            "discount_percent": "5",
            "instalments": "6",
            "until": "2026-12-15",
            "answer": "accepted",
            "approved_by": "bruno",
        },
    ]
    fields = {"amount": "150,00", "pay_by": "2026-12-05", "instalments": 2, "offers": offers}
    body = {"code": "plan_agreed", "note": "due rate", "fields": fields}
    assert asked == [("POST", "/api/v1/agents/anna/outcome", body)]
    OutcomeBody.model_validate(body)


def test_it_ends_the_wrap_up_where_that_is_wished(asked):
    assert run("machine", "--done").output == "anna is ready\n"
    assert [path for _, path, _ in asked] == ["/api/v1/agents/anna/outcome", "/api/v1/agents/anna/wrapped"]


def test_whose_call_it_is_that_came_in_is_said_with_the_cases_id(monkeypatch):
    asked = []

    def ask(*what):
        asked.append(what[1:])
        return {"case": {"id": 12, "creditor": "Luce"}}

    monkeypatch.setattr(client, "ask", ask)
    result = CliRunner().invoke(app, ["agents", "caller", "anna", "12"])
    assert (result.exit_code, result.output) == (0, "anna's call is about case 12 of Luce\n")
    assert asked == [("POST", "/api/v1/agents/anna/caller", {"case": 12})]


def test_what_is_no_offer_is_told(asked):
    result = run("refuses", "--offer", "10 per cent")
    assert isinstance(result.exception, InputError)
    assert "10/3/2026-12-15/refused" in result.exception.remedy
    assert asked == []
