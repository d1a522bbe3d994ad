"""The demo as its user runs it, and the record held against outside witnesses."""

import asyncio
import json
import re
import signal
import socket
import sys
from datetime import date
from random import Random

import pytest

from dialer.demo.portfolio import generate
from dialer.testing.public import Behaviour, behaviour_of
from dialer.testing.sip import SipEndpoint
from tests.asterisk.stage import WAIT_SECONDS, dialer
from tests.conftest import ROOT

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(400)]


async def demo(tmp_path, *arguments):
    code, out, err = await dialer(
        "demo", "--folder", tmp_path / "demo", "--asterisk", ROOT / ".cache/asterisk", "--json", *arguments
    )
    assert code == 0, f"{err}\n{json.loads(out).get('agreement', out)}"
    return json.loads(out)


async def test_the_demo_ends_well_and_agrees_with_the_networks_cdr(tmp_path):
    report = await demo(tmp_path, "--calls", "25", "--agents", "8", "--seed", "3")
    assert report["summary"]["attempts"] == len(report["attempts"]) == 25
    assert report["agreement"]["witness"] == "the phone network's CDR"
    assert report["agreement"]["complete"]
    assert report["agreement"]["calls"] == report["agreement"]["agreed"] == 25
    for line in report["attempts"]:
        allowed = behaviour_of(line["number"]).value.results
        assert line["result"] in allowed, line
        assert bool(line["outcome"]) == (line["result"] == "connected")
        assert line["cleared_at"].startswith("20")
        assert line["cleared_at"][11:13] in ("08", "09")  # ten in Rome
    assert report["summary"]["abandoned"] == 0


class Foreign:
    """Somebody else's network: plain INVITEs in, and every number behaves by a law of its own."""

    def __init__(self):
        self.chance = Random(5)
        self.calls = []

    async def answer(self, call):
        self.calls.append(call)
        kind = self.chance.randrange(6)
        match kind:
            case 0:
                call.reject(486)
            case 1:
                call.ring()
                await asyncio.sleep(1)
                call.reject(603)
            case 2:
                call.ring(183)
                await asyncio.sleep(0.5)
                await call.answer()
            case 3:
                await call.answer()
                await asyncio.sleep(0.05)
                call.hang_up()
            case _:
                call.ring()
                await asyncio.sleep(self.chance.uniform(0.2, 2))
                await call.answer()
                await asyncio.sleep(self.chance.uniform(1, 9))
                call.hang_up()


async def test_a_foreign_network_takes_the_same_campaign(tmp_path):
    foreign = Foreign()
    network = await SipEndpoint("foreign", foreign.answer, voice=0x2A).start_listening()
    try:
        report = await demo(tmp_path, "--trunk", f"sip:127.0.0.1:{network.port}", "--calls", "20", "--agents", "6")
    finally:
        await network.close()
    assert report["agreement"]["witness"] == "the PBX's own record"
    assert report["agreement"]["complete"]
    assert len(foreign.calls) == len(report["attempts"]) == 20
    answered = {call.number for call in foreign.calls if call.answered_at}
    assert answered == {line["number"] for line in report["attempts"] if line["answered_at"]}
    heard = {call.number for call in foreign.calls if 0x33 in call.heard}
    assert heard <= {line["number"] for line in report["attempts"] if line["bridged_at"]}
    assert len(heard) >= 5
    assert not any("authorization" in call.invite.headers for call in foreign.calls)


async def test_a_network_beyond_the_loopback_is_reached(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: it tells this machine's own address
        own = probe.getsockname()[0]
    assert not own.startswith("127.")
    network = await SipEndpoint("foreign", Foreign().answer, voice=0x2A, host=own).start_listening()
    try:
        report = await demo(tmp_path, "--trunk", f"sip:{own}:{network.port}", "--calls", "6", "--agents", "3")
    finally:
        await network.close()
    assert report["agreement"]["complete"]
    assert report["summary"]["results"].get("connected")


async def test_cases_that_do_not_suffice_for_the_calls_end_it_with_no(tmp_path):
    code, out, _ = await dialer(
        "demo", "--folder", tmp_path / "demo", "--asterisk", ROOT / ".cache/asterisk",
        "--calls", "5", "--cases", "2", "--agents", "2",
    )  # fmt: skip
    assert code == 1
    assert "used up before 5 calls" in out


async def test_an_interrupt_drains_and_reports(tmp_path):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialer", "demo", "--folder", str(tmp_path / "demo"),
        "--asterisk", str(ROOT / ".cache/asterisk"), "--agents", "3",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    seen = b""
    async with asyncio.timeout(WAIT_SECONDS):
        while not re.search(rb" placed, [1-9]\d* bridged", seen):
            seen += await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, rest.decode()
    assert "draining" in rest.decode()
    assert "agree with the record, call by call" in rest.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--trunk", "sip:127.0.0.1:9"), 3, "nobody listens there"),
        (("--trunk", "127.0.0.1:5060"), 2, "not a SIP address"),
        (("--trunk", "sip:127.0.0.1:99999"), 2, "not a SIP address"),
        (("--trunk", "sip:8.8.8.8:5060"), 2, "may be somebody's"),
        (("--for", "soon"), 2, "write it as 90s"),
        (("--calls", "0"), 2, "--calls"),
        (("--asterisk", "/nowhere"), 3, "run make setup"),
        (("--folder", "."), 2, "isn't a demo's"),
    ],
)
async def test_what_cannot_be_played_is_told(tmp_path, arguments, code, words):
    got, _, err = await dialer("demo", "--folder", tmp_path / "demo", *arguments)
    assert (got, "Traceback" in err) == (code, False)
    assert words in err.replace("\n", " ")
    if code == 3:
        assert "remedy:" in err


def test_the_portfolio_is_the_same_for_the_same_seed_and_dials_behaviours_that_exist():
    day = date(2026, 11, 24)
    assert generate(50, 7, day) == generate(50, 7, day) != generate(50, 8, day)
    numbers = [row.split(";")[7] for row in generate(2_000, 1, day).splitlines()[1:]]
    assert len(set(numbers)) == 2_000
    seen = {behaviour_of(number) for number in numbers}
    assert seen == set(Behaviour)


def test_the_network_plays_every_behaviour_and_no_other():
    text = (ROOT / "asterisk-conf/phone-network/extensions.conf").read_text()
    played = set(re.findall(r"^exten => (\d\d),1,", text, re.MULTILINE))
    assert played == {behaviour.value.code for behaviour in Behaviour}
