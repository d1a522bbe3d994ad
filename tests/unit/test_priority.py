"""What is learnt of answers, what a case is worth, and at which hour a number is tried."""

import json
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.campaigns.habits import HALF_LIFE_DAYS, Habits, slot_of, slot_words
from dialer.campaigns.priority import BANDS, Claim, band_of, worth
from dialer.campaigns.timing import by_chance, choices, pace_of, wanted_hour
from dialer.cases.debtor import NumberKind, Provenance
from dialer.cases.model import NumberLine, Try
from dialer.kernel.money import Money
from dialer.testing.law import law

ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=ROME).astimezone(UTC)
HOURS = range(9, 20)
DAY = timedelta(days=1)


def line(number="+393471234567", kind=NumberKind.MOBILE, provenance=Provenance.CREDITOR, **more):
    return NumberLine(number, kind=kind, provenance=provenance, **more)


MOBILE, LANDLINE = line(), line("+390612345678", NumberKind.LANDLINE)


def taught(rates, calls=1_000, kind="mobile/creditor"):
    """Habits after so many calls in each hour; rates: the right party's share by the hour of a weekday."""
    habits = Habits()
    for hour, rate in rates.items():
        for n in range(calls):
            reached = n < calls * rate
            habits.called(kind, hour, answered=reached or n < 2 * calls * rate)
            if reached:
                habits.spoke(kind, hour, "B", promised=n % 3 == 0)
    return habits


EVENING = taught({hour: 0.2 if hour in (18, 19) else 0.05 for hour in HOURS})


def test_hours_are_the_debtors_own():
    assert slot_of(datetime(2026, 11, 24, 17, 30, tzinfo=UTC), ROME) == 18
    assert slot_of(datetime(2026, 7, 21, 17, 30, tzinfo=UTC), ROME) == 19
    assert slot_words(slot_of(datetime(2026, 11, 28, 9, 0, tzinfo=UTC), ROME)) == "10-11 at weekends"


def test_with_nothing_seen_every_number_and_hour_is_alike():
    habits = Habits()
    assert len({habits.chance(one, slot, ROME) for one in (MOBILE, LANDLINE) for slot in range(48)}) == 1
    assert choices([MOBILE], MONDAY, ROME, habits, DAY, 0) == []
    assert by_chance([MOBILE], MONDAY, ROME, habits) == {}


def test_what_is_seen_often_is_believed_and_what_is_rare_borrows():
    assert EVENING.chance(MOBILE, 18, ROME).right_party == pytest.approx(0.2, rel=0.05)
    assert EVENING.chance(MOBILE, 10, ROME).right_party == pytest.approx(0.05, rel=0.05)
    # of landlines nothing was seen: they are what the portfolio and the hour are
    evening, morning = (EVENING.chance(LANDLINE, slot, ROME).right_party for slot in (18, 10))
    assert evening > 2 * morning
    # one call says next to nothing
    before = EVENING.chance(LANDLINE, 10, ROME).right_party
    habits = Habits.load(EVENING.dump())
    habits.called("landline/creditor", 10, answered=False)
    assert habits.chance(LANDLINE, 10, ROME).right_party == pytest.approx(before, rel=0.05)


