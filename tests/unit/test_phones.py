"""Agents' phones: names, sections, files, and what dialer check says of them."""

import os
import re
import stat

import pytest
from typer.testing import CliRunner

from dialer import settings
from dialer.adapters.ami import phones as asked
from dialer.adapters.ami.phones import Reach, SeenPhone
from dialer.adapters.phone_files import PhoneFolder
from dialer.agents.phones import Kind, endpoint_of, section
from dialer.cli import app, check
from dialer.kernel.errors import InputError, InUseError, RefusedError
from dialer.testing.asterisk import CONF
from tests.conftest import ROOT

AGENT = '[campaigns.luce]\ncaller_id = "+390694801234"\n[[agents]]\nname = "anna"\nseat = 1001\ncampaigns = ["luce"]\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "phones").mkdir(mode=0o700)
    return PhoneFolder(tmp_path / "phones")


def test_every_kind_is_a_template_that_asterisk_has():
    templates = re.findall(r"^\[([\w-]+)\]\(!\)", (CONF / "pbx/pjsip_dialer.conf").read_text(), re.MULTILINE)
    for kind in Kind:
        for named in re.findall(r"\(([^)]+)\)", section("anna", kind, "x")):
            assert set(named.split(",")) <= set(templates)


def test_the_page_on_phones_has_every_kind():
    page = (ROOT / "docs/how-to/phones.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)[: len(Kind)] == [kind.value for kind in Kind]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "anna\n[evil]",
        "anna]",
        "../anna",
        "anna.conf",
        "anna;x",
        "-anna",
        "a b",
        "${EXTEN}",
        "ännä",
        "a" * 65,
        "trunk",
        "Trunk2",
        "dialer-phone",
        "system",
        "global",
    ],
)
def test_a_name_that_asterisk_would_read_otherwise_is_refused(folder, tmp_path, name):
    with pytest.raises(InputError, match="phone"):
        folder.add(name, Kind.TLS)
    assert list((tmp_path / "phones").iterdir()) == []


@pytest.mark.parametrize("secret", ["", "a;b", "a\nb", "a#b", "a b"])
def test_a_secret_that_asterisk_would_cut_is_refused(secret):
    with pytest.raises(InputError, match="secret"):
        section("anna", Kind.UDP, secret)


def test_a_phone_is_its_owners_file_alone_with_a_secret_of_its_own(folder, tmp_path):
    first, second = folder.add("anna", Kind.TLS), folder.add("bruno", Kind.UDP)
    assert first != second
    assert folder.names() == ["anna", "bruno"]
    file = tmp_path / "phones/anna.conf"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().splitlines().count(f"password = {first}") == 1
    assert sorted(path.name for path in (tmp_path / "phones").iterdir()) == ["anna.conf", "bruno.conf"]


def test_a_phone_is_never_written_over_and_comes_back_with_another_secret(folder, tmp_path):
    first = folder.add("anna", Kind.TLS)
    with pytest.raises(InUseError, match="anna has a file"):
        folder.add("anna", Kind.UDP)
    assert first in (tmp_path / "phones/anna.conf").read_text()
    folder.revoke("anna")
    assert folder.names() == []
    assert folder.add("anna", Kind.TLS) != first


def test_who_is_not_there_cannot_be_revoked(folder):
    with pytest.raises(InputError, match="no file"):
        folder.revoke("anna")
    with pytest.raises(InputError, match="no name"):
        folder.revoke("../anna")


def test_a_folder_that_is_not_there_is_told_with_the_line_that_makes_it(tmp_path):
    with pytest.raises(InputError, match="no such folder") as refused:
        PhoneFolder(tmp_path / "none").add("anna", Kind.UDP)
    assert "install -d -m 700" in refused.value.remedy


