"""What `dialer asterisk-conf` writes, and what it never touches."""

import re
import stat

import pytest
from typer.testing import CliRunner

from dialer.cli import app
from dialer.kernel.errors import EXIT_IN_USE, EXIT_INPUT

SECRET = "0123456789abcdef"
TRUNKS = '[trunks.milano]\n[trunks.roma]\nendpoint = "carrier-b"\n'


class House:
    def __init__(self, folder):
        self.etc, self.config = folder / "etc", folder / "dialer.toml"
        self.etc.mkdir()
        self.configure()

    def configure(self, secret=SECRET, username="dialer"):
        self.config.write_text(f'[pbx]\nsecret = "{secret}"\nusername = "{username}"\n{TRUNKS}')

    def write(self, *options):
        done = CliRunner().invoke(app, ["asterisk-conf", str(self.etc), "-c", str(self.config), *options])
        return getattr(done.exception, "exit_code", done.exit_code), f"{done.output}{done.exception or ''}"

    def text(self, name):
        return (self.etc / name).read_text()


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_the_names_are_those_of_the_configuration(house):
    house.configure(username="collections")
    code, said = house.write("--transport", "0.0.0.0-udp", "--permit", "192.0.2.7")
    assert code == 0, said
    manager = house.text("manager_dialer.conf")
    assert "\n[collections]\n" in manager
    assert re.findall("^permit.*", manager, re.MULTILINE) == ["permit = 192.0.2.7"]
    assert re.findall("^deny.*", manager, re.MULTILINE) == ["deny = 0.0.0.0/0.0.0.0", "deny = ::/0"]
    assert house.text("manager_dialer_secret.conf").endswith(f"\nsecret = {SECRET}\n")
    assert stat.S_IMODE((house.etc / "manager_dialer_secret.conf").stat().st_mode) == 0o640
    trunk = house.text("pjsip_trunk.conf")
    assert re.findall(r"^\[.*", trunk, re.MULTILINE) == [
        "[milano](dialer-trunk)", "[milano]", "[milano]", "[carrier-b](dialer-trunk)", "[carrier-b]", "[carrier-b]",
    ]  # fmt: skip
    assert re.findall("^(?:aors|endpoint) = .*", trunk, re.MULTILINE) == [
        "aors = milano", "endpoint = milano", "aors = carrier-b", "endpoint = carrier-b",
    ]  # fmt: skip
    pjsip = house.text("pjsip_dialer.conf")
    assert "dialer-udp" not in pjsip
    assert pjsip.count("transport = 0.0.0.0-udp\n") == 3
    assert "type = global" not in pjsip
    assert not (house.etc / "pjsip_transport.conf").exists()


def test_a_pbx_without_a_transport_gets_one(house):
    assert house.write("--no-trunks")[0] == 0
    assert "[dialer-udp]" in house.text("pjsip_transport.conf")
    assert "type = global" in house.text("pjsip_global.conf")
    assert not (house.etc / "pjsip_trunk.conf").exists()


def test_freepbx_is_told_to_include_it_from_what_it_never_writes(house):
    said = house.write("--freepbx")[1]
    includes = re.findall(r'^ +(\S+) +#include "(\S+)"', said, re.MULTILINE)
    assert all(into.endswith("_custom.conf") and (house.etc / ours).exists() for into, ours in includes)
    assert len(includes) == 4


def test_after_an_upgrade_ours_are_replaced_and_the_sites_own_kept(house):
    house.write()
    house.configure(secret=SECRET * 2)
    (house.etc / "pjsip_trunk.conf").write_text("the carrier's")
    (house.etc / "sounds/dialer/abandoned.gsm").write_bytes(b"our own voice")
    code, said = house.write()
    assert code == 0
    assert re.findall("^replaced: .*/(.*)", said, re.MULTILINE) == ["manager_dialer_secret.conf"]
    assert house.text("manager_dialer_secret.conf").endswith(f"\nsecret = {SECRET * 2}\n")
    assert house.text("pjsip_trunk.conf") == "the carrier's"
    assert (house.etc / "sounds/dialer/abandoned.gsm").read_bytes() == b"our own voice"


@pytest.mark.parametrize("name", ["extensions_dialer.conf", "agi-bin/dialer-opt-out"])
@pytest.mark.parametrize("how", ["somebody's", "changed"])
def test_a_file_that_is_not_its_own_is_never_replaced_and_nothing_else_is_written(house, name, how):
    if how == "changed":
        house.write()
        text = house.text(name) + "\n; our own line\n"
        secret = house.text("manager_dialer_secret.conf")
    else:
        (house.etc / name).parent.mkdir(exist_ok=True)
        text, secret = "#!/bin/sh\n; somebody's\n", None
    (house.etc / name).write_text(text)
    house.configure(secret=SECRET * 2)
    code, said = house.write()
    assert (code, name in said) == (EXIT_IN_USE, True)
    assert house.text(name) == text
    if secret is None:
        assert [path.name for path in house.etc.rglob("*") if path.is_file()] == [(house.etc / name).name]
    else:
        assert house.text("manager_dialer_secret.conf") == secret


@pytest.mark.parametrize(
    ("options", "configured"),
    [
        ((), {"secret": "tiny"}),
        ((), {"secret": "0123456789;abcdef"}),
        ((), {"username": "a]b"}),
        (("--transport", "x\ny"), {}),
        (("--permit", "anywhere"), {}),
    ],
)
def test_what_asterisks_files_cannot_say_is_refused(house, options, configured):
    house.configure(**configured)
    code, said = house.write(*options)
    assert code == EXIT_INPUT
    assert configured.get("secret", SECRET) not in said
    assert list(house.etc.iterdir()) == []
