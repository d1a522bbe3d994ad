"""`dialer tune`: the file's own text, what is tried on the simulated floor, and what is asked of the daemon."""

import json
import os
import re
import socket
import sys
import tomllib
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import get_args

import pytest
from pydantic import SecretStr

from dialer.cli import client, main
from dialer.cli import tune as command
from dialer.kernel.errors import InputError, RefusedError
from dialer.lab import what_if
from dialer.settings import Settings, editing, loading
from pacing import Mode, Target
from pacing.lab.scenario import SCENARIOS
from tests.unit.test_sim_command import NINE, call, record

FILE = """\
# the agency's own
[trunk]
channels = 30   # as the contract has it

[campaigns.luce]   # electricity
packs = ["uk-ofcom"]
caller_id = "+390612345678"
mode = "progressive"  # cautious
abandonment_target = 0.01
"""


def test_an_edit_changes_its_keys_and_nothing_else():
    changes = {("campaigns", "luce", "mode"): "predictive", ("trunk", "channels"): 20, ("trunk", "country"): "IT"}
    text = editing.edited(FILE, changes | {("campaigns", "luce", "abandonment_target"): None})
    assert text == FILE.replace('mode = "progressive"', 'mode = "predictive"').replace("= 30 ", "= 20 ").replace(
        "has it\n", 'has it\ncountry = "IT"\n'
    ).replace("abandonment_target = 0.01\n", "")


@pytest.mark.parametrize("key", [("campaigns", "gas", "mode"), ("trunk", "channels", "most"), ("agents", "0", "seat")])
def test_an_edit_of_what_is_not_there_is_refused(key):
    with pytest.raises(InputError, match=r"no section|no key"):
        editing.edited(FILE + '[[agents]]\nname = "anna"\n', {key: 1})


def test_a_file_is_replaced_as_a_whole_unless_somebody_else_changed_it(tmp_path):
    path = tmp_path / "real.toml"
    path.write_text(FILE)
    path.chmod(0o640)
    link = tmp_path / "dialer.toml"
    link.symlink_to(path)
    editing.write(link, "new", instead_of=FILE)
    assert (path.read_text(), link.is_symlink(), path.stat().st_mode & 0o777) == ("new", True, 0o640)
    with pytest.raises(InputError, match="changed meanwhile"):
        editing.write(link, "newer", instead_of=FILE)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["dialer.toml", "real.toml"]


def test_every_secret_that_may_stand_in_the_file_is_known():
    sections = {name: loading.section_at((name,)) for name in Settings.model_fields}
    found = {
        (name, key)
        for name, section in sections.items()
        if section
        for key, field in section.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }
    assert found == set(editing.SECRETS)
    assert editing.without_secrets('[ledger]\nurl = "redis://ours:hush@there/0"\n') == (
        '[ledger]\nurl = "redis://ours@there/0"\n'
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_stays_its_owners(tmp_path):
    path = tmp_path / "dialer.toml"
    path.write_text(FILE)
    os.chown(path, 4711, 4712)
    path.chmod(0o640)
    editing.write(path, "new", instead_of=FILE)
    now = path.stat()
    assert (now.st_uid, now.st_gid, now.st_mode & 0o777) == (4711, 4712, 0o640)


def test_a_file_that_would_change_its_owner_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "dialer.toml"
    path.write_text(FILE)

    def refused(handle, owner, group):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refused)
    real = os.fstat

    def somebody_elses(handle):
        return os.stat_result([*real(handle)[:4], 4711, *real(handle)[5:]])

    monkeypatch.setattr(os, "fstat", somebody_elses)
    with pytest.raises(InputError, match="can't be written: Operation not permitted"):
        editing.write(path, "new", instead_of=FILE)
    assert [one.name for one in tmp_path.iterdir()] == ["dialer.toml"]
    assert path.read_text() == FILE


REAL_ASK = client.ask


class Daemon:
    """What the command asks of it. reload: its answer; fails: what it raises in place of one."""

    def __init__(self):
        self.reload, self.asked, self.fails = {"result": "applied"}, [], None

    def ask(self, config, method, path, body=None):
        self.asked.append(path)
        if path == "/api/v1/agents":
            return {"agents": [{"campaigns": ["luce"], "state": state} for state in ("ready", "talking", "offline")]}
        if self.fails is not None:
            raise self.fails
        return self.reload


@pytest.fixture
def daemon(monkeypatch):
    daemon = Daemon()
    monkeypatch.setattr(client, "ask", daemon.ask)
    return daemon


