"""Tuning by the interface: the body, the command that tries it, and its words."""

import json

import pytest

from dialer.web.tuning import TuningRoutes
from tests.web.test_api import Site


@pytest.fixture
def said(monkeypatch):
    """What the command is asked; `code`, `out` and `errors` are its answer."""
    told = {"code": 0, "out": {"written": False}, "errors": ""}

    async def ask(self, words):
        told["words"] = words
        return told["code"], json.dumps(told["out"]).encode(), told["errors"]

    monkeypatch.setattr(TuningRoutes, "_ask", ask)
    return told


@pytest.fixture
async def site(tmp_path):
    async with Site(routes=lambda house: TuningRoutes(house.flow, tmp_path / "dialer.toml").routes()) as site:
        yield site


PATH = "/api/v1/campaigns/k/tune"


async def test_a_change_is_tried_and_only_applied_where_that_is_asked(site, said):
    changes = {"mode": "predictive", "abandonment_target": 0.02, "trunk.channels": None}
    assert await site.ask("POST", f"{PATH}?by=anna", {"changes": changes}) == (200, {"written": False})
    told = ["k", 'mode="predictive"', "abandonment_target=0.02", "trunk.channels=default"]
    assert said["words"] == ["--dry-run", "--by=anna", "--", *told]
    await site.ask("POST", f"{PATH}?by=anna", {"changes": changes, "apply": True})
    assert said["words"][0] == "--yes"
    status, holding = await site.ask("GET", PATH)
    assert (status, holding["mode"], holding["channels"]) == (200, "progressive", 100)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/api/v1/campaigns/gas/tune?by=anna", {"changes": {"mode": "x"}}, 404, "no campaign is named"),
        (PATH, {"changes": {"mode": "x"}}, 400, "by: missing"),
        (f"{PATH}?by=anna", {"changes": {}}, 400, "changes"),
        (f"{PATH}?by=anna", {"changes": {"mode": ["x"]}}, 400, "changes"),
        (f"{PATH}?by=anna", {"changes": {"--yes": 1}, "applies": True}, 400, "applies"),
        (f"{PATH}?by=anna", {"changes": {"mode=x": 1}}, 400, "can't be tuned"),
        (f"{PATH}?by=anna", {"changes": {"supervision.basis": "none"}}, 400, "can't be tuned"),
        (f"{PATH}?by=anna", {"changes": {"script_folder": "/etc"}}, 400, "can't be tuned"),
    ],
)
async def test_what_is_no_change_is_refused_before_anything_is_run(site, said, path, body, status, words):
    got, answer = await site.ask("POST", path, body)
    assert (got, words in answer["title"]) == (status, True), answer
    assert "words" not in said


async def test_the_commands_own_refusal_is_told(site, said):
    said |= {"code": 2, "errors": "dialer: dialer.toml:3: k.mode: no\n  remedy: mend it\n"}
    status, answer = await site.ask("POST", f"{PATH}?by=anna", {"changes": {"mode": "x"}})
    assert (status, answer["title"], answer["remedy"]) == (400, "dialer.toml:3: k.mode: no", "mend it")
    said |= {"code": 1, "errors": "Traceback"}
    assert (await site.ask("POST", f"{PATH}?by=anna", {"changes": {"mode": "x"}}))[0] == 503


async def test_the_command_is_run_with_the_daemons_own_configuration(site, tmp_path, monkeypatch):
    (tmp_path / "dialer.toml").write_text("no toml")
    status, answer = await site.ask("POST", f"{PATH}?by=anna", {"changes": {"mode": "x"}})
    assert status == 400
    assert f"{tmp_path / 'dialer.toml'}:1: not TOML" in answer["title"]
