"""The limitation clock: only facts in writing move it, in their order in time, and never to an earlier day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.cases.limitation import (
    WARNED_AHEAD_DAYS,
    Alarm,
    Limitation,
    Warned,
    WrittenFact,
    WrittenFactKind,
    limitation_of,
    warning_for,
)

K = WrittenFactKind
LAST = date(2027, 3, 31)


def fact(kind, day):
    return WrittenFact(kind, day, "raccomandata 15234567890-1")


def test_without_a_fact_the_creditors_day_stays():
    assert limitation_of(LAST, 5, ()) == Limitation(LAST)


@pytest.mark.parametrize("kind", [K.ACKNOWLEDGEMENT, K.NOTICE_RECEIVED])
def test_a_written_fact_in_time_gives_the_whole_term_anew_from_its_day(kind):
    said = fact(kind, date(2026, 11, 24))
    assert limitation_of(LAST, 5, [said]) == Limitation(date(2031, 11, 24), moved_by=said)


def test_a_fact_on_the_last_day_is_in_time_and_one_a_day_later_moves_nothing():
    assert limitation_of(LAST, 5, [fact(K.NOTICE_RECEIVED, LAST)]).on == date(2032, 3, 31)
    late = fact(K.NOTICE_RECEIVED, LAST + timedelta(days=1))
    assert limitation_of(LAST, 5, [late]) == Limitation(LAST, too_late=(late,))


def test_facts_count_in_the_order_in_which_they_happened():
    first, second = fact(K.NOTICE_RECEIVED, date(2026, 12, 1)), fact(K.ACKNOWLEDGEMENT, date(2029, 6, 1))
    clock = limitation_of(LAST, 3, [second, first])
    assert (clock.on, clock.moved_by, clock.too_late) == (date(2032, 6, 1), second, ())


def test_a_term_that_would_end_earlier_shortens_nothing():
    assert limitation_of(LAST, 1, [fact(K.NOTICE_RECEIVED, date(2026, 1, 1))]) == Limitation(LAST)


def test_before_a_court_the_clock_stands_until_the_judgment_which_gives_ten_years():
    served, final = fact(K.COURT_ACT, date(2027, 1, 10)), fact(K.JUDGMENT, date(2030, 5, 2))
    meanwhile = fact(K.NOTICE_RECEIVED, date(2028, 1, 1))
    assert limitation_of(LAST, 5, [served, meanwhile]) == Limitation(None, date(2027, 1, 10), served)
    assert limitation_of(LAST, 5, [served, meanwhile, final]) == Limitation(date(2040, 5, 2), moved_by=final)


@pytest.mark.parametrize("years", [5, None])
def test_after_a_judgment_every_interruption_gives_ten_years_again(years):
    final, notice = fact(K.JUDGMENT, date(2026, 5, 2)), fact(K.NOTICE_RECEIVED, date(2033, 6, 1))
    assert limitation_of(LAST, years, [final, notice]) == Limitation(date(2043, 6, 1), moved_by=notice)
    served, dropped = fact(K.COURT_ACT, date(2034, 1, 1)), fact(K.COURT_CASE_DROPPED, date(2036, 1, 1))
    # the day of the judgment's own ten years is over when the court drops it: it runs from the day it was served
    assert limitation_of(LAST, years, [final, served, dropped]).on == date(2044, 1, 1)


def test_a_case_that_the_court_dropped_counts_as_from_the_day_it_was_served():
    served, dropped = fact(K.COURT_ACT, date(2027, 1, 10)), fact(K.COURT_CASE_DROPPED, date(2031, 1, 1))
    assert limitation_of(LAST, 5, [served, dropped]) == Limitation(date(2032, 1, 10), moved_by=served)


def test_a_day_that_a_year_has_not_is_the_months_last():
    assert limitation_of(LAST, 5, [fact(K.ACKNOWLEDGEMENT, date(2024, 2, 29))]).on == date(2029, 2, 28)


def test_what_is_not_known_is_never_guessed():
    said = fact(K.ACKNOWLEDGEMENT, date(2026, 11, 24))
    assert limitation_of(None, 5, [said]) == Limitation(None)
    assert limitation_of(LAST, None, [said]) == Limitation(LAST)
    assert limitation_of(None, None, [fact(K.JUDGMENT, date(2026, 11, 24))]).on == date(2036, 11, 24)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (WARNED_AHEAD_DAYS + 1, None),
        (WARNED_AHEAD_DAYS, Warned(Alarm.NEAR, WARNED_AHEAD_DAYS)),
        (0, Warned(Alarm.NEAR, 0)),
        (-1, Warned(Alarm.OVER, -1)),
    ],
)
def test_a_warning_comes_ahead_and_says_when_it_is_over(days, expected):
    assert warning_for(Limitation(LAST), LAST - timedelta(days=days)) == expected


def test_a_day_that_nobody_knows_is_a_warning_and_a_court_is_none():
    assert warning_for(Limitation(None), LAST) == Warned(Alarm.NOT_KNOWN)
    assert warning_for(Limitation(None, in_court_since=LAST), LAST) is None


FACTS = st.lists(
    st.builds(
        fact, st.sampled_from([K.ACKNOWLEDGEMENT, K.NOTICE_RECEIVED]), st.dates(date(2020, 1, 1), date(2045, 1, 1))
    ),
    max_size=6,
)


@given(FACTS, st.integers(1, 10), st.randoms())
def test_facts_never_bring_the_day_nearer_and_their_order_on_record_changes_nothing(facts, years, chance):
    clock = limitation_of(LAST, years, facts)
    assert clock.on is not None
    assert clock.on >= LAST
    assert all(late.happened_on > LAST for late in clock.too_late)
    shuffled = facts[:]
    chance.shuffle(shuffled)
    assert limitation_of(LAST, years, shuffled).on == clock.on
