"""The JSON interface: who may, what it says, what it refuses."""

import asyncio
import logging
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from dialer.adapters import logging as log_words
from dialer.adapters import metrics
from dialer.adapters.metrics import DialerCollector, Inside, exposition
from dialer.adapters.recordings import RecordingFiles
from dialer.cases.offers import Step
from dialer.cases.promises import Kept
from dialer.compliance.verdict import CallMode
from dialer.explaining import Explaining
from dialer.kernel.clock import SystemClock
from dialer.kernel.histogram import Histogram
from dialer.live.snapshot import Snapshot, agent_line, campaign_line, trunk_lines
from dialer.outcomes.catalogue import shipped
from dialer.outcomes.rules import Rules
from dialer.outcomes.said import Said
from dialer.testing.public import Behaviour
from dialer.texts.scripts import Scripts, shipped_scripts
from dialer.web.api import MOST_BODY_BYTES, OPEN_PATHS, Api
from dialer.web.explaining import ExplainRoutes
from dialer.web.listening import ListeningRoutes
from tests.sim.house import House

TOKEN = "t0ken"
WITH = {"Authorization": f"Bearer {TOKEN}"}
TUESDAY = datetime(2026, 11, 24, 9, tzinfo=UTC)
HEALTH = dict.fromkeys(metrics.HEALTH, 0.0) | {"dialer_ami_up": 1.0}


class Site:
    """The interface over an engine on the fakes, in real time."""

    def __init__(self, holders=(), routes=lambda house: ()):
        self.holders, self.routes = holders, routes
        self.folder = TemporaryDirectory()  # of the recordings
        self.files = RecordingFiles(Path(self.folder.name))
        self.house = House(agents=2, boss=True)
        self.house.clock = SystemClock(TUESDAY - datetime.now(UTC))
        self.house.pbx.clock = self.house.clock
        self.problems = []

    def snapshot(self):
        flow, now = self.house.flow, self.house.clock.now()
        campaign = flow.campaigns["k"]
        return Snapshot(
            now, not self.problems, 0.0,
            (campaign_line(campaign, list(flow.live), flow.tally, flow.pacer.accounts_of(campaign)),),
            tuple(agent_line(session, now) for session in flow.roster),
            trunk_lines(flow.trunks),
            flow.answer_rates.lines(),
        )  # fmt: skip

    def inside(self):
        gate, recovery = self.house.gate, self.house.recovery
        return Inside(
            lambda: HEALTH, lambda: gate.shut_by, gate.decisions, Histogram((1.0,)), {"Ping": Histogram((1.0,))},
            {Kept.KEPT: 2}, recovery.discrepancies, reasons=("quiet-day",),
        )  # fmt: skip

    async def __aenter__(self):
        await self.house.__aenter__()
        collector = DialerCollector(self.house.tally, self.snapshot, self.inside())
        api = Api(
            self.house.flow,
            self.house.record,
            self.house.record,  # who sees a case; dossiers, payments, letters and what waits are a record's in SQL: tests/web/test_case.py
            None,
            Said(self.house.gate, self.house.record, self.house.live, self.house.record, self.house.clock),
            self.snapshot,
            lambda: self.problems,
            lambda: exposition(collector),
            TOKEN,
            self.house.clock,
            self.house.rules_of,
            None,
            None,
            self.files,
            self.holders,
        )
        self.application = api.application()
        explaining = Explaining(
            self.house.flow, self.house.record, self.house.record, lambda: self.problems, self.house.clock
        )
        self.application.add_routes(ExplainRoutes(explaining, self.house.record, self.house.clock).routes())
        self.application.add_routes(ListeningRoutes(self.house.listenings, self.house.record.listenings).routes())
        self.application.add_routes(self.routes(self.house))
        self.client = TestClient(TestServer(self.application))
        await self.client.start_server()
        return self

    async def __aexit__(self, *exc):
        await self.client.close()
        self.folder.cleanup()
        await self.house.die()
        await self.house.__aexit__(*exc)

    async def ask(self, method, path, body=None, headers=WITH):
        response = await self.client.request(method, path, json=body, headers=headers)
        return response.status, await response.json(content_type=None)

    async def talking(self):
        await self.house.cases(Behaviour.PERSON, pace=0)
        await self.ask("POST", "/api/v1/agents/agent0/log-in", {"ready": True})
        await self.ask("POST", "/api/v1/campaigns/k/start")
        async with asyncio.timeout(10):
            while (await self.ask("GET", "/api/v1/agents"))[1]["agents"][0]["state"] != "talking":
                await self.house.flow.tick()
                await asyncio.sleep(0.02)


