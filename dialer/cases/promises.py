"""Promises and repayment plans, and what became of them: kept, partly kept or broken, judged by the payments alone."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import zip_longest

from dialer.cases.payment import Payment
from dialer.kernel.money import Money

MOST_INSTALMENTS = 120


class Kept(StrEnum):
    """What became of a promise."""

    OPEN = "open"
    """What was due by now is paid, and something is still to come."""
    KEPT = "kept"
    """All of it was paid, each instalment by its day and the days of grace."""
    PARTIAL = "partial"
    """Of an instalment whose time is over something was paid in time, but not all."""
    BROKEN = "broken"
    """Of an instalment whose time is over nothing was paid in time."""
    REPLACED = "replaced"
    """A later promise took its place before its time was over."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """What is to be paid by the end of a day, without the days of grace."""

    due_on: date
    amount: Money


@dataclass(frozen=True, slots=True)
class Promise:
    """What the debtor promised to whom; a repayment plan has several instalments, the earliest first.

    id: the attempt in which it was given. made_on: its day in the debtor's calendar. grace_days: how long a payment may
    be late and is in time all the same, as campaign or mandate had it when the promise was given. remission_cents: what
    the debtor needn't pay of the rest once it is kept, as an accepted offer has it.
    """

    id: str
    case_id: int
    agent: str
    made_at: datetime
    made_on: date
    instalments: tuple[Instalment, ...]
    grace_days: int
    remission_cents: int = 0

    def __post_init__(self) -> None:
        assert self.instalments, "a promise of nothing"
        days = [instalment.due_on for instalment in self.instalments]
        assert days == sorted(days), "instalments out of order"
        assert all(instalment.amount.cents > 0 for instalment in self.instalments), "an instalment of nothing"
        assert len({instalment.amount.currency for instalment in self.instalments}) == 1, "several currencies"

    @property
    def amount(self) -> Money:
        """All of it."""
        return Money(sum(part.amount.cents for part in self.instalments), self.instalments[0].amount.currency)

    @property
    def plan(self) -> bool:
        return len(self.instalments) > 1

    def over_on(self, instalment: Instalment) -> date:
        """The first day on which a payment for it comes too late."""
        return instalment.due_on + timedelta(days=self.grace_days + 1)


@dataclass(frozen=True, slots=True)
class Judged:
    """A promise as its payments have it on a day.

    paid: what came for it so far, late or not. missing: what should have come by now, the days of grace included, and
    hasn't, not even late. check_on: the next day on which it may be judged otherwise without a payment; None: never.
    paid_late_on: the day from which on all of it was there, where it was broken or kept in part alone.
    """

    promise: Promise
    kept: Kept
    paid: Money
    missing: Money
    check_on: date | None
    paid_late_on: date | None = None


def monthly(amount: Money, first: date, instalments: int) -> tuple[Instalment, ...]:
    """An amount in equal monthly instalments from `first` on; the cents that can't be shared stand in the last one.

    A day that a month lacks is its last one.
    """
    share, rest = divmod(amount.cents, instalments)
    parts = []
    for index in range(instalments):
        years, month = divmod(first.month - 1 + index, 12)
        year, month = first.year + years, month + 1
        day = min(first.day, monthrange(year, month)[1])
        cents = share + (rest if index == instalments - 1 else 0)
        parts.append(Instalment(date(year, month, day), Money(cents, amount.currency)))
    return tuple(parts)


def judge(promises: Sequence[Promise], payments: Sequence[Payment], today: date) -> list[Judged]:
    """What became of a case's promises, the earliest first, by the payments that came in on it until `today`.

    A later promise takes the place of an earlier one: payments from its day on are for it, and what wasn't over of the
    earlier one by then never will be.
    """
    ordered = sorted(promises, key=lambda promise: promise.made_at)
    return [
        _judge(promise, payments, today, later.made_on if later else None)
        for promise, later in zip_longest(ordered, ordered[1:])
    ]


def _judge(promise: Promise, payments: Sequence[Payment], today: date, replaced_on: date | None) -> Judged:
    currency = promise.amount.currency
    mine = [
        payment
        for payment in payments
        if payment.amount.currency == currency
        and promise.made_on <= payment.paid_on <= today
        and (replaced_on is None or payment.paid_on < replaced_on)
        and not _takes_back_earlier(payment, payments, promise.made_on)
    ]
    paid = sum(payment.amount.cents for payment in mine)
    judged_on = replaced_on or today
    over = [part for part in promise.instalments if promise.over_on(part) <= judged_on]
    kept = _worst_of(promise, over, mine)
    if kept is Kept.KEPT and len(over) < len(promise.instalments) and paid < promise.amount.cents:
        kept = Kept.OPEN if replaced_on is None else Kept.REPLACED
    missing = max(0, sum(part.amount.cents for part in over) - paid) if replaced_on is None else 0
    check_on = None
    if replaced_on is None and paid < promise.amount.cents:
        check_on = next((promise.over_on(part) for part in promise.instalments if promise.over_on(part) > today), None)
    late_on = _whole_on(promise, mine) if kept in (Kept.BROKEN, Kept.PARTIAL) else None
    return Judged(promise, kept, Money(paid, currency), Money(missing, currency), check_on, late_on)


def _whole_on(promise: Promise, payments: Sequence[Payment]) -> date | None:
    """The day from which on the whole amount was there."""
    paid, whole_on = 0, None
    for payment in sorted(payments, key=lambda payment: payment.paid_on):
        paid += payment.amount.cents
        if paid < promise.amount.cents:
            whole_on = None
        elif whole_on is None:
            whole_on = payment.paid_on
    return whole_on


def _takes_back_earlier(bounce: Payment, payments: Sequence[Payment], made_on: date) -> bool:
    """Whether what is taken back came before the promise: nobody names the payment that bounced, so the last one of the
    same amount for the same debt is taken for it.
    """
    same = [
        payment.paid_on
        for payment in payments
        if payment.debt_reference == bounce.debt_reference
        and payment.amount.cents == -bounce.amount.cents > 0
        and payment.amount.currency == bounce.amount.currency
        and payment.paid_on <= bounce.paid_on
    ]
    return bool(same) and max(same) < made_on


def _worst_of(promise: Promise, over: Sequence[Instalment], payments: Sequence[Payment]) -> Kept:
    """The first instalment of those whose time is over that wasn't paid in time decides."""
    due = 0
    for instalment in over:
        in_time = sum(
            payment.amount.cents
            for payment in payments
            # what is taken back was never paid, whenever that came out
            if payment.paid_on < promise.over_on(instalment) or payment.amount.cents < 0
        )
        before, due = due, due + instalment.amount.cents
        if in_time < due:
            return Kept.PARTIAL if in_time > before else Kept.BROKEN
    return Kept.KEPT
