"""What a named token may do: its scopes and its creditors, refused in words otherwise."""

import json
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from dialer import configured, settings
from dialer.calls.recording import Recording, What
from dialer.cli import app
from dialer.kernel.errors import InputError
from dialer.testing.public import Behaviour
from dialer.web.access import REFUSED, Access, ForbiddenError, Holder, Scope, digest_of, scope_of
from dialer.web.api import OPEN_PATHS
from dialer.web.tuning import TuningRoutes
from tests.web.test_api import Site, routes

TOLD = {"/api/v1/ledger", "/api/v1/payments", "/api/v1/letters"}
FLAG = {"kind": "flag", "case": 1, "name": "dispute"}


def bearer(name):
    return {"Authorization": f"Bearer {name}"}


@pytest.fixture
async def site():
    holders = tuple(Holder(scope.value, digest_of(scope.value.encode()), frozenset({scope})) for scope in Scope)
    holders += tuple(
        Holder(name, digest_of(name.encode()), frozenset(Scope) - {Scope.WORK, Scope.LISTEN}, frozenset({creditor}))
        for name, creditor in (("ours", "Luce"), ("others", "Gas"))
    )
    async with Site(holders, lambda house: TuningRoutes(house.flow, Path("dialer.toml")).routes()) as site:
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


@pytest.mark.parametrize(
    ("method", "route"),
    [("GET", "/api/v1/reloads"), ("POST", "/api/v1/reloads"), ("POST", "/api/v1/campaigns/{campaign}/tune")],
)
def test_the_configuration_is_for_tokens_of_every_creditor_alone(method, route):
    access = Access((), None, None)
    access.route(Holder("whole", ""), method, route)
    with pytest.raises(ForbiddenError):
        access.route(Holder("limited", "", creditors=frozenset({"Luce"})), method, route)


async def test_nothing_is_said_of_another_creditors_case_and_the_try_is_on_record(site):
    await site.house.cases(Behaviour.PERSON)
    assert site.house.record.cases[1].new.creditor == "Luce"
    for case in (1, "1", 1.0):
        assert (await site.ask("POST", "/api/v1/ledger", FLAG | {"case": case}, bearer("others")))[0] == 403
    assert site.house.record.lines == {}
    assert site.house.record.views == [(1, "others", REFUSED)] * 3
    assert (await site.ask("POST", "/api/v1/ledger", FLAG, bearer("ours")))[0] == 200


async def test_why_a_case_is_not_called_is_said_to_tokens_of_its_creditor_that_may_read_alone(site):
    await site.house.cases(Behaviour.PERSON)
    path = "/api/v1/explain/cases/1?by=anna"
    got = {
        token: (await site.ask("GET", path, headers=bearer(token)))[0] for token in ("ours", "others", "read", "work")
    }
    assert got == {"ours": 200, "others": 403, "read": 200, "work": 403}
    assert site.house.record.views == [
        (1, "anna via ours", "explain"), (1, "others", REFUSED), (1, "anna via read", "explain"),
    ]  # fmt: skip


async def test_a_numbers_opt_out_is_ended_by_tokens_of_every_creditor_alone(site):
    await site.house.cases(Behaviour.PERSON)
    about = {"case": 1, "name": "do-not-call", "number": (await site.house.record.case(1)).numbers[0].number}
    soon = (site.house.clock.now() + timedelta(minutes=1)).isoformat()
    status, answer = await site.ask("POST", "/api/v1/ledger", about | {"kind": "flag"}, bearer("ours"))
    assert status == 200
    for ended in ({"kind": "lift"}, {"kind": "flag", "until": soon}):
        assert (await site.ask("POST", "/api/v1/ledger", about | ended, bearer("ours")))[0] == 403, ended
        assert site.house.record.lines[answer["id"]].until is None
    assert (await site.ask("POST", "/api/v1/ledger", about | {"kind": "lift"}, bearer("tell")))[0] == 200
    assert site.house.record.lines[answer["id"]].until <= site.house.clock.now()


async def test_who_sees_an_agents_call_is_on_record_with_the_token(site):
    await site.talking()
    status, answer = await site.ask("GET", "/api/v1/agents/agent0/call", headers=bearer("work"))
    assert (status, answer["case"]["id"]) == (200, 1)
    assert site.house.record.views == [(1, "agent0 via work", "call")]


async def test_a_recording_is_for_tokens_of_its_creditor_and_one_of_no_known_call_for_those_of_all(site):
    await site.talking()
    (attempt,), unknown = site.house.live, "dla-" + "0" * 26
    for id_ in (attempt.id, unknown):
        (Path(site.folder.name) / f"{id_}.wav").write_bytes(b"sound")
        await site.house.recordings.keep(Recording(id_, attempt.cleared_at, attempt.cleared_at, 5, "ab" * 32))

    async def fetch(id_, token):
        url = f"/api/v1/recordings/{id_}?by=anna"
        return (await site.client.get(url, headers=bearer(token))).status

    got = {
        (id_, token): await fetch(id_, token) for id_ in (attempt.id, unknown) for token in ("ours", "others", "read")
    }
    assert list(got.values()) == [200, 403, 200, 404, 404, 200]
    assert (1, "others", REFUSED) in site.house.record.views
    fetched = [[moment.by for moment in await site.house.recordings.moments(id_) if moment.what is What.FETCHED]
               for id_ in (attempt.id, unknown)]  # fmt: skip
    assert fetched == [["anna via ours", "anna via read"], ["anna via read"]]


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
    limited = CliRunner().invoke(app, ["token", "new", "crm", "--scope", "work", "--creditor", "Luce"])
    assert isinstance(limited.exception, InputError)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "a"\nsha256 = "secret"\nscopes = ["read"]', "sha256"),
        (f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = []', "scopes"),
        (f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = ["rule"]', "scopes"),
        (f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = ["read"]\ncreditors = []', "creditors"),
        (
            f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = ["read", "work"]\ncreditors = ["Luce"]',
            "a seat takes every call of its campaigns: leave creditors out",
        ),
        (
            f'name = "a"\nsha256 = "{"0" * 64}"\nscopes = ["read", "listen"]\ncreditors = ["Luce"]',
            "a seat takes every call of its campaigns: leave creditors out",
        ),
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
