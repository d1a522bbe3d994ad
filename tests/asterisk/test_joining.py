"""An Asterisk that was there before us, with contexts, phones and an AMI of its own: joined, and unharmed."""

import json
import re
import shutil
import socket
from dataclasses import fields

import pytest

from dialer import configured, settings
from dialer.demo.stage import standing
from dialer.testing import asterisk
from dialer.testing.asterisk import AsteriskProcess
from dialer.testing.public import Behaviour
from tests.asterisk.stage import Floor, attempts, dialer, import_numbers, until
from tests.certificate import certify

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
TALKS = f"+3934700100{Behaviour.PERSON.value.code}"
THEIR_DIALPLAN = """
[from-internal]
exten => 100,1,Set(DB(theirs/rang)=${STRFTIME(,,%s.%3q)})
 same => n,Hangup()
[from-pstn]
exten => _X.,1,Goto(from-internal,100,1)
"""
THEIR_SIP = """
[global]
type = global
endpoint_identifier_order = username,ip
[system]
type = system
timer_t1 = 250
timer_b = 16000
[0.0.0.0-udp]
type = transport
protocol = udp
bind = 127.0.0.1:{port}
[200]
type = endpoint
context = from-internal
allow = !all,alaw
"""


class TheirPbx(AsteriskProcess):
    """It boots without a word of ours, and is joined while it runs, by what the command prints."""

    def write(self):
        super().write()
        etc = self.folder / "etc"
        for ours in {*etc.glob("*dialer*"), *etc.glob("pjsip_*"), *etc.glob("with-*")}:
            shutil.rmtree(ours) if ours.is_dir() else ours.unlink()
        (self.folder / "data/sounds/dialer").unlink()
        keys = certify(self.folder / "keys")
        sip_port = re.search(r"bind = \S+:(\d+)", self.site["pjsip_transport.conf"])[1]
        ami_port = re.search(r"port = (\d+)", self.site["manager.conf"])[1]
        self.tls_port = asterisk.free_port(socket.SOCK_STREAM)
        self.theirs = {
            "extensions.conf": THEIR_DIALPLAN,
            "pjsip.conf": THEIR_SIP.format(port=sip_port),
            "musiconhold.conf": "[default]\nmode = files\ndirectory = moh\n",
            "manager.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {ami_port}\ntlsenable = yes\n"
            f"tlsbindaddr = 127.0.0.1:{self.tls_port}\ntlscertfile = {keys}/server.crt\ntlsprivatekey = {keys}/server.key\n"
            "[theirs]\nsecret = their-own-secret\nread = all\nwrite = all\n",
        }
        for name, text in self.theirs.items():
            (etc / name).write_text(text)

    async def start(self):
        await super().start()
        self.before = await self.what_is_theirs()
        etc = self.folder / "etc"
        secret = self.site["manager_dialer_secret.conf"].partition("= ")[2].strip()
        config = self.folder / "joining.toml"
        config.write_text(f'[pbx]\nsecret = "{secret}"\n')
        command = ("asterisk-conf", etc, "-c", config, "--transport", "0.0.0.0-udp", "--json")
        code, out, err = await dialer(*command)
        assert code == 0, err
        said = json.loads(out)
        for one in said["include"]:
            stamped = "[general](+)\ntimestampevents = yes\n" if one["into"] == "manager.conf" else ""
            (etc / one["into"]).write_text(f"{self.theirs[one['into']]}\n{stamped}{one['line']}\n")
        shutil.copytree(etc / "sounds/dialer", self.folder / "data/sounds/dialer")
        # the site's own: the carrier's address, the phones
        example = (etc / "pjsip_trunk.conf").read_text().replace("qualify_", ";")
        carrier = re.search(r"sip:(\S+)", self.site["pjsip_trunk.conf"])[1]
        carrier = example.replace("198.51.100.1:5060", carrier).replace("198.51.100.1", carrier.partition(":")[0])
        (etc / "pjsip_trunk.conf").write_text(carrier)
        (etc / "pjsip_phones.d").mkdir()
        for name in (name for name in self.site if name.startswith("pjsip_phones.d/")):
            (etc / name).write_text(self.site[name])
        await self.cli("core reload")

        async def joined():
            return "dialer-answered" in await self.cli("dialplan show dialer-answered")

        await until(joined)
        # once more, as after an upgrade: what the site wrote stays
        code, out, err = await dialer(*command)
        assert (code, json.loads(out)["new"], json.loads(out)["replaced"]) == (0, [], []), err
        assert (etc / "pjsip_trunk.conf").read_text() == carrier

    async def what_is_theirs(self):
        await self.cli("database del theirs rang")
        await self.cli("channel originate Local/3906@from-pstn application Wait 1")

        async def rang():
            return "Value:" in await self.cli("database get theirs rang")

        await until(rang)
        shown = [await self.cli(f"dialplan show {context}") for context in ("from-internal", "from-pstn")]
        shown += [await self.cli("manager show user theirs"), await self.cli("pjsip show endpoint 200")]
        return shown + [line for line in (await self.cli("moh show classes")).splitlines() if "default" in line]


@pytest.fixture
def their_pbx(monkeypatch):
    ours = asterisk.pbx

    def pbx(*arguments, **named):
        process = ours(*arguments, **named)
        return TheirPbx(**{one.name: getattr(process, one.name) for one in fields(process) if one.init})

    monkeypatch.setattr(asterisk, "pbx", pbx)


async def test_a_pbx_that_was_there_before_is_joined_over_tls_and_keeps_what_is_its_own(
    tmp_path, asterisk_tree, their_pbx
):
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=1) as stage, Floor(stage) as floor:
        tls = f'port = {stage.pbx.tls_port}\ntls = true\nca_file = "pbx/keys/ca.crt"'
        stage.config.write_text(stage.config.read_text().replace(f"port = {stage.ami_port}", tls))
        assert configured.link(settings.load(stage.config)).tls is not None
        code, out, err = await dialer("check", "-c", stage.config)
        assert code == 0, out + err
        await import_numbers(stage, TALKS)
        await stage.start_daemon()
        await floor.staff()
        await floor.command("start")

        async def talking():
            return await floor.states() == ["talking"]

        await until(talking)
        assert await stage.pbx.what_is_theirs() == stage.pbx.before
        await floor.client.post("/api/v1/agents/agent01/hang-up")
        assert await stage.stop_daemon() == 0
        (line,) = await attempts(stage)
        assert line["result"] == "connected"
