"""A real Prometheus over a real daemon: every panel has a figure, every rule can be evaluated, and what is lost is alarmed.

The rules are those that ship, but for the times that an alert waits (`for`), which promtool tests.
"""

import asyncio
import math
import re
import shutil
import signal
import sqlite3
from contextlib import asynccontextmanager
from random import Random

import pytest

from dialer.demo import agents as acting
from dialer.demo.stage import CAMPAIGN, standing
from dialer.testing.public import Behaviour, behaviour_of
from tests.asterisk.stage import Floor, import_numbers, until
from tests.monitoring.prometheus import MONITORING, PrometheusServer
from tests.monitoring.test_dashboards import expressions

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(240)]
QUICK = [Behaviour.PERSON, Behaviour.BUSY, Behaviour.PERSON, Behaviour.REJECTED_BY_NETWORK, Behaviour.PERSON_HANGS_UP]


def numbers(behaviours, pace):
    return [f"+39347{n:03d}{pace:02d}{kind.value.code}" for n, kind in enumerate(behaviours)]


@asynccontextmanager
async def prometheus(folder, api_port):
    """The sample's configuration and rules, at once where the sample waits."""
    config = (MONITORING / "prometheus.yml").read_text()
    shutil.copytree(MONITORING / "rules", folder / "rules")
    alerts = folder / "rules/alerts.yml"
    alerts.write_text(re.sub(r"for: \w+", "for: 0s", alerts.read_text()))
    config = config.replace("127.0.0.1:8088", f"127.0.0.1:{api_port}").replace("interval: 5s", "interval: 1s")
    (folder / "prometheus.yml").write_text(config)
    server = PrometheusServer(folder / "prometheus.yml")
    await server.start()
    try:
        yield server
    finally:
        await server.discard()


@asynccontextmanager
async def at_work(stage, floor):
    """The demo's agents."""
    staff = [
        acting.ScriptedAgent(phone.name, floor.client, Random(n), behaviour_of, phone)
        for n, phone in enumerate(stage.phones)
    ]
    acts = asyncio.create_task(acting.work(staff, floor.client, lambda _: None))
    try:
        yield
    finally:
        acts.cancel()
        await asyncio.wait([acts])


async def empty(server):
    """The panels that show nothing, or no number."""
    return [
        title
        for title, expression in expressions()
        if not (found := await server.query(expression)) or any(math.isnan(value) for _, value in found)
    ]


async def test_every_panel_has_its_figure_and_what_is_lost_is_alarmed(tmp_path, asterisk_tree):
    (tmp_path / "prometheus").mkdir()
    async with (
        standing(tmp_path / "stage", tree=asterisk_tree, agents=3) as stage,
        Floor(stage) as floor,
        prometheus(tmp_path / "prometheus", stage.api_port) as server,
    ):

        async def alarmed(name):
            return [alert for alert in await server.firing() if alert["alertname"] == name]

        await import_numbers(stage, *numbers(QUICK, 0))
        await stage.start_daemon()
        await floor.staff()
        async with at_work(stage, floor):
            await floor.command("start")

            async def called():
                line = await floor.campaign()
                return line["placed"] >= len(QUICK) and line["bridged"] >= 2

            await until(called)

            async def all_shown():
                return not await empty(server)

            try:
                await until(all_shown, 30)
            except TimeoutError:
                assert await empty(server) == []
            for group in (await server.ask("/api/v1/rules"))["data"]["groups"]:
                assert {rule["health"] for rule in group["rules"]} == {"ok"}, group
            for name in ("DialerDown", "AmiDown", "GateFailClosed", "AbandonBudgetNearlySpent"):
                assert not await alarmed(name)
            assert await alarmed("ClockShifted")  # a demo's is

            # the record can't be written: somebody holds the database
            with sqlite3.connect(stage.folder / "dialer.db", isolation_level=None) as thief:
                thief.execute("begin immediate")
                (alert,) = await until(lambda: alarmed("GateFailClosed"))
                assert alert["reason"] == "store-away"
                assert "store-away" in alert["summary"]
                thief.execute("rollback")

            async def open_again():
                return not await server.query("dialer_gate_shut > 0")

            await until(open_again)

            # nobody is there when two answer
            await import_numbers(stage, *numbers(QUICK, 0), *numbers([Behaviour.PERSON] * 2, 99))

            async def ringing():
                return (await floor.campaign())["calls"].get("ringing", 0) == 2

            await until(ringing)
            stage.daemon.send_signal(signal.SIGSTOP)
            await until(lambda: marks(stage))
            stage.daemon.send_signal(signal.SIGCONT)
            alert, *_ = await until(lambda: alarmed("AbandonBudgetNearlySpent"))  # one for each window
            assert alert["campaign"] == CAMPAIGN
            assert re.search(r"abandoned \d+(\.\d+)?% of its answered calls by it-unirec", alert["summary"])
        stage.pbx.kill()
        assert await until(lambda: alarmed("AmiDown"))
        stage.daemon.kill()
        assert await until(lambda: alarmed("DialerDown"))


async def marks(stage):
    """What the dialplan abandoned without us."""
    return "dialer_abandoned" in await stage.pbx.cli("database show")