def test_a_folder_of_somebody_elses_is_told(folder, monkeypatch):
    def fchown(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", fchown)
    with pytest.raises(RefusedError, match="not permitted"):
        folder.add("anna", Kind.UDP)
    assert folder.names() == []


def test_the_command_shows_the_password_once_and_how_asterisk_reads_it(tmp_path):
    (tmp_path / "phones").mkdir()
    config = tmp_path / "dialer.toml"
    config.write_text('[pbx]\nphones_folder = "phones"\n' + AGENT + 'phone = "PJSIP/anna"\n')
    said = CliRunner().invoke(app, ["agents", "phone", "add", "anna", "--kind", "tls", "-c", str(config)])
    assert said.exit_code == 0, said.output
    (password,) = re.findall(r"shown this once: (\S+)", said.stdout)
    assert f"password = {password}" in (tmp_path / "phones/anna.conf").read_text()
    assert 'asterisk -rx "module reload res_pjsip.so"' in said.stdout
    assert "no agent's yet" not in said.stdout
    other = CliRunner().invoke(app, ["agents", "phone", "add", "bruno", "--kind", "udp", "-c", str(config)])
    assert 'phone = "PJSIP/bruno"' in other.stdout


def test_a_trunks_name_is_no_phones(tmp_path):
    (tmp_path / "phones").mkdir()
    config = tmp_path / "dialer.toml"
    config.write_text('[pbx]\nphones_folder = "phones"\n[trunks.milano]\nendpoint = "carrier-a"\n')
    said = CliRunner().invoke(app, ["agents", "phone", "add", "carrier-a", "--kind", "udp", "-c", str(config)])
    assert "a trunk's endpoint" in str(said.exception)
    assert list((tmp_path / "phones").iterdir()) == []


def test_the_name_of_another_pbx_is_no_phones(tmp_path):
    (tmp_path / "phones").mkdir()
    config = tmp_path / "dialer.toml"
    config.write_text('[pbx]\nphones_folder = "phones"\n' + AGENT + 'phone = "PJSIP/1001@branch"\n')
    said = CliRunner().invoke(app, ["agents", "phone", "add", "branch", "--kind", "udp", "-c", str(config)])
    assert "another PBX" in str(said.exception)
    assert list((tmp_path / "phones").iterdir()) == []


@pytest.mark.parametrize(
    ("phone", "says"),
    [
        ("PJSIP/trunk", "which is a trunk"),
        ("PJSIP/anna\\nAction: Originate", "phone"),
        ("PJSIP/anna/sip:evil@host", "phone"),
        ("PJSIP/1001@trunk", "which is a trunk"),
        ("PJSIP/393471234567@branch", "phone"),
        ("PJSIP/00393471234567@branch", "phone"),
        ("PJSIP/+39347@branch", "phone"),
        ("PJSIP/1001@branch@trunk", "phone"),
        ("Local/s@dialer-purge", "phone"),
        ("PJSIP/anna&PJSIP/bruno", "phone"),
    ],
)
def test_a_seat_is_only_ever_a_phone_of_the_pbx(tmp_path, phone, says):
    (tmp_path / "dialer.toml").write_text(AGENT + f'phone = "{phone}"\n')
    with pytest.raises(InputError, match=says):
        settings.load(tmp_path / "dialer.toml")


def test_a_phone_is_called_through_its_own_endpoint():
    assert endpoint_of("PJSIP/anna") == "anna"
    assert endpoint_of("PJSIP/1001@branch") == "branch"


async def found(tmp_path, monkeypatch, *seen):
    """What dialer check says where Asterisk says this of the phones."""
    agents = [f'[[agents]]\nname = "{one.endpoint}"\nseat = {n}\nphone = "PJSIP/{one.endpoint}"\ncampaigns = ["luce"]\n'
              for n, one in enumerate(seen, 1001)]  # fmt: skip
    (tmp_path / "dialer.toml").write_text('[campaigns.luce]\ncaller_id = "+390694801234"\n' + "".join(agents))
    answers = {one.endpoint: one for one in seen}

    async def look(_, endpoint):
        return answers[endpoint]

    async def prove(_, trunk):
        assert trunk == "trunk"

    class Away:
        link = None

    async def ask(_, question):
        return await question(Away())

    monkeypatch.setattr(asked, "look", look)
    monkeypatch.setattr(asked, "prove", prove)
    monkeypatch.setattr("dialer.cli.pbx.ask_asterisk", ask)
    return await check._phones(settings.load(tmp_path / "dialer.toml"))


async def test_check_counts_the_phones_and_names_those_that_cannot_be_called(tmp_path, monkeypatch):
    codecs = ("alaw", "ulaw")
    finding = await found(
        tmp_path, monkeypatch,
        SeenPhone("anna", Reach.HERE, codecs=codecs), SeenPhone("bruno", Reach.AWAY, codecs=codecs),
        SeenPhone("carla", Reach.SILENT, codecs=codecs), SeenPhone("dino", Reach.HERE, codecs=("g722",)),
    )  # fmt: skip
    assert finding.well
    assert finding.seen == (
        "2 of 4 can be called; not bruno (not registered), carla (doesn't answer); neither alaw nor ulaw: dino"
    )
    assert "register them" in finding.remedy
    assert "allow alaw" in finding.remedy


async def test_check_has_nothing_to_say_where_all_is_well(tmp_path, monkeypatch):
    finding = await found(tmp_path, monkeypatch, SeenPhone("anna", Reach.HERE, codecs=("alaw",)))
    assert (finding.well, finding.seen, finding.remedy) == (True, "1 of 1 can be called", "")


async def test_check_fails_where_asterisk_knows_no_such_phone(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="knows no bruno") as refused:
        await found(tmp_path, monkeypatch, SeenPhone("anna", Reach.HERE), SeenPhone("bruno", Reach.UNKNOWN))
    assert "dialer agents phone add" in refused.value.remedy