@pytest.fixture
def tune(tmp_path, monkeypatch, capsys, daemon):
    """Runs `dialer tune luce …`; its exit code, and what it printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dialer.toml").write_text(FILE)

    def tune(*words):
        monkeypatch.setattr(sys, "argv", ["dialer", "tune", "luce", *words, "--by", "anna"])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out + err

    tune.text = (tmp_path / "dialer.toml").read_text
    tune.folder = tmp_path
    return tune


def a_busy_hour():
    """120 calls; every third was answered, to talks of 40 s and 20 s of writing up."""
    calls = []
    for n in range(120):
        at = NINE + timedelta(seconds=30 * n)
        calls.append(call(at, talk=40.0, wrap=20.0, agent=f"a{n % 3}") if n % 3 == 0 else call(at))
    return calls


@pytest.fixture
def recorded(tune, monkeypatch, capsys):
    """A record, and days of ten minutes."""
    monkeypatch.setattr(command, "SIMULATED_SECONDS", 600.0)
    monkeypatch.setattr(what_if, "TAUGHT_SECONDS", 300.0)
    monkeypatch.setattr(what_if, "SEEDS", (1,))
    monkeypatch.setattr(sys, "argv", ["dialer", "migrate"])
    with suppress(SystemExit):
        main()
    record(tune.folder, a_busy_hour())
    capsys.readouterr()


def test_what_it_would_come_to_is_told_and_then_it_holds(tune, daemon, recorded):
    code, out = tune("mode=predictive", "abandonment_target=0.03", "--yes")
    assert code == 0, out
    assert "campaigns.luce.mode: progressive → predictive\n" in out
    found = re.search(r"abandonment ([\d.]+) % → ([\d.]+) %, occupancy ([\d.]+) % → ([\d.]+) %, calls an hour", out)
    before, after, idle, busy = map(float, found.groups())
    assert before == 0.0
    assert 0.0 <= after <= 10.0
    assert 0.0 < min(idle, busy) <= max(idle, busy) <= 100.0
    assert "simulated: 2 agents, 33 % of the calls answered as in the last 2 h on record" in out
    assert out.endswith("written, and taken up\n")
    assert daemon.asked == ["/api/v1/agents", "/api/v1/reloads?most=1", "/api/v1/reloads?by=anna"]
    assert tune.text() == FILE.replace('"progressive"', '"predictive"').replace("0.01", "0.03")


def test_nothing_is_written_for_a_trial_or_a_refused_change(tune, daemon, recorded):
    code, out = tune("mode=predictive", "--dry-run", "--json")
    said = json.loads(out)
    assert (code, said["written"], said["reload"]) == (0, False, None)
    assert said["what_if"]["before"]["answered"] > 0
    for words, told in (
        (["mode=brutal"], "dialer.toml:8: campaigns.luce.mode: "),
        (["abandonment_cap=0.5"], "dialer.toml:10: campaigns.luce.abandonment_cap is 0.5: "),
        (["colour=red"], "dialer.toml:10: campaigns.luce.colour: unknown key"),
        (["mode"], "not KEY=VALUE"),
        (["gas.mode=predictive"], "no section 'gas'"),
    ):
        code, out = tune(*words, "--yes")
        assert (code, told in out) == (2, True), out
    assert tune.text() == FILE
    assert "/api/v1/reloads?by=anna" not in daemon.asked


def test_without_enough_on_record_it_says_so_and_a_no_changes_nothing(tune, daemon, monkeypatch):
    monkeypatch.setattr(sys, "stdin", StringIO("n\n"))
    code, out = tune("mode=predictive")
    assert code == 1
    assert "no what-if: " in out
    assert tune.text() == FILE
    code, out = tune("share=2", "trunk.channels=default", "--yes")
    assert code == 0, out
    assert "no what-if: none of it changes how many calls" in out
    values = tomllib.loads(tune.text())
    assert (values["campaigns"]["luce"]["share"], values["trunk"]) == (2, {})


def test_a_daemon_that_is_away_or_refuses(tune, daemon):
    daemon.reload = {"result": "refused", "why": "its packs allow at most 0.02", "remedy": "lower"}
    code, out = tune("value=3", "--yes")
    assert code == 2
    assert "the daemon refuses it, and the file is as it was: its packs allow" in out
    assert tune.text() == FILE
    daemon.fails = client.NobodyListensError("the daemon doesn't answer")
    code, out = tune("value=3", "packs=['uk-ofcom', 'house-caps']", "--yes")
    assert code == 0, out
    assert 'needs a restart: campaigns.luce.packs: ["uk-ofcom"] → ["uk-ofcom","house-caps"]' in out
    assert "no daemon runs" in out
    assert tomllib.loads(tune.text())["campaigns"]["luce"]["value"] == 3


def test_a_daemon_that_may_have_heard_it_is_no_missing_one(tune, daemon):
    daemon.fails = client.DaemonAwayError("the daemon doesn't answer")
    code, out = tune("value=3", "--yes")
    assert (code, "written; the daemon didn't answer" in out, "no daemon runs" in out) == (0, True, False), out


def test_a_token_that_is_refused_leaves_the_file_alone(tune, daemon):
    daemon.fails = RefusedError("the daemon refuses the token")
    code, out = tune("value=3", "--yes")
    assert (code, "refuses the token" in out) == (4, True), out
    assert tune.text() == FILE


def test_only_a_refused_connection_says_that_no_daemon_runs(tune):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    path = tune.folder / "api.toml"
    path.write_text(f'[api]\nport = {port}\ntoken = "0123456789abcdef0123456789abcdef"\n')
    with pytest.raises(client.NobodyListensError):
        REAL_ASK(path, "GET", "/")


def test_a_predictive_floor_keeps_its_agents_busier_and_a_narrow_trunk_idle(monkeypatch):
    monkeypatch.setattr(what_if, "TAUGHT_SECONDS", 900.0)
    monkeypatch.setattr(what_if, "SEEDS", (1,))
    floor = replace(SCENARIOS["constant-40"], seconds=900.0)
    target = Target(mode=Mode.PROGRESSIVE, channels=300, calls_per_second=50.0)
    careful = what_if.outlook(floor, 12, target)
    bold = what_if.outlook(floor, 12, replace(target, mode=Mode.PREDICTIVE))
    assert careful.abandonment == 0.0
    assert bold.occupancy > careful.occupancy
    assert bold.calls_per_hour > careful.calls_per_hour
    assert what_if.outlook(floor, 12, replace(target, channels=6)).occupancy < careful.occupancy
