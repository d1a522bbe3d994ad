"""What each campaign's pacing is asked with, and what is kept of it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from structlog.testing import capture_logs

import pacing
from dialer.agents.roster import Roster
from dialer.calls.kinds import kind_of
from dialer.calls.live import LiveAttempts
from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.trunk import Trunk
from dialer.compliance.verdict import Intent
from dialer.kernel.errors import AwayError
from dialer.kernel.learnt import Learnt
from dialer.live.abandoned import Counts, Portion
from dialer.live.accounts import Accounts, home_of, window_of
from dialer.live.pacer import Latency, Pacer
from dialer.live.targets import Targets
from dialer.testing.law import law
from dialer.testing.memory_record import MemoryRecord
from pacing import Floor
from tests.clock import SetClock

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ROME = "+390612345678"


class Desk:
    def __init__(self, record=None, packs=("it-unirec",), calls_per_second=5.0):
        self.clock, self.record = SetClock(NOW), record or MemoryRecord()
        shipped = law(*packs)
        self.campaigns = [Campaign(name, packs, ROME, 20.0, 2.0, None) for name in ("a", "b")]
        self.accounts = Accounts(shipped, self.record, LiveAttempts(), self.clock)
        self.live = LiveAttempts()
        targets = Targets(shipped.packs, self.trunks(calls_per_second), {})
        roster = Roster([], self.record, self.clock, None)
        self.latency = Latency()
        self.pacer = Pacer(targets, self.accounts, roster, self.record, self.clock, lambda: self.latency)

    def trunks(self, calls_per_second, ramp_seconds=0.0):
        one = Trunk("trunk", "trunk", channels=1_000, calls_per_second=calls_per_second)
        return Trunks([one], self.live, self.clock, ramp_seconds=ramp_seconds)

    def decide(self, campaign, **floor):
        floor = Floor(self.pacer.elapsed_seconds(campaign.name), **floor)
        return self.pacer.decide(campaign, floor)


@pytest.fixture
def kept(monkeypatch):
    """The memories that were carried over to a next day."""
    carry, carried = pacing.carried_over, []
    monkeypatch.setattr(pacing, "carried_over", lambda memory: carried.append(memory) or carry(memory))
    return carried


def test_campaigns_share_the_trunks_rate_however_many_they_are():
    desk, placed = Desk(), 0
    for _ in range(400):  # 100 s in ticks of 250 ms, agents without end
        for campaign in desk.campaigns:
            placed += desk.decide(campaign, idle=(1.0,) * 50).calls
        desk.clock.time += timedelta(milliseconds=250)
    assert 490 <= placed <= 510


def test_one_campaigns_decisions_are_timed_from_its_own_last():
    desk = Desk()
    first, second = desk.campaigns
    assert desk.pacer.elapsed_seconds("a") == 0
    desk.decide(first)
    desk.clock.time += timedelta(seconds=1)
    desk.decide(second)
    desk.clock.time += timedelta(seconds=1)
    assert (desk.pacer.elapsed_seconds("a"), desk.pacer.elapsed_seconds("b")) == (2.0, 1.0)


def test_a_sick_trunk_is_probed_once_for_all_campaigns():
    desk, placed = Desk(), 0
    for _ in range(4 * 25):
        for campaign in desk.campaigns:
            placed += desk.decide(campaign, idle=(1.0,) * 9, trunk_failures=5).calls
        desk.clock.time += timedelta(milliseconds=250)
    assert placed == 3


def test_a_campaign_that_is_halted_does_not_slow_the_others_start():
    desk = Desk()
    desk.pacer.targets = Targets(law("it-unirec").packs, desk.trunks(20.0, ramp_seconds=10.0), {})
    running, halted = desk.campaigns
    for _ in range(80):  # 20 s
        desk.decide(halted, halted=True)
        burst = desk.decide(running, idle=(1.0,) * 50)
        desk.clock.time += timedelta(milliseconds=250)
    assert burst.limit is pacing.Limit.RATE


def test_the_pbx_that_answers_slowly_is_seen(monkeypatch):
    seen, size = [], pacing.size
    monkeypatch.setattr(pacing, "size", lambda floor, *more: seen.append(floor) or size(floor, *more))
    desk = Desk()
    desk.latency = Latency(0.4, 0.9)
    desk.decide(desk.campaigns[0])
    assert (seen[0].acknowledgement_seconds, seen[0].lag_seconds) == (0.4, 0.9)


async def test_what_was_learnt_survives_a_restart_and_is_carried_over_to_the_next_day(kept):
    desk = Desk()
    for _ in range(3):
        desk.clock.time += timedelta(seconds=1)
        desk.decide(desk.campaigns[0], idle=(1.0,), dialling=(5.0,))
    desk.pacer.save()
    saved = desk.record._learnt["a"].text
    assert json.loads(saved)["spending"]["seconds"] > pacing.Memory().spending.seconds
    for hours, carried in ((2, 0), (15, 1)):  # 12:00 and 01:00 in Rome
        again = Desk(record=desk.record)
        again.clock.time += timedelta(hours=hours)
        await again.pacer.load(again.campaigns)
        kept.clear()
        again.pacer.save()
        assert again.record._learnt["a"].text == saved
        desk.record._learnt["a"] = replace(again.record._learnt["a"], saved_at=NOW)
        again.decide(again.campaigns[0])
        again.decide(again.campaigns[0])
        assert len(kept) == carried


async def test_a_daemon_that_runs_over_midnight_carries_over_too(kept):
    desk = Desk()
    desk.decide(desk.campaigns[0])
    desk.clock.time += timedelta(hours=15)
    desk.decide(desk.campaigns[0])
    assert len(kept) == 1


@pytest.mark.parametrize("text", ['{"seconds": 1, "more": 2}', "{", "null", "[1]"])
async def test_a_memory_that_cannot_be_read_is_dropped_with_a_word(kept, text):
    record = MemoryRecord()
    record._learnt["a"] = Learnt(NOW, text)
    desk = Desk(record=record)
    with capture_logs() as logs:
        await desk.pacer.load(desk.campaigns)
    assert [line["event"] for line in logs] == ["pacing.memory_dropped"]
    desk.decide(desk.campaigns[0])
    desk.pacer.save()
    cold = pacing.size(Floor(0.0), desk.pacer.targets.of(desk.campaigns[0]), pacing.Memory())[1]
    assert json.loads(record._learnt["a"].text) == pacing.memory.dump(cold)


def test_a_memory_that_is_no_number_is_not_kept(monkeypatch):
    desk = Desk()
    desk.decide(desk.campaigns[0])
    desk.pacer.save()
    kept = desk.record._learnt["a"]
    monkeypatch.setattr(pacing.memory, "dump", lambda _: {"answers": float("nan")})
    desk.clock.time += timedelta(minutes=1)
    with capture_logs() as logs:
        desk.pacer.save()
    assert [line["event"] for line in logs] == ["pacing.memory_not_kept"]
    assert desk.record._learnt["a"] == kept


def test_a_decision_is_told_when_it_places_calls_or_says_something_new():
    desk = Desk()
    with capture_logs() as logs:
        for _ in range(3):
            desk.decide(desk.campaigns[0])
        desk.clock.time += timedelta(seconds=1)
        desk.decide(desk.campaigns[0], idle=(1.0,))
    told = [line for line in logs if line["event"] == "burst.decided"]
    assert [line["calls"] for line in told] == [0, 1]
    assert "free agents" in told[0]["why"]


@pytest.mark.parametrize(
    ("window", "day", "first", "span"),
    [
        ("local_day", 10, 3, (10, 10)),
        ("tumbling_days:30", 3, 3, (3, 32)),
        ("tumbling_days:30", 33, 3, (33, 62)),
        ("calendar_month", date(2026, 2, 11).toordinal(), 3, (739648, 739675)),
    ],
)
def test_windows_have_a_first_and_a_last_day(window, day, first, span):
    assert window_of(window, day, first) == span


def test_the_time_left_is_until_the_last_legal_hour_of_the_day():
    desk = Desk(packs=("it-unirec", "us-tsr", "ca-on"))
    left = {account.name.split()[2]: account.left_seconds for account in desk.accounts.of(desk.campaigns[0])}
    assert left.keys() >= {"local_day", "campaign", "tumbling_days:30", "calendar_month"}
    assert 0 < left["local_day"] <= 11 * 3_600  # 10:00 in Rome, where nobody is called after 21:00
    assert left["campaign"] is left["tumbling_days:30"] is left["calendar_month"] is None
    desk.clock.time = datetime(2026, 11, 30, 9, tzinfo=UTC)  # the month's last day
    left = {account.name.split()[2]: account.left_seconds for account in desk.accounts.of(desk.campaigns[0])}
    assert left["calendar_month"] == left["local_day"] is not None


@pytest.mark.parametrize(
    ("number", "home"), [(ROME, "Europe/Rome"), ("+80012345678", "UTC"), ("+442071838750", "Europe/London")]
)
def test_a_campaign_is_at_home_where_its_number_is(number, home):
    assert home_of(number) == home


@pytest.mark.parametrize(
    ("number", "zones", "tried", "kind"),
    [
        ("+393471234567", ("Europe/Rome",), 0, "mobile/10/1"),
        ("+390212345678", ("Europe/Rome",), 3, "fixed/10/3"),
        ("+12025550143", ("America/New_York",), 12, "other/4/10"),
        ("+393471234567", (), 1, "mobile/unknown/2"),
    ],
)
def test_the_kind_of_a_call_holds_no_person(number, zones, tried, kind):
    intent = Intent("k", 1, 1, number, zones, ("it-unirec",), 30.0, given={"attempts_so_far": tried})
    assert kind_of(intent, NOW) == kind


class Abroad(MemoryRecord):
    """A record of calls to two sides of the world."""

    async def portions(self, since, until, excluding=()):
        if until is not None:
            return []
        counted = Counts(answered=40, live=38, connected=38, abandoned=1)
        return [
            Portion("a", ("uk-ofcom",), zone, datetime(2026, 11, 24, 13, 45, tzinfo=UTC), counted)
            for zone in ("Australia/Sydney", "America/New_York")
        ]


async def test_where_the_debtors_are_on_two_days_each_day_has_its_account():
    desk = Desk(record=Abroad(), packs=("uk-ofcom",))
    desk.clock.time = datetime(2026, 11, 24, 14, tzinfo=UTC)  # 01:00 of the next day in Sydney
    await desk.accounts.read()
    figures = [(account.answered, account.abandoned) for account in desk.accounts.of(desk.campaigns[0])]
    assert figures == [(39, 1), (39, 1)]
    assert [account.below for account in desk.accounts.of(desk.campaigns[0])] == [True, True]


async def test_a_reading_that_fails_leaves_what_was_known():
    desk = Desk(record=Abroad(), packs=("uk-ofcom",))
    await desk.accounts.read()
    before = [account.answered for account in desk.accounts.of(desk.campaigns[0])]
    desk.record.away = True
    with pytest.raises(AwayError):
        await desk.accounts.read()
    assert [account.answered for account in desk.accounts.of(desk.campaigns[0])] == before