def test_a_debtors_own_calls_speak_last():
    def at(hour, *, reached):
        return Try(datetime(2026, 11, 20, hour, 10, tzinfo=ROME), answered=reached, right_party=reached)

    failed = line(tries=tuple(at(18, reached=False) for _ in range(6)))
    reached = line(tries=(at(10, reached=True),))
    usual, less = (EVENING.chance(one, 18, ROME).right_party for one in (MOBILE, failed))
    assert less < 0.6 * usual
    # what failed in the evening says less of the morning
    usual_at_ten, less_at_ten = (EVENING.chance(one, 10, ROME).right_party for one in (MOBILE, failed))
    assert less / usual < less_at_ten / usual_at_ten < 1
    assert EVENING.chance(reached, 10, ROME).right_party > 1.5 * usual_at_ten
    assert EVENING.chance(line(best_hours=(10,)), 10, ROME).right_party == pytest.approx(1.5 * usual_at_ten)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["mobile/creditor", "landline/tracing"]),
            st.integers(0, 47),
            st.booleans(),
            st.booleans(),
        ),
        max_size=60,
    ),
    st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.booleans()), max_size=20),
)
def test_a_chance_is_a_chance(calls, tries):
    habits = Habits()
    for kind, slot, answered, right in calls:
        habits.called(kind, slot, answered=answered)
        if right:
            habits.spoke(kind, slot, "", promised=answered)
    tried = tuple(Try(MONDAY - timedelta(hours=back), ok or right, right) for back, ok, right in tries)
    mine = line(
        tried=len(tries),
        answered=sum(one.answered for one in tried),
        reached=sum(one.right_party for one in tried),
        tries=tried,
    )
    for chance in (habits.anytime(mine), *(habits.chance(mine, slot, ROME) for slot in (0, 18, 47))):
        assert 0.0 < chance.right_party <= chance.answered < 1.0
    assert 0.0 < habits.promised("A") < 1.0


def test_whose_number_it_is_shows_with_the_first_talks():
    """Both were answered as often: by the right party, or by somebody else."""
    own = line(tried=4, answered=2, reached=2, tries=tuple(Try(MONDAY - n * DAY, n < 2, n < 2) for n in range(4)))
    theirs = line(tried=4, answered=2, tries=tuple(Try(MONDAY - n * DAY, n < 2) for n in range(4)))
    silent = line(tried=4, tries=tuple(Try(MONDAY - n * DAY) for n in range(4)))
    for chance in (EVENING.anytime, lambda one: EVENING.chance(one, 12, ROME)):
        found = [chance(one) for one in (own, theirs, silent)]
        assert found[0].answered == found[1].answered > chance(MOBILE).answered > found[2].answered
        assert found[0].right_party > 2 * found[1].right_party
        assert found[0].right_party > chance(MOBILE).right_party > found[2].right_party


def test_a_number_that_is_not_in_service_is_hardly_tried_again():
    dead = line(tried=1, dead=1, tries=(Try(MONDAY, dead=True),))
    for chance in (EVENING.anytime, lambda one: EVENING.chance(one, 18, ROME)):
        assert chance(dead).right_party < 0.2 * chance(line(tried=1, tries=(Try(MONDAY),))).right_party


def test_who_picks_up_one_number_is_likelier_to_pick_up_another():
    tries = tuple(Try(MONDAY - n * DAY, n < 3) for n in range(6))
    other = line("+393470000002")
    for chance in (EVENING.anytime, lambda one, lines: EVENING.chances(one, (18,), ROME, lines)[18]):
        lively, silent, dead = (
            chance(other, (other, line(tried=6, answered=answered, dead=dead, tries=those))).answered
            for answered, dead, those in (
                (3, 0, tries),
                (0, 0, tuple(Try(one.at) for one in tries)),
                (0, 6, tuple(Try(one.at, dead=True) for one in tries)),
            )
        )
        assert lively > dead == chance(other, (other,)).answered > silent


def test_what_is_old_counts_for_less():
    habits = Habits.load(EVENING.dump())
    day = date(2026, 11, 23)
    habits.age(day)
    habits.age(day)
    assert habits.dump()["cells"] == EVENING.dump()["cells"]
    habits.age(day + timedelta(days=round(HALF_LIFE_DAYS)))
    (_, slot, calls, *_), *_ = habits.dump()["cells"]
    assert (slot, calls) == (9, 500)
    habits.age(day)  # a clock that goes back makes nothing younger
    assert habits.dump()["cells"][0][2] == 500


def test_habits_are_kept_and_taken_together():
    text = json.dumps(EVENING.dump())
    again = Habits.load(json.loads(text))
    assert again.dump() == EVENING.dump()
    again.take_in(EVENING)
    assert again.chance(MOBILE, 18, ROME).right_party == pytest.approx(0.2, rel=0.03)
    assert again.dump()["cells"][0][2] == 2_000
    assert again.promised("B") == pytest.approx(EVENING.promised("B"), rel=0.05)


