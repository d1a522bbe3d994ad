"""Promises judged by payments, and offers held against mandate and history."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.cases.offers import Step, Terms, check, worse
from dialer.cases.payment import Payment
from dialer.cases.promises import Instalment, Kept, Promise, judge, monthly
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

MADE = date(2026, 11, 24)
DUE = date(2026, 12, 5)
GRACE_DAYS = 3
LAST_DAY = DUE + timedelta(days=GRACE_DAYS)


def promise(*parts, made_on=MADE, id_="a"):
    instalments = tuple(Instalment(day, Money(cents)) for day, cents in parts or ((DUE, 15_000),))
    made_at = datetime.combine(made_on, time(10), UTC)
    return Promise(id_, 1, "anna", made_at, made_on, instalments, GRACE_DAYS)


def paid(day, cents):
    return Payment("bank 1", "F1", Money(cents), day)


def one(today, *payments, of=None):
    (judged,) = judge([of or promise()], payments, today)
    return judged


@pytest.mark.parametrize(
    ("today", "payments", "kept", "missing"),
    [
        (LAST_DAY, [], Kept.OPEN, 0),  # the days of grace aren't over
        (LAST_DAY + timedelta(days=1), [], Kept.BROKEN, 15_000),
        (LAST_DAY, [paid(LAST_DAY, 15_000)], Kept.KEPT, 0),
        (LAST_DAY + timedelta(days=1), [paid(LAST_DAY, 15_000)], Kept.KEPT, 0),
        (LAST_DAY + timedelta(days=1), [paid(LAST_DAY + timedelta(days=1), 15_000)], Kept.BROKEN, 0),  # late, but paid
        (LAST_DAY + timedelta(days=1), [paid(DUE, 14_999)], Kept.PARTIAL, 1),
        (LAST_DAY + timedelta(days=9), [paid(DUE, 5_000), paid(LAST_DAY, 10_000)], Kept.KEPT, 0),
        (DUE, [paid(MADE, 5_000)], Kept.OPEN, 0),
        (LAST_DAY + timedelta(days=1), [paid(MADE - timedelta(days=1), 15_000)], Kept.BROKEN, 15_000),  # before it
        (LAST_DAY, [paid(LAST_DAY + timedelta(days=1), 15_000)], Kept.OPEN, 0),  # hasn't come yet
        # the bank took it back weeks later
        (date(2027, 1, 20), [paid(DUE, 15_000), paid(date(2027, 1, 15), -15_000)], Kept.BROKEN, 15_000),
        (LAST_DAY + timedelta(days=1), [Payment("bank 1", "F1", Money(15_000, "CHF"), DUE)], Kept.BROKEN, 15_000),
    ],
)
def test_a_promise_is_kept_by_what_came_in_until_its_days_of_grace_are_over(today, payments, kept, missing):
    judged = one(today, *payments)
    assert (judged.kept, judged.missing) == (kept, Money(missing))


@pytest.mark.parametrize(
    ("payments", "kept", "late_on"),
    [
        ([(9, 15_000)], Kept.BROKEN, 9),
        ([(5, 5_000), (12, 9_999), (20, 1)], Kept.PARTIAL, 20),
        ([(20, 1), (12, 9_999), (5, 5_000)], Kept.PARTIAL, 20),  # told in another order
        ([(12, 9_999)], Kept.BROKEN, None),
        ([(9, 15_000), (11, -15_000)], Kept.BROKEN, None),
        ([(9, 15_000), (11, -15_000), (21, 15_000)], Kept.BROKEN, 21),
        ([(8, 15_000)], Kept.KEPT, None),
    ],
)
def test_what_was_paid_late_is_broken_and_paid_all_the_same(payments, kept, late_on):
    judged = one(date(2026, 12, 31), *(paid(date(2026, 12, day), cents) for day, cents in payments))
    assert (judged.kept, judged.paid_late_on) == (kept, late_on and date(2026, 12, late_on))


def test_what_bounces_of_an_earlier_payment_is_not_charged_to_the_promise():
    before, bounced = paid(MADE - timedelta(days=5), 9_000), paid(MADE + timedelta(days=2), -9_000)
    assert one(DUE, before, paid(DUE, 15_000), bounced).kept is Kept.KEPT
    own = paid(MADE + timedelta(days=1), 9_000)  # of two the later one is taken for it
    assert one(LAST_DAY + timedelta(days=1), before, own, bounced).kept is Kept.BROKEN


def test_it_is_looked_at_again_on_the_first_day_on_which_it_may_be_broken():
    over_on = LAST_DAY + timedelta(days=1)
    assert one(MADE).check_on == over_on
    assert one(over_on - timedelta(days=1)).kept is Kept.OPEN
    assert one(over_on).kept is Kept.BROKEN
    assert one(over_on).check_on is None
    assert one(MADE, paid(MADE, 15_000)).check_on is None


PLAN = promise((DUE, 10_000), (date(2027, 1, 5), 10_000), (date(2027, 2, 5), 10_001))


@pytest.mark.parametrize(
    ("today", "payments", "kept", "missing", "check_on"),
    [
        (date(2026, 12, 20), [paid(DUE, 10_000)], Kept.OPEN, 0, date(2027, 1, 9)),
        (date(2027, 1, 9), [paid(DUE, 10_000)], Kept.BROKEN, 10_000, date(2027, 2, 9)),
        (date(2027, 1, 9), [paid(DUE, 10_001)], Kept.PARTIAL, 9_999, date(2027, 2, 9)),
        (date(2027, 1, 9), [paid(DUE, 20_000)], Kept.OPEN, 0, date(2027, 2, 9)),  # ahead of the plan
        (date(2026, 12, 1), [paid(MADE, 30_001)], Kept.KEPT, 0, None),
        (date(2027, 2, 9), [paid(DUE, 10_000), paid(date(2027, 1, 8), 20_001)], Kept.KEPT, 0, None),
        # one came too late: that the plan was broken stays so, though nothing is missing by now
        (date(2027, 2, 9), [paid(DUE, 10_000), paid(date(2027, 1, 20), 20_001)], Kept.BROKEN, 0, None),
    ],
)
def test_each_instalment_of_a_plan_has_its_own_day(today, payments, kept, missing, check_on):
    judged = one(today, *payments, of=PLAN)
    assert (judged.kept, judged.missing, judged.check_on) == (kept, Money(missing), check_on)


def test_who_promised_nothing_broke_nothing():
    assert judge([], [paid(DUE, 1)], LAST_DAY) == []


def test_a_later_promise_takes_the_place_of_an_open_one_and_not_of_a_broken_one():
    again = date(2026, 12, 1)
    first, second = promise(), promise((date(2026, 12, 20), 20_000), made_on=again, id_="b")
    one, two = judge([second, first], [paid(again, 20_000)], date(2026, 12, 30))
    assert (one.promise.id, one.kept, one.paid, one.missing) == ("a", Kept.REPLACED, Money(0), Money(0))
    assert (two.promise.id, two.kept, two.check_on) == ("b", Kept.KEPT, None)
    late = promise((date(2027, 1, 20), 20_000), made_on=date(2026, 12, 31), id_="c")
    assert [judged.kept for judged in judge([first, late], [], date(2027, 1, 1))] == [Kept.BROKEN, Kept.OPEN]


@given(
    cents=st.integers(1, 10_000_000),
    first=st.dates(date(2026, 1, 1), date(2030, 12, 31)),
    instalments=st.integers(1, 60),
)
def test_instalments_add_up_and_come_once_a_month(cents, first, instalments):
    if cents < instalments:
        return
    parts = monthly(Money(cents), first, instalments)
    assert sum(part.amount.cents for part in parts) == cents
    assert max(part.amount.cents for part in parts) - min(part.amount.cents for part in parts) < instalments
    months = [part.due_on.year * 12 + part.due_on.month for part in parts]
    assert months == list(range(months[0], months[0] + instalments))
    assert all(part.due_on.day <= first.day for part in parts)
    assert parts[0].due_on == first


@given(
    parts=st.lists(st.integers(1, 500), min_size=1, max_size=6),
    payments=st.lists(st.tuples(st.integers(0, 200), st.integers(1, 500)), max_size=8),
    day=st.integers(0, 250),
)
def test_what_holds_of_every_judgement(parts, payments, day):
    plan = promise(*((DUE + timedelta(days=30 * n), cents) for n, cents in enumerate(parts)))
    came = [paid(MADE + timedelta(days=days), cents) for days, cents in payments]
    today = MADE + timedelta(days=day)
    judged = one(today, *came, of=plan)
    assert judged.paid.cents == sum(payment.amount.cents for payment in came if payment.paid_on <= today)
    assert 0 <= judged.missing.cents <= plan.amount.cents
    if judged.kept is Kept.KEPT:
        assert judged.paid.cents >= plan.amount.cents
        assert judged.missing.cents == 0
    if judged.kept is Kept.OPEN:
        assert judged.missing.cents == 0
        assert judged.check_on is not None
        assert judged.check_on > today
    if judged.kept in (Kept.BROKEN, Kept.PARTIAL):  # nothing that comes later makes it good
        later = one(today + timedelta(days=60), *came, paid(today + timedelta(days=1), 10_000), of=plan)
        assert later.kept is judged.kept


# -- offers ---------------------------------------------------------------------------------------------------

LADDER = (Step(10.0, 6, 15), Step(30.0, 1, 10))
SOON = MADE + timedelta(days=5)


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        (Terms(10.0, 6, SOON), True),
        (Terms(10.5, 6, SOON), False),
        (Terms(30.0, 1, SOON), True),
        (Terms(30.0, 2, SOON), False),  # each limit stands on one step, but both together on none
        (Terms(0.0, 7, SOON), False),
        (Terms(10.0, 6, MADE + timedelta(days=15)), True),
        (Terms(10.0, 6, MADE + timedelta(days=16)), False),
        (Terms(30.0, 1, MADE + timedelta(days=11)), False),
        (Terms(10.0, 1, MADE - timedelta(days=1)), False),
    ],
)
def test_nothing_is_offered_above_the_mandates_limit_not_even_with_a_supervisor(terms, allowed):
    for supervised in (False, True):
        if allowed:
            check(LADDER, terms, [], MADE, supervised=supervised)
        else:
            with pytest.raises(InputError, match="above the mandate's limit") as caught:
                check(LADDER, terms, [], MADE, supervised=supervised)
            assert "10 per cent off in at most 6 instalments within 15 days; or 30 per cent" in caught.value.remedy


def test_without_a_ladder_nothing_may_be_offered():
    with pytest.raises(InputError, match="above") as caught:
        check((), Terms(0.0, 1, SOON), [], MADE, supervised=True)
    assert caught.value.remedy.endswith("nothing")


@pytest.mark.parametrize(
    ("terms", "refused"),
    [
        (Terms(10.0, 3, SOON), False),
        (Terms(10.0, 4, SOON), False),
        (Terms(9.0, 3, SOON), True),
        (Terms(10.0, 2, SOON), True),
        (Terms(5.0, 6, SOON), False),  # less off, but more time
        (Terms(30.0, 1, SOON), False),
    ],
)
def test_nothing_worse_than_before_is_offered_without_a_supervisor(terms, refused):
    before = [Terms(0.0, 1, SOON), Terms(10.0, 3, SOON - timedelta(days=1))]
    if refused:
        with pytest.raises(InputError, match="worse than what was offered before"):
            check(LADDER, terms, before, MADE, supervised=False)
    else:
        check(LADDER, terms, before, MADE, supervised=False)
    check(LADDER, terms, before, MADE, supervised=True)


@given(
    one=st.tuples(st.integers(0, 50), st.integers(1, 12)), two=st.tuples(st.integers(0, 50), st.integers(1, 12))
)  # fmt: skip
def test_of_two_offers_at_most_one_is_worse(one, two):
    first, second = Terms(*one, SOON), Terms(*two, SOON)
    assert not (worse(first, second) and worse(second, first))
    assert not worse(first, first)
