"""When: hours, holidays, and the times that a debtor ruled out."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from dialer.compliance import calendars
from dialer.compliance.calendars import Calendars, Corrections
from dialer.compliance.entry import Blackout
from dialer.compliance.rules import Holiday, Hours, Inconvenient
from dialer.kernel.errors import InputError
from tests.unit.rules_facts import N1, N2, ROME, at, facts, instants, moved

# a shared machine has slow moments; each example is short
unhurried = settings(deadline=None)
HEAD = {"source": "the test", "confidence": "H"}


def hours(**days):
    values = {"id": "hours", "kind": "hours", **HEAD, **days}
    return TypeAdapter(Hours).validate_python(values)


def holiday(**more):
    return TypeAdapter(Holiday).validate_python({"id": "holiday", "kind": "holiday", **HEAD, **more})


def blackout(weekdays, start, end, **more):
    return Blackout("b", 1, 1, weekdays=weekdays, start=time.fromisoformat(start), end=time.fromisoformat(end), **more)


OFFICE = hours(monday=[["09:00", "12:00"], ["14:00", "18:00"]], friday=[["09:00", "18:00"]])
TIMES = Inconvenient(id="inconvenient-time", kind="inconvenient", source="the test", confidence="H")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-16 08:59:59", "2026-11-16 09:00"),
        ("2026-11-16 09:00:00", None),
        ("2026-11-16 11:59:29", None),
        ("2026-11-16 11:59:30", "2026-11-16 14:00"),
        ("2026-11-16 13:00:00", "2026-11-16 14:00"),
        ("2026-11-16 17:59:30", "2026-11-20 09:00"),
        ("2026-11-17 10:00:00", "2026-11-20 09:00"),
        ("2026-11-20 18:00:00", "2026-11-23 09:00"),
    ],
)
def test_the_start_is_inclusive_and_the_ringing_ends_before_the_end(now, until):
    found = OFFICE.check(facts(now))
    assert [refusal.not_before for refusal in found] == ([at(until)] if until else [])


def test_a_closing_margin_adds_to_the_ringing():
    rule = hours(friday=[["09:00", "18:00"]], closing_margin_seconds=60)
    assert not rule.check(facts("2026-11-20 17:58:29"))
    assert rule.check(facts("2026-11-20 17:58:30"))


def test_no_instant_that_is_legal_everywhere_has_no_time():
    rule = hours(monday=[["09:00", "10:00"]])
    (refusal,) = rule.check(facts("2026-11-16 09:30", zones=("Europe/Rome", "Asia/Kolkata")))
    assert refusal.not_before is None
    assert "Mon 09:30 in Europe/Rome" in refusal.facts


def test_hours_of_a_workplace_bind_only_calls_to_one():
    rule = hours(monday=[["09:00", "10:00"]], workplace_only=True)
    assert not rule.check(facts("2026-11-16 20:00"))
    assert not rule.check(facts("2026-11-16 20:00", zones=(), workplace=False))
    assert rule.check(facts("2026-11-16 20:00", workplace=True))[0].reason == "hours"


def test_an_unknown_zone_refuses_and_says_what_was_given():
    (refusal,) = OFFICE.check(facts(datetime(2026, 11, 16, 10, tzinfo=UTC), zones=("Mars/Olympus",)))
    assert refusal.reason == "zone-unknown"
    assert refusal.not_before is None
    assert "Mars/Olympus" in refusal.facts


@unhurried
@given(
    instants, st.lists(st.sampled_from(("Europe/Rome", "America/New_York", "Asia/Kolkata")), min_size=1, unique=True)
)
def test_two_zones_are_open_where_each_is(now, names):
    daily = hours(**{day: [["08:00", "21:00"]] for day in ("monday", "tuesday", "saturday", "sunday")})
    together = daily.check(facts(now, zones=tuple(names)))
    assert bool(together) == any(daily.check(facts(now, zones=(name,))) for name in names)


@pytest.mark.parametrize(
    ("band", "words"),
    [
        (["08:00", "25:00"], "not a time of day"),
        (["8:00", "20:00"], "not a time of day"),
        (["08:00", "24:00"], "not a time of day"),
        ([8, 20], "not a time of day"),
        (["08:00+01:00", "20:00+01:00"], "not a time of day"),
        ([time(8, tzinfo=UTC), time(20, tzinfo=UTC)], "not a time of day"),
        (["20:00", "08:00"], "is empty"),
        (["08:00", "08:00"], "is empty"),
    ],
)
def test_a_band_that_is_none(band, words):
    with pytest.raises(ValidationError, match=words):
        hours(monday=[band])


def test_a_week_without_bands_would_call_nobody():
    with pytest.raises(ValidationError, match="no day has a band"):
        hours()


def test_toml_may_write_a_time_without_quotes():
    assert hours(monday=[[time(8), time(20)]]).monday == ((time(8), time(20)),)


# holidays


def test_a_holiday_is_a_local_day():
    rule = holiday(calendars=["IT"])
    assert not rule.check(facts("2026-12-07 23:59:59"))
    (refusal,) = rule.check(facts("2026-12-08 00:00:00"))
    assert refusal.not_before == at("2026-12-09 00:00")
    assert "Immaculate" in refusal.facts
    assert not rule.check(facts("2026-12-09 00:00:00"))


def test_holidays_in_a_row_end_with_the_last():
    (refusal,) = holiday(calendars=["IT"]).check(facts("2026-12-25 10:00"))
    assert refusal.not_before == at("2026-12-27 00:00")


def test_a_holiday_of_two_zones_ends_with_the_later():
    (refusal,) = holiday(calendars=["IT"]).check(
        facts("2026-12-08 10:00", zones=("Europe/Rome", "America/New_York"))
    )  # fmt: skip
    assert refusal.not_before == at("2026-12-09 00:00", "America/New_York")


def test_a_state_has_days_of_its_own_where_the_rule_asks():
    cup = "2026-11-03 10:00"
    melbourne = {"zones": ("Australia/Melbourne",), "given": {"subdivision": "AU-VIC"}}
    assert holiday(calendars=["AU"], subdivisions=True).check(facts(cup, **melbourne))
    assert not holiday(calendars=["AU"]).check(facts(cup, **melbourne))
    sydney = melbourne | {"given": {"subdivision": "AU-NSW-Sydney"}}
    assert not holiday(calendars=["AU"], subdivisions=True).check(facts(cup, **sydney))


@pytest.mark.parametrize("place", ["IT-MI", "", None, 7, "AU"])
def test_a_place_elsewhere_changes_nothing(place):
    rule = holiday(calendars=["AU"], subdivisions=True)
    assert not rule.check(facts("2026-11-04 10:00", zones=("Australia/Sydney",), given={"subdivision": place}))


def test_a_state_that_nobody_knows_refuses():
    (refusal,) = holiday(calendars=["AU"], subdivisions=True).check(
        facts("2026-11-04 10:00", zones=("Australia/Sydney",), given={"subdivision": "AU-XYZ"})
    )
    assert refusal.facts == "no calendar of AU-XYZ for 2026"
    assert refusal.not_before is None


def test_a_day_that_every_part_keeps_is_one_of_the_country():
    monday = facts("2026-12-28 10:00", zones=("Australia/Sydney",))
    assert holiday(calendars=["AU"], by_parts=True).check(monday)
    assert not holiday(calendars=["AU"]).check(monday)
    assert not holiday(calendars=["AU"], by_parts=True).check(facts("2026-11-03 10:00", zones=("Australia/Sydney",)))


def test_a_year_without_a_calendar_refuses():
    (refusal,) = holiday(calendars=["IT"]).check(facts("1700-03-04 10:00"))
    assert refusal.facts == "no calendar of IT for 1700"


def test_an_agency_corrects_a_calendar(tmp_path):
    path = tmp_path / "holidays.toml"
    path.write_text("[IT]\nadd = [2026-11-20]\nremove = [2026-12-08]\n[AU]\nremove = [2026-11-03]\n")
    own = calendars.load(path)
    rule = holiday(calendars=["IT"])
    assert rule.check(facts("2026-11-20 10:00", calendars=own))
    assert not rule.check(facts("2026-12-08 10:00", calendars=own))
    state = facts("2026-11-03 10:00", zones=("Australia/Melbourne",), given={"subdivision": "AU-VIC"}, calendars=own)
    assert not holiday(calendars=["AU"], subdivisions=True).check(state)


@pytest.mark.parametrize("text", ["[IT]\nadds = []\n", "[IT\n", "[IT]\nadd = ['x']\n", "\xff"])
def test_bad_corrections_are_told(tmp_path, text):
    path = tmp_path / "holidays.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=r"holidays\.toml"):
        calendars.load(path)


def test_a_country_that_has_no_calendar_makes_no_pack():
    with pytest.raises(ValidationError, match="no such calendar"):
        holiday(calendars=["XX"])
    assert calendars.is_known("CA-ON")
    assert Calendars({"IT": Corrections(add=(date(2026, 3, 3),))}).name("IT-RM", date(2026, 3, 3))


# what the debtor ruled out


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20 13:59:29", None),
        ("2026-11-20 13:59:30", "2026-11-20 16:00"),
        ("2026-11-20 15:59:59", "2026-11-20 16:00"),
        ("2026-11-20 16:00:00", None),
        ("2026-11-19 15:00:00", None),
    ],
)
def test_no_ringing_within_a_time_that_was_ruled_out(now, until):
    found = TIMES.check(facts(now, blackouts=(blackout((4,), "14:00", "16:00"),)))
    assert [refusal.not_before for refusal in found] == ([at(until)] if until else [])


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-20 19:59:00", None),
        ("2026-11-20 20:00:00", "2026-11-21 08:00"),
        ("2026-11-21 07:59:59", "2026-11-21 08:00"),
        ("2026-11-21 08:00:00", None),
        ("2026-11-21 20:30:00", None),
    ],
)
def test_a_night_reaches_into_the_next_morning(now, until):
    found = TIMES.check(facts(now, blackouts=(blackout((4,), "20:00", "08:00"),)))
    assert [refusal.not_before for refusal in found] == ([at(until)] if until else [])


def test_a_whole_day_and_days_that_follow_one_another():
    (refusal,) = TIMES.check(facts("2026-11-20 10:00", blackouts=(blackout((4, 5), "00:00", "00:00"),)))
    assert refusal.not_before == at("2026-11-22 00:00")
    (refusal,) = TIMES.check(facts("2026-11-20 10:00", blackouts=(blackout(tuple(range(7)), "00:00", "00:00"),)))
    assert refusal.not_before is None


def test_a_request_that_ends_frees_the_time():
    until = at("2026-11-20 15:00")
    known = facts("2026-11-20 14:30", blackouts=(blackout((4,), "14:00", "16:00", until=until),))
    (refusal,) = TIMES.check(known)
    assert refusal.not_before == until
    assert not TIMES.check(moved(known, until))


def test_a_time_may_concern_one_number_alone():
    of_n2 = blackout((4,), "14:00", "16:00", number=N2)
    assert not TIMES.check(facts("2026-11-20 15:00", blackouts=(of_n2,), number=N1))
    assert TIMES.check(facts("2026-11-20 15:00", blackouts=(of_n2,), number=N2))


def test_it_is_ruled_out_in_each_zone():
    known = facts(
        "2026-11-20 15:30", zones=("Europe/Rome", "Europe/London"), blackouts=(blackout((4,), "14:00", "16:00"),)
    )
    (refusal,) = TIMES.check(known)
    assert refusal.not_before == at("2026-11-20 16:00", "Europe/London")
    assert TIMES.check(moved(known, known.now + timedelta(hours=1)))
    assert known.now.astimezone(ROME).hour == 15
