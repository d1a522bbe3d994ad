"""The reports by the interface: what the command says, for who holds the token, and who looks is on record."""

import asyncio
import csv
import io
import json

import pytest
from aiohttp.test_utils import TestClient, TestServer
from typer.testing import CliRunner

from dialer import reporting
from dialer.adapters.store.cases import SqlCaseBook
from dialer.adapters.store.database import open_database
from dialer.adapters.store.dossiers import SqlDossiers
from dialer.adapters.store.place import Place
from dialer.adapters.store.writer import Writer
from dialer.cli import app
from dialer.kernel.clock import SystemClock
from dialer.outcomes.rules import shipped_rules
from dialer.web import reports
from dialer.web.access import REFUSED, Holder, Scope, digest_of
from dialer.web.api import Api
from tests.store.test_dossier import FULL

WITH = {"Authorization": "Bearer t"}
HOLDERS = tuple(
    Holder(name, digest_of(name.encode()), frozenset({Scope.READ}), frozenset({creditor}))
    for name, creditor in (("ours", "Luce"), ("others", "Gas"))
)


class Site:
    """The routes over a record with one case, made anew for each test."""

    def __init__(self, folder):
        self.config = folder / "dialer.toml"
        self.config.write_text('[campaigns.k]\ncaller_id = "+390694801234"\n')
        self.place = Place(folder / "dialer.db")

    async def __aenter__(self):
        self.engine = await open_database(self.place)
        await SqlCaseBook(self.engine, Writer(self.engine)).add("k", [FULL], SystemClock().now())
        book, dossiers = SqlCaseBook(self.engine, Writer(self.engine)), SqlDossiers(self.engine)
        api = Api(
            None,
            book,
            dossiers,
            None,
            None,
            None,
            list,
            bytes,
            "t",
            SystemClock(),
            shipped_rules,
            None,
            None,
            None,
            HOLDERS,
        )
        application = api.application()
        self.reports = reports.Reports(self.config)
        application.add_routes(self.reports.routes())
        self.client = TestClient(TestServer(application))
        await self.client.start_server()
        return self

    async def __aexit__(self, *_):
        await self.client.close()
        await self.engine.dispose()

    async def get(self, path, headers=WITH):
        async with self.client.get(f"/api/v1/reports{path}", headers=headers) as response:
            return response.status, response.headers, await response.text()


@pytest.fixture
async def site(tmp_path):
    async with Site(tmp_path) as site:
        yield site


async def test_the_interface_says_what_the_command_says(site):
    status, headers, text = await site.get("/recovery?creditor=Luce&since=2026-11-01")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    words = ["report", "recovery", "--creditor", "Luce", "--since", "2026-11-01", "--json", "-c", str(site.config)]
    told = json.loads(await asyncio.to_thread(lambda: CliRunner().invoke(app, words).stdout))
    assert json.loads(text) == told | {"made_at": json.loads(text)["made_at"]}
    assert told["lines"][0]["assigned"] == {"cents": 12_845, "currency": "EUR"}
    status, headers, text = await site.get("/recovery?format=csv")
    assert (status, headers["Content-Disposition"]) == (200, 'attachment; filename="recovery.csv"')
    (row, _) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=";")
    assert row["assigned"] == "128,45"
    known = json.loads((await site.get(""))[2])["reports"]
    assert [one["report"] for one in known] == list(reporting.REPORTS)


async def test_without_the_token_nothing_is_made(site):
    for path in ("", "/funnel"):
        assert (await site.get(path, {}))[0] == 401
        assert (await site.get(path, {"Authorization": "Bearer x"}))[0] == 401


async def test_who_looks_at_a_history_is_on_record_or_sees_nothing(site):
    status, _, text = await site.get("/history?case=1")
    assert (status, json.loads(text)["title"]) == (400, "by: missing")
    assert (await site.get("/attempts?numbers=true"))[0] == 400
    assert await SqlDossiers(site.engine).views(1) == []
    status, _, text = await site.get("/history?case=1&by=anna")
    assert (status, json.loads(text)["report"]) == (200, "history")
    (view,) = await SqlDossiers(site.engine).views(1)
    assert (view.by, view.how) == ("anna", "report history")


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/attempts?numbers=true&by=anna", 403),
        ("/attempts?creditor=Luce", 200),
        ("/attempts?creditor=Luce&case=1", 400),
        ("/recovery", 403),
        ("/compliance", 403),
        ("/compliance?creditor=Luce", 400),
        ("/history?case=1&by=anna", 200),
        ("/history?case=%201%20&by=anna", 200),
        ("/history?case=one&by=anna", 403),
        ("/history?case=9&by=anna", 404),
    ],
)
async def test_a_token_of_some_creditors_gets_reports_of_their_cases_alone(site, path, ours):
    status, _, text = await site.get(path, {"Authorization": "Bearer ours"})
    assert status == ours, text
    status, _, text = await site.get(path, {"Authorization": "Bearer others"})
    assert status == (404 if ours == 404 else 403), text
    assert "Luce" not in text
    views = {(view.by, view.how) for view in await SqlDossiers(site.engine).views(1)}
    assert ("anna", "report history") not in views
    if path == "/history?case=1&by=anna":
        assert views == {("anna via ours", "report history"), ("others", REFUSED)}


async def test_a_reports_name_is_no_option(site):
    for name in ("--numbers", "--help", "-h"):
        assert (await site.get(f"/{name}"))[0] == 404


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/funnel?since=soon", 400, "--since"),
        ("/funnel?format=csv&since=soon", 400, "--since"),
        ("/funnel?creditor=--json", 404, "'--json'"),
        ("/funnel?config=/etc/passwd", 400, "config"),
        ("/funnel?creditor=%00", 400, "creditor"),
        ("/funnel?creditor=a&creditor=b", 400, "creditor"),
        ("/funnel?format=xml", 400, "xml"),
        ("/attempts?numbers=1&by=anna", 400, "numbers"),
    ],
)
async def test_what_is_wrong_is_told_with_its_remedy(site, path, status, words):
    found, headers, text = await site.get(path)
    assert (found, headers["Content-Type"]) == (status, "application/problem+json; charset=utf-8"), text
    assert words in json.loads(text)["title"]
    assert json.loads(text)["remedy"]


async def test_no_more_than_two_are_made_at_once(site, monkeypatch):
    monkeypatch.setattr(reports, "MOST_AT_ONCE", 0)
    assert (await site.get("/funnel"))[0] == 503


async def test_a_report_that_fails_on_the_way_is_no_whole_one_and_one_that_crashes_tells_nothing(site, monkeypatch):
    monkeypatch.setattr(reports.sys, "executable", "/bin/sh")
    monkeypatch.setattr(reports, "_command", lambda _: ("x", "json", []))
    made = asyncio.create_subprocess_exec
    script = []

    async def instead(*_, **options):
        return await made("/bin/sh", "-c", script[-1], **options)

    monkeypatch.setattr(reports.asyncio, "create_subprocess_exec", instead)
    script.append("echo 'Traceback: secret' >&2; exit 1")
    status, _, text = await site.get("/funnel")
    assert (status, "secret" in text) == (503, False)
    script.append("echo '{\"report\":'; sleep 0.2; exit 3")
    with pytest.raises(Exception, match=r"(?i)payload|disconnected|closed"):
        await site.get("/funnel")
