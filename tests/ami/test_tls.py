"""The manager interface over TLS: with the PBX that the authority certified, and with nobody else."""

import ssl

import pytest

from dialer import configured, settings
from dialer.cli.pbx import ask_asterisk
from dialer.kernel.errors import InputError, PbxAwayError
from dialer.testing.fake_ami import FakeAmiServer
from tests.ami.test_link import House
from tests.certificate import certify


@pytest.fixture
async def server(tmp_path):
    keys = certify(tmp_path / "keys")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    async with FakeAmiServer(tls=context) as server:
        yield server


def loaded(folder, server, *, ca="keys/ca.crt"):
    (folder / "dialer.toml").write_text(
        f'[pbx]\nport = {server.port}\ntls = true\nca_file = "{ca}"\nsecret = "{server.secret}"\nfirst_connect_seconds = 2\n'
    )
    return settings.load(folder / "dialer.toml")


async def test_the_link_logs_in_with_the_certified_pbx_and_goes_on_after_a_loss(tmp_path, server):
    house = House(server, tls=configured.link(loaded(tmp_path, server)).tls)
    await house.up()
    assert (await house.link.request({"Action": "Ping"})).response == "Success"
    server.cut()
    await house.until(lambda: house.ups == 2)
    await house.close()


async def test_a_pbx_of_another_authority_never_hears_the_secret(tmp_path, server, monkeypatch):
    monkeypatch.setattr("dialer.cli.pbx.CONNECT_SECONDS", 1.0)
    certify(tmp_path / "others")
    with pytest.raises(PbxAwayError, match="certificate verify failed") as refused:
        await ask_asterisk(loaded(tmp_path, server, ca="others/ca.crt"), lambda asterisk: asterisk.version())
    assert "[pbx] ca_file" in refused.value.remedy
    assert server.received == []


async def test_a_pbx_that_speaks_no_tls_never_hears_the_secret(tmp_path, monkeypatch):
    monkeypatch.setattr("dialer.cli.pbx.CONNECT_SECONDS", 1.0)
    certify(tmp_path / "keys")
    async with FakeAmiServer() as plain:
        with pytest.raises(PbxAwayError, match="no manager interface answers"):
            await ask_asterisk(loaded(tmp_path, plain), lambda asterisk: asterisk.version())
        assert not any(plain.secret in str(action) for _, action in plain.received)


def test_an_authority_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "junk").write_text("junk")
    for name in ("junk", "nowhere"):
        (tmp_path / "dialer.toml").write_text(f'[pbx]\ntls = true\nca_file = "{name}"\nsecret = "s"\n')
        with pytest.raises(InputError, match=f"pbx.ca_file .*{name}"):
            configured.link(settings.load(tmp_path / "dialer.toml"))