@pytest.fixture
async def site():
    async with Site() as site:
        yield site


def routes(application):
    for route in application.router.routes():
        info = route.resource.get_info()
        path = info.get("path") or info["formatter"]
        if route.method != "HEAD":
            yield (
                route.method,
                path.format(
                    agent="agent0", campaign="k", signal="start", case="1", do="pause", attempt="dla-" + "1" * 26,
                    supervisor="boss",
                ),
            )  # fmt: skip


async def test_a_token_of_any_bytes_is_refused_in_words(site):
    reader, writer = await asyncio.open_connection(site.client.host, site.client.port)
    writer.write(b"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xe0\r\nConnection: close\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"401"
    writer.close()


async def test_every_route_but_the_open_ones_wants_the_token(site):
    checked = 0
    for method, path in routes(site.application):
        for headers in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": TOKEN},
            {"Authorization": f"Basic {TOKEN}"},
        ):
            status, body = await site.ask(method, path, headers=headers) if path not in OPEN_PATHS else (None, None)
            if path not in OPEN_PATHS:
                assert status == 401, path
                assert body["remedy"]
                checked += 1
    assert checked >= 40
    assert {path for _, path in routes(site.application)} >= OPEN_PATHS


async def test_health_is_open_and_readiness_says_what_is_missing(site):
    assert await site.ask("GET", "/healthz", headers={}) == (200, {"status": "ok"})
    assert (await site.ask("GET", "/readyz", headers={}))[0] == 200
    site.problems = ["the PBX is away"]
    assert await site.ask("GET", "/readyz", headers={}) == (503, {"ready": False, "problems": ["the PBX is away"]})


async def test_an_agents_call_from_log_in_to_wrap_up(site):
    await site.talking()
    status, call = await site.ask("GET", "/api/v1/agents/agent0/call")
    assert (status, call["number"], call["case"]["debtor_name"]) == (200, "+393470000010", "Name 0")
    await site.ask("GET", "/api/v1/agents/agent0/call")
    assert site.house.record.views == [(1, "agent0", "call")]
    assert call["case"]["debts"][0]["amount"] == {"cents": 100, "currency": "EUR"}
    assert (await site.ask("POST", "/api/v1/agents/agent0/pause", {"reason": "lunch"}))[0] == 200
    assert (await site.ask("POST", "/api/v1/agents/agent0/hang-up"))[0] == 200
    await asyncio.sleep(0.1)
    status, body = await site.ask("POST", "/api/v1/agents/agent0/wrapped")
    assert (status, "hasn't said" in body["title"]) == (409, True)
    said = {"code": "promise_to_pay", "note": "venerdì", "fields": {"amount": "0,60", "pay_by": "2026-11-27"}}
    status, line = await site.ask("POST", "/api/v1/agents/agent0/outcome", said)
    assert (status, line["state"]) == (200, "wrapping")
    status, line = await site.ask("POST", "/api/v1/agents/agent0/wrapped")
    assert (status, line["state"], line["pause_reason"]) == (200, "paused", "lunch")
    assert (await site.ask("GET", "/api/v1/agents/agent0/call"))[1] == {
        "attempt": None, "number": None, "case": None, "script": None, "inbound": None,
    }  # fmt: skip
    (outcome,) = site.house.record.outcomes.values()
    assert (outcome.note, outcome.agent, outcome.script) == ("venerdì", "agent0", shipped_scripts().pick("it").version)


async def test_the_agent_gets_the_script_of_the_case_and_one_that_fails_takes_no_call_away(site, tmp_path):
    await site.talking()
    call = (await site.ask("GET", "/api/v1/agents/agent0/call"))[1]
    first = call["script"]["parts"][0]
    assert (first["compulsory"], "sono agent0 di" in first["text"]) == (True, True)
    assert call["case"]["debtor_name"] in first["text"]
    script = '[[part]]\ntitle = "x"\ncompulsory = true\ntext = "{{ 1 // (attempts - %s) }}"\n'
    (tmp_path / "it.toml").write_text('name = "x"\n' + script % call["case"]["attempts"])
    site.house.rules = Rules(scripts=Scripts.read(tmp_path, "it"))
    call = (await site.ask("GET", "/api/v1/agents/agent0/call"))[1]
    assert (call["script"], bool(call["case"])) == (None, True)


