"""Listening to agents by the interface: who may, what it says."""

import asyncio

import pytest

from dialer.web.access import Holder, Scope, digest_of
from tests.web.test_access import bearer
from tests.web.test_api import Site

BOSS = "/api/v1/supervisors/boss"
SCOPES = frozenset(Scope)


@pytest.fixture
async def site():
    holders = (
        Holder("desk", digest_of(b"desk"), frozenset({Scope.LISTEN})),
        Holder("most", digest_of(b"most"), SCOPES - {Scope.LISTEN}),
    )
    async with Site(holders) as site:
        yield site


async def until_on(site, turns):
    async with asyncio.timeout(10):
        while True:
            _, answer = await site.ask("GET", "/api/v1/listenings?agent=agent0")
            (one,) = answer["listenings"]
            if len(one["turns"]) == turns and one["turns"][-1]["on_at"]:
                return one
            await asyncio.sleep(0.02)


async def test_a_supervisor_listens_whispers_and_stops_and_the_agent_is_told(site):
    await site.talking()
    status, answer = await site.ask("POST", f"{BOSS}/listen", {"agent": "agent0"}, bearer("desk"))
    assert (status, answer["agent"], answer["turns"][0]["mode"]) == (200, "agent0", "listen")
    await until_on(site, 1)
    assert (await site.ask("POST", f"{BOSS}/mode", {"mode": "barge"}, bearer("desk")))[0] == 200
    one = await until_on(site, 2)
    assert [turn["asked_by"] for turn in one["turns"]] == ["boss via desk"] * 2
    _, answer = await site.ask("GET", "/api/v1/agents")
    assert [line["heard_by"] for line in answer["agents"]] == [["boss (barge)"], [], []]
    assert (await site.ask("POST", f"{BOSS}/stop", headers=bearer("desk")))[0] == 200
    async with asyncio.timeout(10):
        while (await site.ask("GET", "/api/v1/agents"))[1]["agents"][0]["heard_by"]:
            await asyncio.sleep(0.02)
    assert (await site.ask("GET", "/api/v1/agents"))[1]["agents"][0]["state"] == "talking"
    assert site.house.record.views[-1][1:] == ("boss", "listening")


async def test_a_token_without_the_scope_listens_to_nobody(site):
    await site.talking()
    for method, path, body in (
        ("POST", f"{BOSS}/listen", {"agent": "agent0"}),
        ("POST", f"{BOSS}/mode", {"mode": "barge"}),
        ("POST", f"{BOSS}/stop", None),
        ("GET", "/api/v1/listenings", None),
    ):
        status, answer = await site.ask(method, path, body, bearer("most"))
        assert status == 403
        assert "scope listen" in answer["title"]
    assert site.house.record.listenings.kept == {}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", f"{BOSS}/listen", {"agent": "agent0", "mode": "shout"}, 400, "mode"),
        ("POST", f"{BOSS}/listen", {"agent": "agent0", "mode": "barge"}, 409, "agent0"),
        ("POST", f"{BOSS}/listen", {"agent": "nobody"}, 404, "no agent"),
        ("POST", "/api/v1/supervisors/agent1/listen", {"agent": "agent0"}, 404, "no supervisor"),
        ("POST", f"{BOSS}/mode", {"mode": "listen"}, 409, "listens to nobody"),
        ("POST", f"{BOSS}/stop", None, 409, "listens to nobody"),
        ("GET", "/api/v1/listenings?most=x", None, 400, "most"),
        ("GET", "/api/v1/listenings?most=0", None, 400, "most"),
        ("GET", "/api/v1/listenings?most=1001", None, 400, "most"),
    ],
)
async def test_what_is_refused_is_a_problem_with_a_remedy(site, method, path, body, status, words):
    got, answer = await site.ask(method, path, body)
    assert got == status, answer
    assert words in answer["title"]
    assert answer["remedy"]
