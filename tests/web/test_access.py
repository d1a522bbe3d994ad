"""What a named token may do: its scopes and its creditors, refused in words otherwise."""

import json
import tomllib

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from dialer import configured, settings
from dialer.cli import app
from dialer.kernel.errors import InputError
from dialer.testing.public import Behaviour
from dialer.web.access import REFUSED, Holder, Scope, digest_of, scope_of
from dialer.web.api import OPEN_PATHS
from tests.web.test_api import Site, routes

TOLD = {"/api/v1/ledger", "/api/v1/payments", "/api/v1/letters"}
FLAG = {"kind": "flag", "case": 1, "name": "dispute"}


def bearer(name):
    return {"Authorization": f"Bearer {name}"}


@pytest.fixture
async def site():
    holders = tuple(Holder(scope.value, digest_of(scope.value.encode()), frozenset({scope})) for scope in Scope)
    holders += tuple(
        Holder(name, digest_of(name.encode()), frozenset(Scope), frozenset({creditor}))
        for name, creditor in (("ours", "Luce"), ("others", "Gas"))
    )
    async with Site(holders) as site:
        yield site


def needed(method, path):
    if path.startswith("/api/v1/agents/"):
        return Scope.WORK
    if path.startswith(("/api/v1/supervisors/", "/api/v1/listenings")):
        return Scope.LISTEN
    if path in TOLD:
        return Scope.TELL
    return Scope.READ if method == "GET" else Scope.SUPERVISE


@pytest.mark.parametrize("scope", Scope)
async def test_a_token_may_do_what_its_scopes_say_and_nothing_else(site, scope):
    checked = {True: 0, False: 0}
    with capture_logs() as logs:
        for method, path in routes(site.application):
            if path in OPEN_PATHS or path.endswith(("/halt", "/waiting")) or "/cases/" in path:
                continue  # what waits and the dossiers are a record's in SQL: tests/web/test_case.py
            status, answer = await site.ask(method, path, {} if method == "POST" else None, bearer(scope.value))
            allowed = needed(method, path) is scope
            assert (status != 403) == allowed, (method, path, answer)
            checked[allowed] += 1
    assert checked[True] >= 2
    refused = [line for line in logs if line["event"] == "api.refused"]
    assert len(refused) == checked[False] >= 10
    assert {line["token"] for line in refused} == {scope.value}


@pytest.mark.parametrize(
    ("method", "route", "scope"),
    [
        ("GET", "/api/v1/cases/{case}", Scope.READ),
        ("POST", "/api/v1/cases/{case}/decide", Scope.SUPERVISE),
        ("POST", "/api/v1/campaigns/{campaign}/tune", Scope.SUPERVISE),
        ("DELETE", "/api/v1/a-route-that-nobody-thought-of", Scope.SUPERVISE),
    ],
)
def test_a_route_that_nobody_thought_of_needs_the_most(method, route, scope):
    assert scope_of(method, route) is scope


async def test_nothing_is_said_of_another_creditors_case_and_the_try_is_on_record(site):
    await site.house.cases(Behaviour.PERSON)
    assert site.house.record.cases[1].new.creditor == "Luce"
    for case in (1, "1", 1.0):
        assert (await site.ask("POST", "/api/v1/ledger", FLAG | {"case": case}, bearer("others")))[0] == 403
    assert site.house.record.lines == {}
    assert site.house.record.views == [(1, "others", REFUSED)] * 3
    assert (await site.ask("POST", "/api/v1/ledger", FLAG, bearer("ours")))[0] == 200


async def test_an_agents_call_is_shown_to_tokens_of_its_creditor_alone(site):
    await site.talking()
    path = "/api/v1/agents/agent0/call"
    assert (await site.ask("GET", path, headers=bearer("others")))[0] == 403
    outcome = {"code": "refuses", "note": ""}
    assert (await site.ask("POST", "/api/v1/agents/agent0/outcome", outcome, bearer("others")))[0] == 403
    assert site.house.record.outcomes == {}
    assert {view[1:] for view in site.house.record.views} == {("others", REFUSED)}
    status, answer = await site.ask("GET", path, headers=bearer("work"))
    assert (status, answer["case"]["id"]) == (200, 1)
    assert site.house.record.views[-1] == (1, "agent0 via work", "call")


def config(tmp_path, text):
    path = tmp_path / "dialer.toml"
    path.write_text(text)
    return path


def test_a_new_token_is_shown_once_and_its_lines_let_it_in(tmp_path):
    words = ("token", "new", "crm", "--scope", "read", "--scope", "tell", "--creditor", "Luce Serena S.p.A.")
    said = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert said["token"] not in said["configuration"]
    (holder,) = configured.holders(settings.load(config(tmp_path, said["configuration"])))
    assert holder == Holder(
        "crm",
        digest_of(said["token"].encode()),
        frozenset({Scope.READ, Scope.TELL}),
        frozenset({"Luce Serena S.p.A."}),
    )
    printed = CliRunner().invoke(app, [*words]).stdout
    assert tomllib.loads(printed[printed.index("[[") :])["api"]["tokens"][0]["name"] == "crm"
    assert said["token"] not in printed, "each is another"
    assert isinstance(CliRunner().invoke(app, ["token", "new", "a b", "--scope", "read"]).exception, InputError)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "a"\nsha256 = "secret"\nscopes = ["read"]', "sha256"),
        (f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = []', "scopes"),
        (f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = ["rule"]', "scopes"),
        (f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = ["read"]\ncreditors = []', "creditors"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(InputError) as caught:
        settings.load(config(tmp_path, f"[[api.tokens]]\n{text}\n"))
    assert words in str(caught.value)
    assert "dialer.toml:" in str(caught.value)


def test_two_tokens_of_one_name_are_refused(tmp_path):
    one = f'[[api.tokens]]\nname = "a"\nsha256 = "{"0" * 64}"\nscopes = ["read"]\n'
    with pytest.raises(InputError, match="stands twice"):
        settings.load(config(tmp_path, one + one))