@pytest.mark.parametrize(
    "changed",
    [{"format": 2}, {"cells": [["mobile/creditor", 9, -1.0, 0, 0]]}, {"cells": [["x", 9]]}, {"risks": None}],
)
def test_what_is_no_habits_is_refused(changed):
    with pytest.raises(ValueError, match=r"format|no habits|not enough values"):
        Habits.load(EVENING.dump() | changed)


# -- worth ----------------------------------------------------------------------------------------------


def worth_of(cents=50_000, age_days=90, risk="B", habits=EVENING, lines=(MOBILE,)):
    return worth(Claim(Money(cents), age_days, risk), habits, lines)


def test_worth_grows_with_the_amount_and_falls_with_age():
    usual = worth_of()
    assert worth_of(cents=200_000).cents_per_second == pytest.approx(2 * usual.cents_per_second), "not four times"
    assert worth_of(cents=200_000).band == usual.band + 1
    small = [worth_of(cents=cents).cents_per_second for cents in (2_500, 5_000)]
    assert small[1] == pytest.approx(2 * small[0])
    assert worth_of(age_days=270).cents_per_second == pytest.approx(usual.cents_per_second / 2)
    assert worth_of(age_days=None).cents_per_second < usual.cents_per_second
    assert worth_of(cents=0).band == 1
    assert worth_of(cents=10**12).band == BANDS


def test_worth_follows_who_promises_and_who_is_reached():
    habits = Habits()
    for n in range(400):
        habits.spoke("mobile/creditor", 10, "A" if n % 2 else "D", promised=n % 2 and n % 4 == 1)
    assert habits.promised("A") > 3 * habits.promised("D")
    assert worth_of(risk="A", habits=habits).cents_per_second > 3 * worth_of(risk="D", habits=habits).cents_per_second
    never = line(tried=30)
    assert worth_of(lines=(never,)).cents_per_second < 0.6 * worth_of().cents_per_second
    assert worth_of(lines=(never, MOBILE)).cents_per_second == worth_of().cents_per_second
    assert worth_of(lines=()).band == 1


def test_long_talks_cost():
    habits = Habits.load(EVENING.dump())
    for _ in range(100):
        habits.talked(1_800.0, right_party=True)
    assert worth_of(habits=habits).cents_per_second < worth_of().cents_per_second / 2


def test_the_worth_says_in_one_sentence_of_what_it_is_made():
    assert worth_of().why == (
        "band 6 of 8: 500.00 EUR left, 90 days overdue; its mobile number (from creditor) is answered by 15%, by the "
        "right party in 8%; 34% of those (risk class B) promise: about 7.93 EUR for each minute of an agent"
    )


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_bands_are_in_order(one, other):
    assert 1 <= band_of(min(one, other)) <= band_of(max(one, other)) <= BANDS


# -- the hour -------------------------------------------------------------------------------------------


def local_hours(found):
    return [choice.at.astimezone(ROME).hour for choice in found]


def test_a_call_waits_for_the_hour_that_pays():
    found = choices([MOBILE], MONDAY, ROME, EVENING, DAY, 0)
    assert local_hours(found)[:2] == [18, 19]
    assert found[0].at == MONDAY.replace(hour=17)
    assert found[0].why == "18-19, when mobile numbers like it are answered by 40%"
    # every hour of the day that is known comes after it, for a gate that refuses the best ones
    assert sorted(set(local_hours(found))) == list(HOURS)


def test_cases_part_the_best_hours_and_the_minutes():
    instants = {choices([MOBILE], MONDAY, ROME, EVENING, DAY, spread)[0].at for spread in range(100)}
    assert len(instants) >= 50
    assert {at.astimezone(ROME).hour for at in instants} == {18, 19}


def stays(found):
    return [choice.waits for choice in found] == [False]


def test_a_call_that_is_at_a_good_hour_stays_there():
    at = MONDAY.replace(hour=17, minute=5)
    found = choices([LANDLINE, MOBILE], at, ROME, EVENING, DAY, 0)
    assert stays(found)
    assert (found[0].at, found[0].number) == (at, MOBILE.number), "with the number that is likeliest then"