async def test_the_form_is_checked_and_the_card_shows_what_was_promised_and_offered(site):
    site.house.rules = Rules(ladder=(Step(10.0, 3, 30),))
    await site.talking()
    at = "/api/v1/agents/agent0"
    offer = {"discount_percent": 10, "until": "2026-12-01", "answer": "refused"}
    for fields, words in (
        ({"amount": "0,60"}, "pay_by: promise_to_pay needs it"),
        ({"amount": "0,60", "pay_by": "soon"}, "fields.pay_by"),
        ({"amount": "0,60", "pay_by": "2026-11-27", "shoe_size": 43}, "fields.shoe_size"),
        ({"amount": "0,60", "pay_by": "2026-11-27", "offers": [offer | {"discount_percent": 11}]}, "above the mandate"),
    ):
        status, body = await site.ask("POST", f"{at}/outcome", {"code": "promise_to_pay", "fields": fields})
        assert (status, words in body["title"], bool(body["remedy"])) == (400, True, True), body
    status, body = await site.ask("POST", f"{at}/outcome", {"code": "sings"})
    assert (status, body["title"]) == (400, "code: no outcome is 'sings'")
    assert "promise_to_pay" in body["remedy"]
    fields = {"amount": "0,60", "pay_by": "2026-11-27", "offers": [offer]}
    assert (await site.ask("POST", f"{at}/outcome", {"code": "promise_to_pay", "fields": fields}))[0] == 200
    case = (await site.ask("GET", f"{at}/call"))[1]["case"]
    (promise,), (made,) = case["promises"], case["offers"]
    assert (promise["kept"], promise["check_on"], promise["missing"]["cents"]) == ("open", "2026-12-01", 0)
    assert promise["promise"]["instalments"] == [{"due_on": "2026-11-27", "amount": {"cents": 60, "currency": "EUR"}}]
    assert (made["agent"], made["answer"], made["terms"]["discount_percent"]) == ("agent0", "refused", 10.0)


async def test_what_may_be_said_and_offered_is_told_with_its_fields(site):
    site.house.rules = Rules(ladder=(Step(10.0, 3, 30),))
    status, body = await site.ask("GET", "/api/v1/outcomes?campaign=k&creditor=Luce")
    assert status == 200
    known = {line["code"]: line for line in body["outcomes"]}
    assert list(known) == list(shipped())
    assert known["plan_agreed"]["needs"] == ["amount", "pay_by", "instalments"]
    assert (known["deceased"]["flag"], known["deceased"]["right_party"]) == ("deceased", False)
    assert known["call_back"]["it"] == "Richiamare"


async def test_a_break_announced_and_withdrawn(site):
    await site.talking()
    ask = {"plan": "break", "in_minutes": 10, "reason": "lunch"}
    status, line = await site.ask("POST", "/api/v1/agents/agent0/announce", ask)
    assert (status, line["state"], line["announced"]) == (200, "talking", "break")
    assert 590 < line["announced_seconds"] <= 600
    status, line = await site.ask("POST", "/api/v1/agents/agent0/withdraw")
    assert (status, line["announced"], line["announced_seconds"]) == (200, None, None)
    status, line = await site.ask("POST", "/api/v1/agents/agent0/announce", {"plan": "break"})
    assert (line["announced"], line["pause_reason"]) == (None, "break")  # it comes after this call


async def test_a_case_offered_skipped_and_accepted(site):
    site.house.campaign.mode = CallMode.PREVIEW
    await site.house.cases(Behaviour.PERSON, Behaviour.PERSON, pace=0)
    await site.ask("POST", "/api/v1/agents/agent0/log-in", {"ready": True})
    await site.ask("POST", "/api/v1/campaigns/k/start")
    offer = "/api/v1/agents/agent0/offer"
    assert (await site.ask("GET", offer))[1]["case"] is None
    assert (await site.ask("POST", "/api/v1/agents/agent0/accept"))[0] == 409

    async def offered():
        async with asyncio.timeout(10):
            while (found := (await site.ask("GET", offer))[1])["case"] is None:
                await site.house.flow.tick()
                await asyncio.sleep(0.02)
        return found

    first = await offered()
    assert (first["campaign"], first["case"]["debtor_name"]) == ("k", "Name 0")
    assert (await site.ask("POST", "/api/v1/agents/agent0/skip", {"reason": "x" * 99}))[0] == 400
    status, line = await site.ask("POST", "/api/v1/agents/agent0/skip", {"reason": "lawyer writes"})
    assert (status, line["state"]) == (200, "ready")
    assert (await offered())["case"]["debtor_name"] == "Name 1"
    assert (await site.ask("POST", "/api/v1/agents/agent0/accept"))[1] == {"called": True, "reasons": []}
    await asyncio.sleep(0.1)
    assert [number for _, number in site.house.pbx.originated] == ["+393470010010"]


