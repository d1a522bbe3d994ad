"""What `dialer check` sees around the daemon: room on the disks, the PBX's clock, each trunk."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from dialer import settings
from dialer.cli import check_around
from dialer.kernel.errors import AwayError, InputError, PbxRefusedError

FILE = """
[trunks.a]
channels = 7
[trunks.b]
endpoint = "carrier-b"
[recordings]
folder = "."
[campaigns.luce]
caller_id = "+390612345678"
"""
WELL = {
    "PJSIP_ENDPOINT({0},aors)": "{0}",
    "PJSIP_AOR({0},contact)": "{0};@1",
    "PJSIP_CONTACT({0};@1,status)": "Reachable",
    "PJSIP_ENDPOINT({0},allow)": "(alaw|g729)",
}


class Pbx:
    """A manager interface that answers Getvar from a table, and Ping by a clock."""

    def __init__(self, skew_seconds=0.0):
        self.skew_seconds = skew_seconds
        self.link = self
        self.values = {key.format(one): value.format(one) for one in ("a", "carrier-b") for key, value in WELL.items()}

    async def request(self, action):
        if action["Action"] == "Ping":
            stamp = datetime.now(UTC).timestamp() + self.skew_seconds if self.skew_seconds is not None else ""
            return {"timestamp": str(stamp)}
        return SimpleNamespace(success=True, get=lambda *_: self.values.get(action["Variable"], ""))


@pytest.fixture
def load(tmp_path):
    def load(text=FILE):
        (tmp_path / "dialer.toml").write_text(text)
        return settings.load(tmp_path / "dialer.toml")

    return load


async def test_every_trunk_is_told_with_what_it_carries(load):
    said = await check_around.trunks(Pbx(), load())
    assert said.startswith("a is reached, 7 channels at 5 calls a second; b is reached, 30 channels")


@pytest.mark.parametrize(
    ("variable", "value", "error", "words"),
    [
        ("PJSIP_ENDPOINT(carrier-b,aors)", "", InputError, "trunk b: Asterisk knows no endpoint carrier-b"),
        ("PJSIP_CONTACT(a;@1,status)", "Unreachable", AwayError, "trunk a: a doesn't answer"),
        ("PJSIP_AOR(a,contact)", "", AwayError, "trunk a: a not registered"),
        ("PJSIP_ENDPOINT(a,allow)", "(g729)", InputError, "neither alaw nor ulaw, but g729"),
    ],
)
async def test_a_trunk_that_would_carry_nothing_is_told(load, variable, value, error, words):
    pbx = Pbx()
    pbx.values[variable] = value
    with pytest.raises(error, match=words) as caught:
        await check_around.trunks(pbx, load())
    assert caught.value.remedy


async def test_a_clock_that_is_off_is_told():
    assert "s from ours" in await check_around.clock(Pbx(skew_seconds=1.0))
    for skew_seconds in (-3600.0, 3600.0):
        with pytest.raises(InputError, match="nobody would be called"):
            await check_around.clock(Pbx(skew_seconds))
    with pytest.raises(PbxRefusedError):
        await check_around.clock(Pbx(None))


def test_a_disk_that_is_full_is_told_where_something_is_written(load, monkeypatch, tmp_path):
    monkeypatch.setattr(check_around.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_500_000_000))
    assert check_around.disks(load()) == f"1500 MB free for {tmp_path}"
    with pytest.raises(InputError, match="1500 MB free, and 2000 are needed"):
        check_around.disks(load(FILE + "record = true\n"))
    away = '[store]\nurl = "postgresql://u@h/d"\n'
    assert check_around.disks(load(away + FILE)) == "nothing is written here but the log"
    monkeypatch.undo()
    with pytest.raises(InputError, match="No such file"):
        check_around.disks(load(away + FILE.replace('"."', '"gone"') + "record = true\n"))
