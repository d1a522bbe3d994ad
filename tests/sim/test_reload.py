"""The configuration taken up anew while calls are up, on the shipped fakes and under virtual time."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from dialer import settings
from dialer.adapters.metrics import HEALTH, DialerCollector, Inside, exposition
from dialer.adapters.systemd import ServiceManager
from dialer.calls.retention import Pruning
from dialer.in_force import InForce
from dialer.kernel.histogram import Histogram
from dialer.kernel.reloads import ReloadResult
from dialer.live.snapshot import Snapshot
from dialer.reload import LOOK_SECONDS, Reloading
from dialer.testing.memory_reloads import MemoryReloads
from dialer.testing.public import Behaviour
from pacing import Mode
from tests.sim.house import House

pytestmark = pytest.mark.virtual_time
FILE = """\
[pbx]
secret = "s"

[trunk]
channels = 100
calls_per_second = 50

[campaigns.k]
caller_id = "+390612345678"
mode = "progressive"
ring_timeout_seconds = 20
post_dial_delay_seconds = 2
facts = { licence_valid_until = 2099-12-31, caller_id_registered = true, trunk_domestic = true }
"""
AGENTS = "".join(
    f'\n[[agents]]\nname = "agent{n}"\nseat = {1001 + n}\nphone = "PJSIP/agent{n}"\ncampaigns = ["k"]\n'
    for n in range(4)
)


class Reloaded:
    """A house whose campaign is configured by a file."""

    def __init__(self, house, folder):
        self.house, self.path, self.admitted, self.record = house, folder / "dialer.toml", [], MemoryReloads()
        self.write()
        self.in_force = InForce(settings.load(self.path))
        self.pruning = Pruning(None, None, "cell1", self.in_force.taken.retention)
        self.reloading = Reloading(
            self.path,
            self.in_force,
            house.flow,
            self.pruning,
            self.admitted.append,
            self.record,
            house.clock,
            ServiceManager({}, 0),
        )

    def write(self, *changes):
        text = FILE + AGENTS
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        self.path.write_text(text)

    async def reload(self, *changes):
        self.write(*changes)
        return await self.reloading.reload("anna")

    async def metrics(self):
        snapshot = Snapshot(self.house.clock.now(), True, 0.0, (), ())
        inside = Inside(lambda: dict.fromkeys(HEALTH, 0.0), frozenset, Histogram(()), Histogram(()), {}, {}, {})
        text = (await exposition(DialerCollector(self.house.tally, lambda: snapshot, inside))).decode()
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("dialer_config"))


@pytest.fixture
def reloaded(tmp_path, monkeypatch):
    async def here(work, *args):  # another thread's answer isn't waited for in virtual time
        return work(*args)

    monkeypatch.setattr(asyncio, "to_thread", here)

    @asynccontextmanager
    async def made(**how):
        async with House(agents=4, **how) as house:
            yield Reloaded(house, tmp_path)

    return made


async def run_a_campaign(reloaded, changes):
    """Thirty cases, with a change of the file every two seconds, None: no reload; what became of each call, and when."""
    async with reloaded() as site:
        began = site.house.clock.now()
        await site.house.begin(*[Behaviour.PERSON, Behaviour.NEVER_ANSWERS, Behaviour.BUSY] * 10)
        told = []
        for change in changes:
            await site.house.run(2)
            told += [] if change is None else [(await site.reload(*change)).result]
        await site.house.run(120)
        assert not len(site.house.live)
        calls = [
            (one.intent.number, one.result, one.ended_at - began, one.bridged_at and one.bridged_at - began)
            for one in site.house.record.attempts.values()
        ]
        return told, calls, site


async def test_ten_reloads_one_of_them_broken_lose_no_call(reloaded):
    """The very same calls end in the very same way, at the same instants, as without a reload."""
    changes = [[("calls_per_second = 50", f"calls_per_second = {51 + n}")] for n in range(10)]
    changes[5] = [("channels = 100", "channels = no")]
    _, undisturbed, _ = await run_a_campaign(reloaded, [None] * 10)
    told, calls, site = await run_a_campaign(reloaded, changes)
    assert told == [ReloadResult.APPLIED] * 5 + [ReloadResult.REFUSED] + [ReloadResult.APPLIED] * 4
    assert calls == undisturbed
    assert len(calls) >= 30
    metrics = await site.metrics()
    assert metrics['dialer_config_reloads_total{result="applied"}'] == "9.0"
    assert metrics['dialer_config_reloads_total{result="refused"}'] == "1.0"
    assert metrics["dialer_config_last_reload_successful"] == "1.0"
    assert [one.by for one in site.record.kept] == ["anna"] * 10


async def test_a_change_paces_the_very_next_tick(reloaded):
    async with reloaded() as site:
        house = site.house
        await house.begin(*[Behaviour.NEVER_ANSWERS] * 60)
        await house.run(3)
        assert len(house.live) == 4
        told = await site.reload(('mode = "progressive"', 'mode = "predictive"'))
        assert [str(one) for one in told.changed] == ["campaigns.k.mode: progressive → predictive"]
        await house.flow.tick()
        assert house.tally.campaigns["k"].burst.limit == "budget"  # which no other mode asks for
        await site.reload(("channels = 100", "channels = 2"))
        assert len(house.live) == 4
        await house.run(40)
        assert (house.campaign.mode, len(house.live)) == (Mode.PROGRESSIVE, 2)
        assert set(house.results()) == {"no_answer"}


async def test_a_bad_file_is_refused_with_its_place_and_what_was_in_force_stays(reloaded):
    async with reloaded() as site:
        in_force = site.in_force.taken
        for change, where in (
            (("channels = 100", "channels = 0"), "dialer.toml:5: trunk.channels: "),
            (("[trunk]", "[trunk\n"), "dialer.toml:4: not TOML"),
            (("[campaigns.k]", "[campaigns.k]\nscript_folder = 'x'"), "x"),
            (
                ('mode = "progressive"', 'mode = "progressive"\nabandonment_cap = 0.5'),
                "dialer.toml:11: campaigns.k.abandonment_cap",
            ),
        ):
            told = await site.reload(change, ("calls_per_second = 50", "calls_per_second = 1"))
            assert told.result is ReloadResult.REFUSED
            assert where in told.why
            assert told.remedy
            assert site.in_force.taken is in_force
            assert (await site.metrics())["dialer_config_last_reload_successful"] == "0.0"
        assert site.house.trunks.capacity(()).calls_per_second == 50.0
        assert site.admitted == []
        assert (await site.reload()).result is ReloadResult.UNCHANGED
        assert (await site.metrics())["dialer_config_last_reload_successful"] == "1.0"


@pytest.mark.parametrize(
    "broken",
    [
        'outcomes_file = "own\\u0000.toml"',
        "value = " + "1" * 5000,
        f"facts = {{ deep = {'[' * 5000}{']' * 5000} }}",
    ],
    ids=["a NUL in a path", "an endless number", "a bottomless list"],
)
async def test_what_nobody_foresaw_in_a_file_is_refused_and_the_daemon_lives(reloaded, broken):
    async with reloaded() as site:
        watch = asyncio.create_task(site.reloading.watch())
        site.write(("facts = ", "# "), ("[campaigns.k]", f"[campaigns.k]\n{broken}"))
        await asyncio.sleep(9 * LOOK_SECONDS)
        assert [one.result for one in site.record.kept] == [ReloadResult.REFUSED]
        assert site.record.kept[0].remedy
        assert not watch.done()
        watch.cancel()


async def test_files_that_cannot_be_looked_at_are_as_they_were(reloaded, monkeypatch):
    def fails(*_):
        raise ValueError

    async with reloaded() as site:
        with monkeypatch.context() as broken:
            broken.setattr("dialer.reload._look", fails)
            watch = asyncio.create_task(site.reloading.watch())
            await asyncio.sleep(3 * LOOK_SECONDS)
            assert (await site.reload()).result is ReloadResult.REFUSED
        site.write(("channels = 100", "channels = 8"))
        await asyncio.sleep(4 * LOOK_SECONDS)
        assert site.house.trunks.capacity(()).channels == 8
        assert not watch.done()
        watch.cancel()


async def test_what_waits_for_a_restart_is_told_each_time_and_on_record_once(reloaded):
    async with reloaded() as site:
        change = [('secret = "s"', 'secret = "s"\nport = 5039'), ("channels = 100", "channels = 9")]
        first, second = await site.reload(*change), await site.reload(*change)
        assert (first.result, second.result) == (ReloadResult.APPLIED, ReloadResult.UNCHANGED)
        assert [str(one) for one in second.waiting] == ["pbx.port: 5038 → 5039"]
        assert site.record.kept == [first]
        third = await site.reload(change[1])
        assert (third.result, third.waiting) == (ReloadResult.UNCHANGED, ())
        assert site.record.kept == [first, third]


async def test_a_file_that_changed_is_taken_up_once_it_stands_still(reloaded):
    async with reloaded() as site:
        watch = asyncio.create_task(site.reloading.watch())
        await asyncio.sleep(2.5 * LOOK_SECONDS)  # half-way between two looks, from here on
        site.write(("channels = 100", "channels = 90"))
        await asyncio.sleep(LOOK_SECONDS)
        site.write(("channels = 100", "channels = 8"))  # still being written
        await asyncio.sleep(LOOK_SECONDS)
        assert site.record.kept == []
        await asyncio.sleep(2 * LOOK_SECONDS)
        assert [(one.by, str(one.changed[0])) for one in site.record.kept] == [("file", "trunk.channels: 100 → 8")]
        site.write(("channels = 100", "channels = no way"))
        await asyncio.sleep(9 * LOOK_SECONDS)
        assert [one.result for one in site.record.kept[1:]] == [ReloadResult.REFUSED]
        site.write()
        site.reloading.ask()
        await asyncio.sleep(0.1)
        assert (site.record.kept[-1].by, site.house.trunks.capacity(()).channels) == ("signal", 100)
        watch.cancel()


async def test_agents_tokens_and_scripts_are_taken_up(reloaded, tmp_path):
    async with reloaded(also={"gas": {}}) as site:
        token = '\n[[api.tokens]]\nname = "bi"\nsha256 = "' + "0" * 64 + '"\nscopes = ["read"]\n'
        script = 'campaigns = ["k"]\nclass = "senior"\n' + token
        await site.reload(('campaigns = ["k"]\n', script))
        assert site.house.roster.session("agent0").kind == "senior"
        assert [holder.name for holder in site.admitted[-1]] == ["bi"]
        assert site.house.flow.outside.callable_for("k") == {}
        await site.reload(('campaigns = ["k"]\n', 'campaigns = ["k"]\nsupervisor = true\n'))
        assert site.house.flow.outside.callable_for("k") == {"agent0": "supervisor"}
        await site.reload()
        assert site.house.roster.session("agent0").kind == ""
        assert site.admitted[-1] == ()
