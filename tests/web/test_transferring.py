"""Transfers by the interface."""

import asyncio

import pytest

from dialer.campaigns.campaign import Destination
from tests.web.test_api import Site

ANNA = "/api/v1/agents/agent0"


@pytest.fixture
async def site():
    async with Site() as site:
        yield site


async def states(site, *wanted):
    async with asyncio.timeout(10):
        while True:
            _, answer = await site.ask("GET", "/api/v1/agents")
            if [line["state"] for line in answer["agents"]][:2] == list(wanted):
                return
            await asyncio.sleep(0.02)


async def test_a_call_is_transferred_taken_back_and_handed_over(site):
    await site.talking()
    status, answer = await site.ask("POST", f"{ANNA}/transfer", {"to": "agent1"})
    assert (status, "can't take the call" in answer["title"]) == (409, True)
    await site.ask("POST", "/api/v1/agents/agent1/log-in", {"ready": True})
    await site.house.flow.tick()
    await states(site, "talking", "ready")
    assert (await site.ask("POST", f"{ANNA}/transfer", {"to": "agent1"}))[0] == 200
    await states(site, "talking", "reserved")
    assert (await site.ask("POST", f"{ANNA}/take-back"))[0] == 200
    await states(site, "talking", "ready")
    assert (await site.ask("POST", f"{ANNA}/transfer", {"to": "agent1", "warm": True}))[0] == 200
    assert (await site.ask("POST", f"{ANNA}/hand-over"))[0] == 200
    await states(site, "wrapping", "talking")
    _, call = await site.ask("GET", "/api/v1/agents/agent1/call")
    assert call["case"]["id"] == 1
    _, call = await site.ask("GET", f"{ANNA}/call")
    assert call["case"] is None


async def test_a_call_is_left_to_somebody_outside(site):
    site.house.campaign.destinations = {"office": Destination("+390612340010", "the creditor's office")}
    assert (await site.ask("GET", f"{ANNA}/outside"))[1] == {"outside": []}
    await site.talking()
    _, answer = await site.ask("GET", f"{ANNA}/outside")
    assert [(one["to"], one["label"]) for one in answer["outside"]] == [
        ("office", "the creditor's office"),
        ("boss", "supervisor"),
    ]
    status, answer = await site.ask("POST", f"{ANNA}/transfer", {"to": "office", "warm": False})
    assert (status, "tell them first" in answer["title"]) == (409, True)
    assert (await site.ask("POST", f"{ANNA}/transfer", {"to": "office"}))[0] == 200
    async with asyncio.timeout(10):
        while (await site.ask("POST", f"{ANNA}/hand-over"))[0] == 409:  # it isn't answered yet
            await asyncio.sleep(0.02)
    await states(site, "wrapping", "offline")
    status, answer = await site.ask("POST", f"{ANNA}/hang-up")
    assert (status, "left to office" in answer["title"]) == (409, True)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        (f"{ANNA}/transfer", {"to": "nobody"}, 404, "no agent"),
        (f"{ANNA}/transfer", {}, 400, "to"),
        (f"{ANNA}/transfer", {"to": "+390612345678"}, 404, "no agent"),
        (f"{ANNA}/hand-over", None, 409, "no other agent"),
        (f"{ANNA}/take-back", None, 409, "no other agent"),
    ],
)
async def test_what_is_refused_is_a_problem(site, path, body, status, words):
    await site.talking()
    got, answer = await site.ask("POST", path, body)
    assert got == status
    assert words in answer["title"]
