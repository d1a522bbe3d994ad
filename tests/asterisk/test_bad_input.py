"""What a user does wrong, or what is away: a clear message with the remedy, a documented exit code, nothing half done."""

import asyncio
import json
import os
import re
import shutil
import socket
import sqlite3
from dataclasses import replace

import pytest
import pytest_asyncio

from dialer.demo.stage import CAMPAIGN, Trunk, standing
from dialer.testing import asterisk
from tests.asterisk.stage import Floor, dialer, import_numbers, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.asterisk, pytest.mark.timeout(180)]
INPUT, AWAY, REFUSED, IN_USE = 2, 3, 4, 5


async def refused(command, code, *words, config, env=None):
    got, out, err = await dialer(*command, "-c", config, env=env)
    assert got == code, out + err
    text = out + err
    assert "Traceback" not in text
    assert "remedy:" in text
    for word in words:
        assert word in text
    return text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory, asterisk_tree):
    async with standing(tmp_path_factory.mktemp("shared") / "stage", tree=asterisk_tree, agents=1) as stage:
        yield stage


@pytest.fixture
def stage(shared, tmp_path):
    """The PBX that all share who change nothing of it and run no daemon, beside files of the test's own."""
    for name in ("dialer.toml", "ami-secret", "api-token"):
        shutil.copy(shared.folder / name, tmp_path)
    return replace(shared, folder=tmp_path, config=tmp_path / "dialer.toml")


@pytest_asyncio.fixture(loop_scope="module")
async def own_stage(tmp_path, asterisk_tree):
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=1) as stage:
        yield stage


def change(stage, old, new):
    text = stage.config.read_text()
    assert old in text
    stage.config.write_text(text.replace(old, new))


async def test_a_wrong_secret(stage):
    (stage.folder / "ami-secret").write_text("wrong")
    for command in (["run"], ["check"]):
        await refused(command, REFUSED, "refuses the user 'dialer'", "manager_dialer_secret.conf", config=stage.config)


async def test_a_missing_secret(stage):
    (stage.folder / "ami-secret").unlink()
    await refused(["run"], INPUT, "DIALER_PBX__SECRET", config=stage.config)
    code, out, _ = await dialer("check", "-c", stage.config, env=os.environ | {"DIALER_PBX__SECRET": stage.secret})
    assert code == 0, out


async def test_a_pbx_that_is_away(own_stage):
    await own_stage.pbx.stop()
    change(own_stage, "[pbx]", "[pbx]\nfirst_connect_seconds = 1")
    for command in (["run"], ["check"]):
        await refused(command, AWAY, "no", "manager interface answers", "start Asterisk", config=own_stage.config)


@pytest.mark.parametrize(
    ("read", "write", "words"),
    [
        ("call,user", "call", "write = originate,call,reporting"),
        ("call,user", "reporting", "write = originate,call,reporting"),
        ("call,user", "originate,reporting", "write = originate,call,reporting"),
        ("log", "originate,call,reporting", "class call and user"),
        ("call,system", "originate,call,reporting", "class user)"),
        ("user,system", "originate,call,reporting", "class call)"),
        ("call,user", "originate,call,reporting", "class system)"),
    ],
)
async def test_a_user_with_too_few_rights(shared, read, write, words):
    conf = shared.folder / "pbx/etc/manager_dialer.conf"
    text = conf.read_text()
    assert "read = call,user,system\nwrite = originate,call,reporting\n" in text
    conf.write_text(
        text.replace("read = call,user,system\n", f"read = {read}\n").replace("originate,call,reporting", write)
    )
    try:
        await shared.pbx.cli("manager reload")
        await refused(["check"], 1, words, config=shared.config)
    finally:
        conf.write_text(text)
        await shared.pbx.cli("manager reload")


async def test_a_dialplan_that_is_not_included(own_stage):
    conf = own_stage.folder / "pbx/etc/extensions_dialer.conf"
    conf.write_text(conf.read_text().replace("[dialer-seat]", "[other]"))
    await own_stage.pbx.cli("dialplan reload")
    await refused(["check"], 1, "extensions_dialer.conf", config=own_stage.config)


async def test_a_port_that_is_taken(stage):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", stage.api_port))
        taken.listen()
        for command in (["run"], ["check"]):
            await refused(command, IN_USE, str(stage.api_port), config=stage.config)


async def test_a_second_daemon(own_stage):
    await own_stage.start_daemon()
    await refused(["run"], IN_USE, "another daemon", config=own_stage.config)
    await refused(["migrate"], IN_USE, "another daemon", config=own_stage.config)


async def test_an_unknown_key_changes_nothing(stage):
    change(stage, "[trunk]", "[trunk]\nchanels = 3")
    for command in (["run"], ["check"], ["campaign", "list"], ["cases", "import", "x.csv", "--campaign", CAMPAIGN]):
        await refused(command, INPUT, "trunk.chanels: unknown key", config=stage.config)
    assert not (stage.folder / "dialer.db").exists()


async def test_a_folder_that_is_not_there(stage):
    change(stage, 'path = "dialer.db"', 'path = "nowhere/dialer.db"')
    await refused(["run"], AWAY, "nowhere", config=stage.config)


async def test_a_database_of_something_else(stage):
    with sqlite3.connect(stage.folder / "dialer.db") as other:
        other.execute("create table strange (x)")
    await refused(["run"], INPUT, "dialer migrate", config=stage.config)


async def test_no_daemon_to_talk_to_and_a_token_that_is_not_its_own(own_stage):
    await refused(["campaign", "list"], AWAY, "dialer run", config=own_stage.config)
    await own_stage.start_daemon()
    await refused(
        ["campaign", "list"], REFUSED, "token", config=own_stage.config, env=os.environ | {"DIALER_API__TOKEN": "x"}
    )


