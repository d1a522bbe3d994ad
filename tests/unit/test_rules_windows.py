"""Windows and local days: two ways to ask the same question give one answer."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.compliance.localtime import instant_of, midnight, zones_of
from dialer.compliance.windows import LONGEST_DAYS, Window
from tests.unit.rules_facts import DAY, NEW_YORK, ROME, ZONES, at, instants, seconds

# a shared machine has slow moments; each example is short
unhurried = settings(deadline=None)
windows = (
    st.integers(1, 840).map(lambda n: Window("rolling_hours", n))
    | st.integers(1, 30).map(lambda n: Window("local_days", n))
    | st.sampled_from((Window("iso_week"), Window("calendar_month")))
)
zones = st.lists(st.sampled_from(ZONES), max_size=3, unique=True).map(lambda names: zones_of(tuple(names)))


@unhurried
@given(windows, zones, instants, seconds(0, 40 * DAY), st.integers(-1, 1))
def test_what_counts_from_the_start_leaves_at_the_end(window, where, now, ago, tick):
    happened = now - ago
    for instant in (now, window.leaves(happened, where) + timedelta(microseconds=tick)):
        if instant >= happened:
            assert (window.since(instant, where) <= happened) == (window.leaves(happened, where) > instant)


@unhurried
@given(windows, zones, instants, seconds(0, 40 * DAY))
def test_a_window_never_reaches_back_beyond_what_the_ledger_keeps(window, where, now, ago):
    assert now - window.since(now, where) <= window.longest + timedelta(days=1)
    assert window.leaves(now - ago, where) > now - ago


@unhurried
@given(windows, st.sampled_from(ZONES), st.sampled_from(ZONES), instants)
def test_two_zones_count_as_much_as_the_wider_of_them(window, one, other, now):
    both = zones_of((one, other))
    assert window.since(now, both) == min(window.since(now, (zone,)) for zone in both)
    assert window.leaves(now, both) == max(window.leaves(now, (zone,)) for zone in both)


@unhurried
@given(windows, st.sampled_from(ZONES), instants)
def test_an_unknown_zone_counts_no_less_than_any(window, zone, now):
    assert window.since(now, ()) <= window.since(now, zones_of((zone,)))
    assert window.leaves(now, ()) >= window.leaves(now, zones_of((zone,)))


@unhurried
@given(st.integers(1, 30), st.sampled_from(ZONES), instants)
def test_local_days_begin_at_midnight_of_the_first(days, name, now):
    (zone,) = zones_of((name,))
    since = Window("local_days", days).since(now, (zone,))
    today = now.astimezone(zone).date()
    assert since.astimezone(zone).date() == today - timedelta(days=days - 1)
    assert (since - timedelta(microseconds=1)).astimezone(zone).date() == today - timedelta(days=days)


def test_the_hour_of_a_rolling_window_is_exclusive():
    window, noon = Window("rolling_hours", 24), at("2026-11-20 12:00")
    assert window.since(noon, (ROME,)) > noon - timedelta(hours=24)
    assert window.leaves(noon, (ROME,)) == noon + timedelta(hours=24)


@pytest.mark.parametrize(
    ("text", "now", "since", "leaves"),
    [
        ("local_days:7", "2026-11-16 10:00", "2026-11-10 00:00", "2026-11-23 00:00"),
        ("local_days:1", "2026-10-25 23:59", "2026-10-25 00:00", "2026-10-26 00:00"),
        ("iso_week", "2026-11-22 23:59", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("iso_week", "2027-01-02 10:00", "2026-12-28 00:00", "2027-01-04 00:00"),
        ("calendar_month", "2028-02-29 10:00", "2028-02-01 00:00", "2028-03-01 00:00"),
        ("calendar_month", "2026-12-31 10:00", "2026-12-01 00:00", "2027-01-01 00:00"),
    ],
)
def test_where_local_windows_begin_and_end(text, now, since, leaves):
    window = Window.parse(text)
    assert window.since(at(now), (ROME,)) == at(since)
    assert window.leaves(at(now), (ROME,)) == at(leaves)
    assert str(window) == text


@pytest.mark.parametrize("text", ["local_days", "local_days:0", "rolling_hours:-1", "days:7", "iso_week:2", "", "24"])
def test_a_window_that_is_none(text):
    with pytest.raises(ValueError, match="write rolling_hours:N"):
        Window.parse(text)


@pytest.mark.parametrize("text", ["local_days:35", "rolling_hours:841"])
def test_a_window_longer_than_the_ledger_would_count_too_little(text):
    with pytest.raises(ValueError, match=f"longer than the {LONGEST_DAYS} days"):
        Window.parse(text)


def test_midnight_that_the_clocks_skip_is_when_the_day_begins():
    santiago = ZoneInfo("America/Santiago")  # 2026-09-06: from 24:00 to 01:00
    begins = midnight(date(2026, 9, 6), santiago)
    assert begins.astimezone(santiago).time() == time(1)
    assert (begins - timedelta(seconds=1)).astimezone(santiago).date() == date(2026, 9, 5)


def test_a_time_that_comes_twice_is_the_first():
    assert instant_of(date(2026, 11, 1), time(1, 30), NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


def test_one_unknown_zone_makes_all_unknown():
    assert zones_of(("Europe/Rome", "Europe/Nowhere")) == ()
    assert zones_of(("../etc/passwd",)) == ()
    assert zones_of(("America",)) == ()
    assert zones_of(("Europe/Rome",)) == (ROME,)