async def test_the_live_picture(site):
    await site.talking()
    status, live = await site.ask("GET", "/api/v1/live")
    assert status == 200
    (campaign,) = live["campaigns"]
    assert campaign["calls"] == {"talking": 1}
    assert campaign["sentence"]
    assert campaign["answer_to_agent_seconds"]["max"] >= 0
    assert [line["state"] for line in live["agents"]] == ["talking", "offline", "offline"]
    assert (await site.ask("GET", "/api/v1/campaigns"))[1]["campaigns"][0]["state"] == "running"


async def test_every_campaign_is_explained_with_figures(site):
    (said,) = (await site.ask("GET", "/api/v1/explain"))[1]["campaigns"]
    assert "no agent is logged in" in said["sentence"]
    assert "stopped: start it to dial" in said["sentence"]
    await site.talking()
    (said,) = (await site.ask("GET", "/api/v1/explain"))[1]["campaigns"]
    assert said["campaign"] == "k"
    for words in ("k (progressive)", "1 agents (1 talking)", "1 calls under way, 0 of them", "0 abandoned of 1, 0.00%"):
        assert words in said["sentence"]
    (trunk,) = (await site.ask("GET", "/api/v1/explain"))[1]["trunks"]
    assert trunk == {"trunk": "trunk", "sentence": "trunk trunk: well, 1 of 100 channels in use"}
    site.problems = ["the PBX is away"]
    (said,) = (await site.ask("GET", "/api/v1/explain"))[1]["campaigns"]
    assert "nothing rings: the PBX is away; also" in said["sentence"]
    assert (said["ringing"], said["causes"][0]["cause"], bool(said["causes"][0]["remedy"])) == (0, "daemon", True)


async def test_an_agent_and_a_case_are_explained_and_the_look_at_the_case_is_on_record(site):
    await site.talking()
    status, said = await site.ask("GET", "/api/v1/explain/agents/agent0")
    assert (status, said["state"], "isn't idle, but talks for" in said["sentence"]) == (200, "talking", True)
    assert (await site.ask("GET", "/api/v1/explain/agents/nobody"))[0] == 404
    assert (await site.ask("GET", "/api/v1/explain/cases/1"))[0] == 400
    assert (await site.ask("GET", "/api/v1/explain/cases/99?by=anna"))[0] == 404
    assert not site.house.record.views
    status, said = await site.ask("GET", "/api/v1/explain/cases/1?by=anna")
    assert (status, said["case"], "it is being called: talking for" in said["sentence"]) == (200, 1, True)
    assert site.house.record.views == [(1, "anna", "explain")]
    site.house.record.away = True
    assert (await site.ask("GET", "/api/v1/explain/cases/1?by=anna"))[0] == 503


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/api/v1/agents/nobody/ready", None, 404, "no agent is named"),
        ("POST", "/api/v1/campaigns/gas/start", None, 404, "no campaign is named"),
        ("POST", "/api/v1/agents/agent0/ready", None, 409, "offline"),
        ("POST", "/api/v1/campaigns/k/drain", None, 409, "stopped"),
        ("POST", "/api/v1/campaigns/k/explode", None, 404, ""),
        ("POST", "/api/v1/agents/agent0/log-in", {"raedy": True}, 400, "raedy"),
        ("POST", "/api/v1/agents/agent0/log-in", {"ready": "perhaps"}, 400, "ready"),
        ("POST", "/api/v1/agents/agent0/pause", {"reason": "x" * 99}, 400, "reason"),
        ("POST", "/api/v1/agents/agent0/pause", {"reason": "a\r\nb"}, 400, "reason"),
        ("POST", "/api/v1/agents/agent0/outcome", {"code": "Abducted!"}, 400, "code"),
        ("POST", "/api/v1/agents/agent0/outcome", {"code": "refuses", "note": "n" * 5_000}, 400, "note"),
        ("POST", "/api/v1/agents/agent0/outcome", {"code": "refuses", "note": "a\0b"}, 400, "note"),
        ("POST", "/api/v1/agents/agent0/outcome", {"code": "refuses"}, 409, "no call"),
        ("POST", "/api/v1/agents/agent0/hang-up", None, 409, "no call"),
        ("POST", "/api/v1/agents/agent0/announce", {"plan": "break"}, 409, "offline"),
        ("POST", "/api/v1/agents/agent0/announce", {"plan": "nap"}, 400, "plan"),
        ("POST", "/api/v1/agents/agent0/announce", {"plan": "back", "in_minutes": -1}, 400, "in_minutes"),
        ("DELETE", "/api/v1/live", None, 405, ""),
        ("GET", "/api/v2/live", None, 404, ""),
    ],
)  # fmt: skip
async def test_what_is_refused_is_a_problem_with_a_remedy(site, method, path, body, status, words):
    response = await site.client.request(method, path, json=body, headers=WITH)
    assert response.status == status
    assert response.content_type == "application/problem+json"
    answer = await response.json()
    assert words in answer["title"]
    assert answer["status"] == status
    assert "remedy" in answer


