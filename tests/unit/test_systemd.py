"""What systemd is told, and what it makes of our unit."""

import asyncio
import os
import socket
import subprocess

import pytest

from dialer import settings
from dialer.adapters.systemd import LONGEST_TICK_SECONDS, STATUS_SECONDS, ServiceManager
from tests.conftest import ROOT

UNIT = ROOT / "systemd/dialer.service"
SYSTEMD = ROOT / ".cache/systemd"


class Listener:
    """The service manager's end of the socket."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def heard(self):
        """Every datagram since, each as its lines."""
        datagrams = []
        while True:
            try:
                datagrams.append(self.socket.recv(4096, socket.MSG_DONTWAIT).decode().split("\n"))
            except BlockingIOError:
                return datagrams


@pytest.fixture
def listener(tmp_path):
    with Listener(str(tmp_path / "notify")) as listener:
        yield listener


def manager(listener, **environment):
    return ServiceManager({"NOTIFY_SOCKET": listener.socket.getsockname(), **environment}, pid=42)


def test_each_word_is_one_datagram(listener):
    told = manager(listener)
    told.ready("0 calls,\n20 agents")
    with pytest.raises(OSError), told.reloading():
        raise OSError
    told.stopping("3 calls")
    ready, reloading, ready_again, stopping = listener.heard()
    assert ready == ["READY=1", "STATUS=0 calls, 20 agents"]
    assert reloading[0] == "RELOADING=1"
    assert reloading[1].removeprefix("MONOTONIC_USEC=").isdigit()
    assert ready_again == ["READY=1"]
    assert stopping == ["STOPPING=1", "STATUS=3 calls"]


def test_a_reload_says_nothing_before_the_start_is_over_nor_after_the_stop_began(listener):
    told = manager(listener)
    with told.reloading():
        told.ready("0 calls")
    with told.reloading():
        told.stopping("3 calls")
    with told.reloading():
        pass
    assert [words[0] for words in listener.heard()] == ["READY=1", "RELOADING=1", "STOPPING=1"]


def test_an_abstract_address_is_understood():
    name = f"dialer-{os.getpid()}"
    with Listener(f"\0{name}") as listener:
        ServiceManager({"NOTIFY_SOCKET": f"@{name}"}, pid=42).ready("")
        assert listener.heard() == [["READY=1", "STATUS="]]


def test_nobody_there_is_no_error(tmp_path):
    ServiceManager({}, pid=42).ready("x")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nobody")}, pid=42).ready("x")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "42"}, 1.0),
        ({"WATCHDOG_USEC": "4000000"}, 1.0),
        ({"WATCHDOG_USEC": "60000000"}, STATUS_SECONDS),
        ({"WATCHDOG_USEC": "4000000", "WATCHDOG_PID": "7"}, STATUS_SECONDS),
        ({"WATCHDOG_USEC": "soon"}, STATUS_SECONDS),
        ({}, STATUS_SECONDS),
    ],
)
def test_the_watchdog_is_fed_four_times_a_period(listener, environment, seconds):
    assert manager(listener, **environment).feed_seconds == seconds


@pytest.mark.virtual_time
async def test_a_tick_that_never_ends_is_fed_no_longer(listener):
    loop, ticked_at = asyncio.get_running_loop(), 0.0
    told = manager(listener, WATCHDOG_USEC="10000000")
    ticked_at = loop.time()
    keeping = asyncio.create_task(told.keep(lambda: ticked_at, lambda: "1 calls"))
    await asyncio.sleep(LONGEST_TICK_SECONDS - 1)
    assert listener.heard()[0] == ["WATCHDOG=1", "STATUS=1 calls"]
    await asyncio.sleep(LONGEST_TICK_SECONDS)
    listener.heard()
    await asyncio.sleep(LONGEST_TICK_SECONDS)
    assert listener.heard() == []
    ticked_at = loop.time()
    await asyncio.sleep(LONGEST_TICK_SECONDS / 2)
    assert listener.heard()
    keeping.cancel()


def analyze(unit, *words):
    """What `systemd-analyze` says of a unit: its exit code and its words."""
    assert (SYSTEMD / "run").exists(), f"no systemd in {SYSTEMD}: run make test"
    paths = f"{unit.parent}:{SYSTEMD}/tree/usr/lib/systemd/system"
    done = subprocess.run(
        [SYSTEMD / "run", "usr/bin/systemd-analyze", *words, "--no-pager", unit],
        env={"SYSTEMD_UNIT_PATH": paths, "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path):
    """Our unit, where the command is."""
    path = tmp_path / "units/dialer.service"
    path.parent.mkdir()
    path.write_text(UNIT.read_text().replace("/opt/cadenza", str(ROOT)))
    return path


def test_systemd_finds_no_fault_with_the_unit(unit):
    assert analyze(unit, "verify", "--man=no") == (0, "")


def test_systemd_would_find_a_fault(unit):
    unit.write_text(unit.read_text().replace("WatchdogSec=10", "WatchdogSecs=ten"))
    assert "WatchdogSecs" in analyze(unit, "verify", "--man=no")[1]


def test_the_unit_is_hardened(unit):
    """A tenth of the 20 that it would take without a line of it: see what is open with `systemd-analyze security`."""
    code, words = analyze(unit, "security", "--offline=true", "--threshold=20")
    assert code == 0, words


def test_the_units_credentials_reach_the_settings(tmp_path, monkeypatch):
    """What systemd lays into the service's own folder (%d) is read in place of the files beside dialer.toml."""
    values = [line.partition("=")[::2] for line in UNIT.read_text().splitlines() if "=" in line]
    for name in (value.partition(":")[0] for key, value in values if key == "LoadCredential"):
        (tmp_path / name).write_text(f"the {name}\n")
    for value in (value for key, value in values if key == "Environment"):
        variable, _, path = value.partition("=")
        monkeypatch.setenv(variable, path.replace("%d", str(tmp_path)))
    (tmp_path / "dialer.toml").write_text('[pbx]\nport = 5039\nsecret_file = "nowhere"\n')
    loaded = settings.load(tmp_path / "dialer.toml")
    assert loaded.pbx.port == 5039
    assert settings.secret(None, loaded.pbx.secret_file, "pbx.secret", "") == "the ami-secret"
    assert settings.secret(None, loaded.api.token_file, "api.token", "") == "the api-token"
