"""The register of flags: since when one stands survives every later word about it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dialer.cases.flag import FlagChange, standing

NOON = datetime(2026, 11, 24, 11, tzinfo=UTC)


def day(number):
    return NOON + timedelta(days=number)


def word(at, until=None, by="anna", line_id="flg-dispute-1--"):
    return FlagChange(line_id, "dispute", day(at), None if until is None else day(until), 1, None, None, by)


def since(*changes, now=100):
    return [(flag.since - NOON).days for flag in standing(changes, day(now))]


def test_a_flag_that_is_said_again_stands_since_the_first_word_and_is_shown_with_the_last():
    (flag,) = standing([word(3, by="bruno"), word(0)], day(5))
    assert (flag.since, flag.recorded_by) == (day(0), "bruno")


def test_one_that_was_lifted_stands_no_more_and_begins_anew_when_it_is_said_again():
    lifted = [word(0), word(2, until=2)]
    assert since(*lifted) == []
    assert since(*lifted, word(4)) == [4]


def test_one_that_ran_out_begins_anew_and_one_prolonged_in_time_does_not():
    assert since(word(0, until=3), word(5)) == [5]
    assert since(word(0, until=3), word(2, until=200)) == [0]


def test_it_stands_until_its_end_and_not_before_its_beginning():
    assert since(word(0, until=10), now=9) == [0]
    assert since(word(0, until=10), now=10) == []
    assert since(word(5), now=4) == []


@given(st.lists(st.tuples(st.integers(0, 50), st.none() | st.integers(0, 99)), max_size=8, unique_by=lambda c: c[0]))
def test_it_agrees_with_a_walk_through_the_days(changes):
    """At every half day: it stands if the last word before says so, and since the first of an unbroken row of days."""
    begun = None
    for half in range(120):
        now = half / 2
        last = max((change for change in changes if change[0] <= now), default=None, key=lambda change: change[0])
        stands = last is not None and (last[1] is None or last[1] > now)
        begun = (now if begun is None else begun) if stands else None
        found = standing([word(at, until) for at, until in changes], NOON + timedelta(days=now))
        assert [flag.since for flag in found] == ([] if begun is None else [NOON + timedelta(days=begun)])