async def test_a_body_that_is_no_json_or_too_large_is_refused(site):
    for data, status in ((b"{", 400), (b"[1]", 400), (b"x" * (MOST_BODY_BYTES + 1), 413)):
        response = await site.client.post("/api/v1/agents/agent0/log-in", data=data, headers=WITH)
        assert response.status == status


async def test_a_record_that_is_away_is_a_503(site):
    await site.talking()
    site.house.record.away = True
    assert (await site.ask("POST", "/api/v1/agents/agent0/outcome", {"code": "refuses"}))[0] == 503


async def test_the_metrics_are_read_by_prometheus_and_hold_no_person(site):
    await site.talking()
    response = await site.client.get("/metrics")
    text = await response.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    samples = {(s.name, *sorted(s.labels.items())): s.value for f in families.values() for s in f.samples}
    assert samples["dialer_attempts_placed_total", ("campaign", "k")] == 1
    assert samples["dialer_calls_bridged_total", ("campaign", "k")] == 1
    assert samples["dialer_agents", ("state", "talking")] == 1
    assert samples["dialer_campaign_state", ("campaign", "k"), ("state", "running")] == 1
    assert samples["dialer_answer_to_agent_seconds_count", ("campaign", "k")] == 1
    assert samples["dialer_attempts_total", ("campaign", "k"), ("result", "busy")] == 0  # present from the start
    definition = ("definition", "it-unirec abandon-cap campaign")
    assert samples["dialer_abandon_ratio", ("campaign", "k"), definition] == 0
    assert samples["dialer_abandon_cap_ratio", ("campaign", "k"), definition] == 0.03
    assert samples["dialer_attempts_blocked_total", ("campaign", "k"), ("reason", "hours")] == 0
    assert samples["dialer_attempts_blocked_total", ("campaign", "k"), ("reason", "quiet-day")] == 0
    assert samples["dialer_outcomes_total", ("campaign", "k"), ("outcome", "promise_to_pay")] == 0
    assert samples["dialer_promises_total", ("result", "kept")] == 2
    assert samples["dialer_gate_shut", ("reason", "pbx-away")] == 0
    assert samples["dialer_gate_fail_closed_total", ("reason", "store-away")] == 0
    assert samples["dialer_gate_decision_seconds_count",] == 1
    assert samples["dialer_agent_wait_seconds_count", ("campaign", "k")] == 1
    assert ("dialer_pacing_idle_agents", ("campaign", "k")) in samples  # 1 or 0: of the last decision
    assert samples["dialer_reconcile_discrepancies_total", ("kind", "unknown_leg")] == 0
    assert samples["dialer_signals_ignored_total", ("signal", "rang"), ("state", "talking")] == 0
    assert all(family.documentation for family in families.values())
    assert "+39" not in text
    assert "Name 0" not in text
    labels = {name for f in families.values() for s in f.samples for name in s.labels}
    known = {
        "campaign",
        "state",
        "result",
        "reason",
        "limit",
        "le",
        "signal",
        "version",
        "definition",
        "trunk",
        "caller_id",
        "outcome",
        "kind",
        "action",
    }
    assert labels <= known


async def test_no_body_and_no_bug_brings_a_person_into_the_log(site, monkeypatch):
    await site.talking()
    said = StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    log_words.configure("json", "debug", said)
    try:
        body = {"code": "Anna Rossi", "note": "Anna Rossi", "fields": {"amount": "Anna Rossi", "number": "3471234567"}}
        assert (await site.ask("POST", "/api/v1/agents/agent0/outcome", body))[0] == 400

        async def fail(*_):
            raise ValueError("Anna Rossi, 3471234567")

        monkeypatch.setattr(site.house.flow, "write_up", fail)
        body = {"code": "refuses", "note": "Anna Rossi"}
        response = await site.client.post("/api/v1/agents/agent0/outcome", json=body, headers=WITH)
        assert response.status == 500
        assert (await site.ask("POST", "/api/v1/agents/Anna%20Rossi/log-in"))[0] == 404
    finally:
        root.handlers, root.level = before
        structlog.reset_defaults()
    assert "ValueError" in said.getvalue()
    assert "Rossi" not in said.getvalue()
    assert "3471234567" not in said.getvalue()
