"""Agents' phones on the real PBX: set up by the page on phones as it stands, over TLS with SRTP."""

import asyncio
import json
import os
import re
import socket
import stat
import sys
from contextlib import AsyncExitStack

import pytest

from dialer.demo.stage import AGENT_VOICE, Trunk, standing
from dialer.kernel.errors import RefusedError
from dialer.testing import asterisk
from dialer.testing.sip import PCMA, SipEndpoint, pick_up
from tests.asterisk.secure_phone import StreamPhone
from tests.asterisk.stage import Floor, import_numbers, until
from tests.asterisk.web_phone import LOUD, TONE, WebPhone
from tests.conftest import ROOT

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
DEBTOR_VOICE = 0x2A
PAGE = (ROOT / "docs/how-to/phones.md").read_text()
CONF = re.findall(r"^```ini\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
CERTIFICATE, ADD, REVOKE = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RELOAD = "module reload res_pjsip.so"


class House:
    """A stage whose debtors are ours, with a PBX that speaks TLS; `run` types what the page says to type."""

    def __init__(self, folder, tree, **settings):
        self.folder = folder
        campaign = "ring_timeout_seconds = 20\nauto_ready_after_seconds = 0"
        self.settings = {"folder": folder / "stage", "tree": tree, "agents": 1, "campaign": campaign} | settings
        self.debtors = []
        self.tone = False  # a debtor who can be heard through a codec that keeps no bytes

    async def __aenter__(self):
        async with AsyncExitStack() as stack:
            network = SipEndpoint("network", self._answer, voice=DEBTOR_VOICE, measures=True)
            await network.start_listening()
            stack.push_async_callback(network.close)
            self.stage = await stack.enter_async_context(
                standing(trunk=Trunk("127.0.0.1", network.port), **self.settings)
            )
            self.etc = self.stage.pbx.folder / "etc"
            self.tls_port, self.tcp_port, self.web_port, in_clear = (
                asterisk.free_port(socket.SOCK_STREAM) for _ in range(4)
            )
            self._secure(in_clear)
            self.floor = await stack.enter_async_context(Floor(self.stage))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc):
        await self._stack.aclose()

    async def _answer(self, call):
        self.debtors.append(call)
        if self.tone:
            call.send_frame = lambda _: call._send_rtp(PCMA, TONE)
        call.ring()
        await call.answer()

    async def branch(self):
        """Another PBX with a phone of its own, 1001, and agent01 on it; what the page says of both."""
        port, tls_port = asterisk.free_port(), asterisk.free_port(socket.SOCK_STREAM)
        secret = "branch-secret"
        theirs, dialplan = CONF
        modules = (asterisk.CONF / "pbx/modules.conf").read_text() + "load = app_dial.so\n"
        phone = (
            # all of them share an address here
            "[global]\ntype = global\nendpoint_identifier_order = username,ip\n"
            "[1001]\ntype = endpoint\ncontext = none\nallow = !all,alaw\nauth = 1001\naors = 1001\ndirect_media = no\n"
            f"[1001]\ntype = auth\nusername = 1001\npassword = {secret}\n[1001]\ntype = aor\nmax_contacts = 1\n"
        )
        transports = (
            f"[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{port}\n"
            f"[tls]\ntype = transport\nprotocol = tls\nbind = 127.0.0.1:{tls_port}\nmethod = tlsv1_2\n"
            f"cert_file = {self.etc}/keys/dialer.crt\npriv_key_file = {self.etc}/keys/dialer.key\n"
        )
        pbx = asterisk.AsteriskProcess(
            name="branch",
            folder=self.folder / "branch",
            tree=self.stage.pbx.tree,
            conf="pbx",
            site={
                "pjsip.conf": transports + phone + theirs.replace("198.51.100.1", "127.0.0.1"),
                "extensions.conf": dialplan,
                "modules.conf": modules,
            },
            rtp=asterisk.free_port_range(2_000),
        )
        pbx.write()
        await pbx.start()
        self._stack.push_async_callback(pbx.stop)
        ours = (asterisk.CONF / "pbx/with-other-pbx/pjsip_other_pbx.conf").read_text()
        ours = ours.replace("branch.example:5061", f"127.0.0.1:{tls_port}").replace("198.51.100.2", "127.0.0.9")
        (self.etc / "pjsip_other_pbx.conf").write_text(ours)
        await self.stage.pbx.cli(RELOAD)
        self.stage.config.write_text(self.stage.config.read_text().replace("PJSIP/anna", "PJSIP/1001@branch"))
        phone = await SipEndpoint("1001", pick_up, voice=AGENT_VOICE).start_listening()
        self._stack.push_async_callback(phone.close)
        await phone.register(("127.0.0.1", port), secret)
        return pbx, phone

    def _secure(self, http_port):
        conf = (asterisk.CONF / "pbx/with-certificate/pjsip_secure.conf").read_text()
        conf = conf.replace("0.0.0.0:5061", f"127.0.0.1:{self.tls_port}")
        tcp = f"[dialer-tcp]\ntype = transport\nprotocol = tcp\nbind = 127.0.0.1:{self.tcp_port}\n"
        (self.etc / "pjsip_secure.conf").write_text(conf.replace("/etc/asterisk", str(self.etc)) + tcp)
        http = (asterisk.CONF / "pbx/with-certificate/http_dialer.conf").read_text()
        http = http.replace("0.0.0.0:8089", f"127.0.0.1:{self.web_port}").replace("8087", str(http_port))
        (self.etc / "http.conf").write_text(http.replace("/etc/asterisk", str(self.etc)))
        config = self.stage.config.read_text().replace("[pbx]\n", '[pbx]\nphones_folder = "pbx/etc/pjsip_phones.d"\n')
        self.stage.config.write_text(config.replace("PJSIP/agent01", "PJSIP/anna"))
        commands = self.folder / "bin"
        commands.mkdir()
        for name, line in (
            ("asterisk", f'exec {self.stage.pbx.tree / "asterisk"} -C {self.etc / "asterisk.conf"} "$@"'),
            ("dialer", f'exec {sys.executable} -m dialer "$@"'),
        ):
            (commands / name).write_text(f"#!/bin/sh\n{line}\n")
            (commands / name).chmod(0o755)

    async def run(self, lines):
        """A block of the page, in the folder of `dialer.toml`."""
        lines = lines.replace("/etc/asterisk", str(self.etc)).replace("DNS:pbx.example", "DNS:localhost,IP:127.0.0.1")
        env = os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        shell = await asyncio.create_subprocess_exec(
            "bash", "-ec", lines, cwd=self.stage.folder, env=env,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(shell.communicate(), 60)
        assert shell.returncode == 0, out.decode()
        return out.decode()

    async def listed(self):
        """The phones as the command lists them, by name."""
        return {line["phone"]: line for line in json.loads(await self.run("dialer agents phone list --json"))["phones"]}

    async def call_one(self, number):
        await import_numbers(self.stage, number)
        return await until(lambda: next((call for call in self.debtors if call.number == number), None))

    async def is_(self, state):
        return await self.floor.states() == [state]

    async def phone(self, name, password, *, tls=True, **manner):
        phone = StreamPhone(name, pick_up, voice=AGENT_VOICE, **manner)
        self._stack.push_async_callback(phone.close)
        port = self.tls_port if tls else self.tcp_port
        await phone.connect(port, self.stage.folder / "ca.crt" if tls else None)
        await phone.register(("127.0.0.1", port), password)
        return phone


async def test_a_phone_with_tls_and_srtp_is_set_up_as_written_talks_and_is_heard(tmp_path, asterisk_tree):
    async with House(tmp_path, asterisk_tree) as house:
        await house.run(CERTIFICATE)
        said = await house.run(ADD)
        password = re.search(r"shown this once: (\S+)", said)[1]
        file = house.etc / "pjsip_phones.d/anna.conf"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(password) >= 24
        assert "not registered" in said
        with pytest.raises(RefusedError, match="401"):
            await house.phone("anna", "wrong")

        phone = await house.phone("anna", password)
        line = (await house.listed())["PJSIP/anna"]
        assert (line["state"], line["agent"], line["transport"]) == ("reached", "agent01", "dialer-tls")
        assert line["encryption"] == "sdes"
        assert "phones: 1 of 1 can be called\n" in await house.run("dialer check")
        await house.stage.start_daemon()
        await house.floor.staff()
        (seat,) = phone.calls.values()
        media, key = seat.offered
        assert "RTP/SAVP " in media
        assert key
        await house.floor.command("start")
        debtor = await house.call_one("+393471234567")
        await until(lambda: AGENT_VOICE in debtor.heard and DEBTOR_VOICE in seat.heard)
        # what crossed the wire says nothing: the debtor's frames are all of one byte, these aren't
        assert seat.wire
        assert all(len(set(packet[12:-10])) > 10 for packet in seat.wire)

        # another certificate, of another authority, while they talk: who comes anew gets it, and they talk on
        await house.run(CERTIFICATE)
        with pytest.raises(RefusedError, match="401"):
            await house.phone("anna", "wrong")
        frames = seat.frames
        await until(lambda: seat.frames > frames + 50)
        await house.floor.client.post("/api/v1/agents/agent01/hang-up")
        await until(debtor.ended.is_set)
        await until(lambda: house.is_("ready"))

        phone.vanish()
        await until(lambda: house.is_("calling"))
        await until(lambda: house.is_("offline"))
        await house.run(REVOKE)
        with pytest.raises(RefusedError, match="refuses"):
            await house.phone("anna", password)


@pytest.mark.parametrize("leak", ["registers by UDP", "answers with plain RTP"])
async def test_a_phone_with_tls_is_never_spoken_to_in_clear(tmp_path, asterisk_tree, leak):
    """The agent is logged out in the end: nobody could be seated."""
    async with House(tmp_path, asterisk_tree) as house:
        await house.run(CERTIFICATE)
        password = re.search(r"shown this once: (\S+)", await house.run(ADD))[1]
        if leak == "registers by UDP":
            phone = await SipEndpoint("anna", pick_up, voice=AGENT_VOICE).start_listening()
            await phone.register(("127.0.0.1", house.stage.sip_port), password)
        else:
            phone = await house.phone("anna", password, in_clear=True)
        await house.stage.start_daemon()
        await house.floor.client.post("/api/v1/agents/agent01/log-in", {"ready": True})
        await until(lambda: house.is_("offline"))
        assert "seat.given_up" in (house.stage.folder / "daemon.log").read_text()
        assert bool(phone.calls) is (leak == "answers with plain RTP")
        for call in phone.calls.values():
            assert call.ended.is_set()
            assert not call.ended_by_us
            assert not call.frames
        await phone.close()


async def test_a_desk_phone_by_tcp_is_set_up_as_written_and_seated(tmp_path, asterisk_tree):
    async with House(tmp_path, asterisk_tree) as house:
        password = re.search(r"shown this once: (\S+)", await house.run(ADD.replace("--kind tls", "--kind tcp")))[1]
        phone = await house.phone("anna", password, tls=False, in_clear=True)
        await house.stage.start_daemon()
        await house.floor.staff()
        (seat,) = phone.calls.values()
        assert "RTP/AVP " in seat.offered[0]
        await until(lambda: seat.frames)
        phone.vanish()
        await until(lambda: house.is_("calling"))


async def test_an_agent_on_another_pbx_is_seated_through_a_trunk_with_tls_and_srtp(tmp_path, asterisk_tree):
    async with House(tmp_path, asterisk_tree) as house:
        await house.run(CERTIFICATE)
        other, phone = await house.branch()
        await house.stage.start_daemon()
        await house.floor.staff()
        line = (await house.listed())["PJSIP/1001@branch"]
        assert (line["state"], line["agent"], line["encryption"]) == ("reached", "agent01", "sdes")
        (seat,) = phone.calls.values()
        assert "answer-after=0" in seat.invite.get("call-info")
        await house.floor.command("start")
        debtor = await house.call_one("+393471234567")
        await until(lambda: AGENT_VOICE in debtor.heard and DEBTOR_VOICE in seat.heard)
        await house.floor.client.post("/api/v1/agents/agent01/hang-up")
        await until(debtor.ended.is_set)
        await until(lambda: house.is_("ready"))
        other.kill()
        await until(lambda: house.is_("calling"))


async def test_a_phone_in_a_browser_talks_and_is_heard_by_wss_dtls_and_opus(tmp_path, asterisk_tree):
    """The PBX's side: the other end is aiortc, no browser."""
    async with House(tmp_path, asterisk_tree) as house:
        house.tone = True
        await house.run(CERTIFICATE)
        password = re.search(r"shown this once: (\S+)", await house.run(ADD.replace("--kind tls", "--kind web")))[1]
        async with WebPhone("anna", house.web_port, house.stage.folder / "ca.crt") as phone:
            with pytest.raises(RefusedError, match="401"):
                await phone.register(("127.0.0.1", house.web_port), "wrong")
            await phone.register(("127.0.0.1", house.web_port), password)
            line = (await house.listed())["PJSIP/anna"]
            assert (line["state"], line["encryption"], line["codecs"][0]) == ("reached", "dtls", "opus")
            await house.stage.start_daemon()
            await house.floor.staff()
            (seat,) = phone.calls.values()
            assert "UDP/TLS/RTP/SAVPF" in seat.invite.body
            assert "a=fingerprint:" in seat.invite.body
            assert seat.codec == "opus"
            await until(lambda: seat.quiet)
            assert not seat.loud
            await house.floor.command("start")
            debtor = await house.call_one("+393471234567")
            await until(lambda: seat.loud)
            await until(lambda: [level for _, level in debtor.levels if level > LOUD])
            await house.floor.client.post("/api/v1/agents/agent01/hang-up")
            await until(debtor.ended.is_set)
            await until(lambda: house.is_("ready"))
            await phone.vanish()
            await until(lambda: house.is_("calling"))