def test_nobody_waits_for_an_hour_in_which_nobody_works():
    habits = taught(dict.fromkeys(range(9, 18), 0.05))
    habits.called("mobile/creditor", 19, answered=True)
    habits.spoke("mobile/creditor", 19, "", promised=False)
    assert stays(choices([MOBILE], MONDAY, ROME, habits, DAY, 0))


def test_it_waits_no_longer_than_the_cadence_wants():
    assert stays(choices([MOBILE], MONDAY, ROME, EVENING, DAY, 0, until=MONDAY + timedelta(hours=4)))


def test_who_is_called_no_oftener_than_the_cadence_wants_is_called_at_a_good_hour_too():
    by = MONDAY.replace(hour=9) + 3 * DAY
    at = wanted_hour([LANDLINE, MOBILE], by, ROME, EVENING, 0)
    assert by - DAY <= at <= by
    assert at.astimezone(ROME).hour in (18, 19)
    assert wanted_hour([MOBILE], by, ROME, Habits(), 0) == by, "nothing is learnt yet"
    assert wanted_hour([], by, ROME, EVENING, 0) == by
    sunday = MONDAY.replace(hour=20) + 6 * DAY
    assert wanted_hour([MOBILE], sunday, ROME, EVENING, 0) == sunday, "nobody works in the day before"


def test_the_fewer_attempts_the_longer_it_waits():
    """The packs' attempts of a window, spread over it: 30 in 30 days are one a day."""
    assert pace_of(law("it-unirec").packs.values()) == pytest.approx(DAY, rel=0.01)
    assert pace_of(law("us-reg-f").packs.values()) == pytest.approx(DAY, rel=0.01)
    assert pace_of([]) == timedelta(hours=8)
    little = taught({hour: 0.1 if hour < 18 else 0.125 for hour in HOURS})
    tomorrow = timedelta(hours=23)
    late = MONDAY.replace(hour=19)
    found = {pace: choices([MOBILE], late, ROME, little, pace, 0) for pace in (timedelta(hours=8), 4 * DAY)}
    assert stays(found[timedelta(hours=8)])
    assert found[4 * DAY][0].at - late < tomorrow


def test_the_number_is_chosen_with_the_hour():
    habits = taught({hour: 0.2 if hour in (18, 19) else 0.02 for hour in HOURS})
    habits.take_in(taught({hour: 0.1 if hour == 10 else 0.02 for hour in HOURS}, kind="landline/creditor"))
    best = choices([LANDLINE, MOBILE], MONDAY, ROME, habits, DAY, 0)[0]
    assert (best.number, local_hours([best])) == (MOBILE.number, [18])
    now = by_chance([MOBILE, LANDLINE], MONDAY.replace(hour=9), ROME, habits)
    assert max(now, key=now.get) == LANDLINE.number


@pytest.mark.parametrize("seed", [1, 2])
def test_attempts_at_learnt_hours_reach_more_right_parties(seed):
    """The same attempts, one a day for each debtor: at whatever hour comes, or at the one that was learnt."""
    chance = Random(seed)
    mornings = [chance.random() < 0.4 for _ in range(100)]
    reached = {False: 0, True: 0}
    for learning in (False, True):
        habits, tries = Habits(), [[] for _ in mornings]
        for day in range(30):
            for debtor, morning in enumerate(mornings):
                at = (MONDAY + day * DAY).replace(hour=8) + timedelta(minutes=chance.randrange(600))
                if learning:
                    known = line(tries=tuple(tries[debtor][-30:]))
                    best = choices([known], at, ROME, habits, DAY, debtor)
                    at = best[0].at if best else at
                home = at.astimezone(ROME).hour in ((9, 10, 11) if morning else (18, 19))
                right = chance.random() < (0.3 if home else 0.03)
                slot = slot_of(at, ROME)
                habits.called("mobile/creditor", slot, answered=right)
                if right:
                    habits.spoke("mobile/creditor", slot, "", promised=False)
                tries[debtor].append(Try(at, right, right))
                reached[learning] += right
    assert reached[True] > 1.5 * reached[False]
