"""Reloads by the interface and by the command: who asked, what changed, what was refused."""

import pytest
from typer.testing import CliRunner

from dialer.cli import app, client
from dialer.kernel.errors import InputError
from dialer.kernel.plain import plain
from dialer.kernel.reloads import Change, Reload, ReloadResult
from dialer.testing.memory_reloads import MemoryReloads
from dialer.testing.virtual_time import START
from dialer.web.reloading import ReloadRoutes
from tests.web.test_api import Site

APPLIED = Reload(
    START,
    "anna",
    ReloadResult.APPLIED,
    (Change("campaigns.k.mode", "progressive", "predictive"),),
    (Change("pbx.port", "5038", "5039"),),
)
REFUSED = Reload(
    START, "anna", ReloadResult.REFUSED, why="dialer.toml:3: pbx.port: too high (is '99999')", remedy="correct it"
)


class Answers:
    """Takes up nothing, and says so."""

    def __init__(self):
        self.past, self.answer = MemoryReloads(), APPLIED

    async def reload(self, by):
        assert by == "anna"
        self.past.save_reload(self.answer)
        return self.answer


@pytest.fixture
def answers():
    return Answers()


@pytest.fixture
def asked(monkeypatch):
    said = {"answer": plain(APPLIED)}

    def ask(config, method, path, body=None):
        said["asked"] = method, path
        return said["answer"]

    monkeypatch.setattr(client, "ask", ask)
    return said


async def test_a_reload_says_what_changed_and_who_asked_is_needed(answers):
    async with Site(routes=lambda _: ReloadRoutes(answers, answers.past).routes()) as site:
        assert await site.ask("POST", "/api/v1/reloads?by=anna") == (200, plain(APPLIED))
        answers.answer = REFUSED
        assert (await site.ask("POST", "/api/v1/reloads?by=anna"))[1]["why"] == REFUSED.why
        assert (await site.ask("POST", "/api/v1/reloads"))[0] == 400
        assert await site.ask("GET", "/api/v1/reloads?most=1") == (200, {"reloads": [plain(REFUSED)]})
        assert len((await site.ask("GET", "/api/v1/reloads"))[1]["reloads"]) == 2
        assert (await site.ask("GET", "/api/v1/reloads?most=0"))[0] == 400
        assert (await site.ask("POST", "/api/v1/reloads?by=anna", headers={}))[0] == 401


def test_the_command_tells_what_changed_and_what_waits(asked):
    result = CliRunner().invoke(app, ["reload", "--by", "anna"])
    assert asked["asked"] == ("POST", "/api/v1/reloads?by=anna")
    assert result.output == (
        "taken up\n  campaigns.k.mode: progressive → predictive\n  needs a restart: pbx.port: 5038 → 5039\n"
    )
    asked["answer"] = {"reloads": [plain(REFUSED), plain(APPLIED)]}
    lines = CliRunner().invoke(app, ["reload", "--past", "2"]).output.splitlines()
    assert asked["asked"] == ("GET", "/api/v1/reloads?most=2")
    assert lines[0] == f"{START.isoformat()} by anna: refused: {REFUSED.why}"
    assert lines[1:3] == [f"{START.isoformat()} by anna: applied", "  campaigns.k.mode: progressive → predictive"]


def test_a_refusal_is_an_error_of_the_command(asked):
    asked["answer"] = plain(REFUSED)
    error = CliRunner().invoke(app, ["reload"]).exception
    assert isinstance(error, InputError)
    assert (str(error), error.remedy) == (f"refused, and nothing changed: {REFUSED.why}", "correct it")
    assert CliRunner().invoke(app, ["reload", "--json"]).exit_code == 2