async def test_a_trunk_that_is_missing_is_seen_burns_no_case_and_is_explained(tmp_path, asterisk_tree):

    trunk = Trunk("127.0.0.1", asterisk.free_port())
    async with standing(tmp_path / "stage", tree=asterisk_tree, agents=6, trunk=trunk) as stage, Floor(stage) as floor:
        await import_numbers(stage, *(f"+39347000{n:04d}" for n in range(30)))
        await stage.start_daemon()
        await floor.staff()
        await floor.command("start")

        async def explained():
            return "the trunk fails" in (await floor.campaign())["sentence"]

        await until(explained)
        line = await floor.campaign()
        assert set(line["results"]) == {"trunk_failure"}
        assert line["placed"] <= 6 + 5  # the first round, and what began before its failures were known

        async def silent():
            (said,) = (await floor.client.get("/api/v1/explain"))["campaigns"]
            return [cause["words"] for cause in said["causes"] if cause["cause"] == "trunk"]

        assert "calls in a row never left" in (await until(silent))[0]
        code, out, _ = await dialer("explain", "--case", "30", "--by", "anna", "-c", stage.config)
        before, due = map(int, re.search(r"(\d+) of the (\d+) due cases come before it", out).groups())
        assert (code, before) == (0, due - 1)
        await stage.stop_daemon()
        code, out, _ = await dialer("explain", "-c", stage.config)
        assert (code, f"{CAMPAIGN}: running when the daemon ended; " in out) == (3, True), out


async def test_a_file_with_damage_brings_in_what_is_good_and_says_the_rest(stage):
    file = stage.folder / "cases.csv"
    file.write_text(
        "creditor;debtor_reference;debtor_name;debt_reference;amount;phone_1\n"
        "Luce;D1;Anna;F1;10,00;347 1234567\n"
        "Luce;D2;Bruno;F2;dieci;347 1234568\n"
        "Luce;D3;Carla;F3;10,00;non attivo\n"
    )
    command = ["cases", "import", file, "--campaign", CAMPAIGN, "-c", stage.config]
    code, out, _ = await dialer(*command, "--strict")
    assert code == 1
    assert "nothing came in" in out
    code, out, _ = await dialer(*command, "--dry-run")
    assert (code, "1 new cases would come in" in out) == (1, True)
    rejects = stage.folder / "rejects.csv"
    code, out, _ = await dialer(*command, "--json", "--rejects", rejects)
    answer = json.loads(out)
    assert (code, answer["new"], answer["rejected_rows"]) == (1, 1, 2)
    assert [(r["row"], r["column"], r["value"]) for r in answer["rejects"]] == [
        (3, "amount", "dieci"),
        (4, "phone_1", "non attivo"),
    ]
    assert len(rejects.read_text().splitlines()) == 3
    code, out, _ = await dialer(*command, "--json")
    assert (json.loads(out)["new"], json.loads(out)["known"]) == (0, 1)
    with sqlite3.connect(stage.folder / "dialer.db") as database:
        assert database.execute("select count(*) from cases").fetchone() == (1,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"a;b\n1;2\n", "is missing in the header"),
        (b"PK\x03\x04\0", "not an Excel workbook"),
        (b"a;b\n1;2\0\n", "NUL"),
        (None, "No such file"),
    ],
)
async def test_a_file_that_is_none(stage, content, words):
    file = stage.folder / "cases.csv"
    if content is not None:
        file.write_bytes(content)
    await refused(["cases", "import", file, "--campaign", CAMPAIGN], INPUT, words, "cases.csv", config=stage.config)
    await refused(
        ["cases", "import", file, "--campaign", "gas"], INPUT, "no campaign is named 'gas'", config=stage.config
    )


async def test_errors_can_be_read_by_programs(stage):
    code, out, _ = await dialer("campaign", "list", "--json", "-c", stage.config)
    assert code == AWAY
    assert json.loads(out) == {
        "error": "the daemon doesn't answer",
        "remedy": "start it with dialer run, or correct [api]",
        "exit_code": AWAY,
    }


async def test_check_says_that_all_is_well(stage):
    code, out, _ = await dialer("check", "-c", stage.config)
    assert code == 0
    assert out.count("✔") == 15
    assert "✔ trunks: trunk is reached" in out
    assert "22." in out
    assert "dls-" not in await stage.pbx.cli("core show channels concise")  # the probe leaves nothing behind


async def test_the_commands_drive_a_running_daemon(own_stage):
    await own_stage.start_daemon()

    async def run(*command, code=0):
        got, out, err = await dialer(*command, "-c", own_stage.config)
        assert got == code, out + err
        return out

    assert "demo is running" in await run("campaign", "start", CAMPAIGN)
    await run("agents", "log-in", "agent01")

    async def paused():
        return "paused" in await run("agents", "list")

    await until(paused)
    assert "agent01 is ready" in await run("agents", "ready", "agent01")
    assert "agent01 is paused (lunch)" in await run("agents", "pause", "agent01", "--reason", "lunch")
    await run("agents", "wrap-up", "agent01", "refuses", code=1)
    await run("agents", "ready", "nobody", code=1)
    assert json.loads(await run("agents", "list", "--json"))["agents"][0]["state"] == "paused"
    assert "demo is halted" in await run("campaign", "halt", CAMPAIGN)
    await run("campaign", "drain", CAMPAIGN, code=1)
    assert json.loads(await run("campaign", "list", "--json"))["campaigns"][0]["state"] == "halted"
    assert "agent01 is offline" in await run("agents", "log-out", "agent01")
    await run("campaign", "start", "gas", code=1)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(own_stage.daemon.wait(), 0.1)
