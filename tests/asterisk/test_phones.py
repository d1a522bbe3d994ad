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
from dialer.testing.sip import SipEndpoint, pick_up
from tests.asterisk.secure_phone import StreamPhone
from tests.asterisk.stage import Floor, import_numbers, until
from tests.conftest import ROOT

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
DEBTOR_VOICE = 0x2A
PAGE = (ROOT / "docs/how-to/phones.md").read_text()
CERTIFICATE, ADD, REVOKE = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RELOAD = "module reload res_pjsip.so"


class House:
    """A stage whose debtors are ours, with a PBX that speaks TLS; `run` types what the page says to type."""

    def __init__(self, folder, tree, **settings):
        self.folder = folder
        campaign = "ring_timeout_seconds = 20\nauto_ready_after_seconds = 0"
        self.settings = {"folder": folder / "stage", "tree": tree, "agents": 1, "campaign": campaign} | settings
        self.debtors = []

    async def __aenter__(self):
        async with AsyncExitStack() as stack:
            network = await SipEndpoint("network", self._answer, voice=DEBTOR_VOICE).start_listening()
            stack.push_async_callback(network.close)
            self.stage = await stack.enter_async_context(
                standing(trunk=Trunk("127.0.0.1", network.port), **self.settings)
            )
            self.etc = self.stage.pbx.folder / "etc"
            self.tls_port, self.tcp_port = (asterisk.free_port(socket.SOCK_STREAM) for _ in range(2))
            self._secure()
            self.floor = await stack.enter_async_context(Floor(self.stage))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc):
        await self._stack.aclose()

    async def _answer(self, call):
        self.debtors.append(call)
        call.ring()
        await call.answer()

    def _secure(self):
        conf = (asterisk.CONF / "pbx/with-certificate/pjsip_secure.conf").read_text()
        conf = conf.replace("0.0.0.0:5061", f"127.0.0.1:{self.tls_port}")
        tcp = f"[dialer-tcp]\ntype = transport\nprotocol = tcp\nbind = 127.0.0.1:{self.tcp_port}\n"
        (self.etc / "pjsip_secure.conf").write_text(conf.replace("/etc/asterisk", str(self.etc)) + tcp)
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
        lines = lines.replace("/etc/asterisk", str(self.etc)).replace("DNS:pbx.example", "DNS:localhost")
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
        assert (line["state"], line["agent"], line["transport"]) == ("registered", "agent01", "dialer-tls")
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
