"""What is owed, paid and done in each case: the figures from which several reports are made."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from dialer.cases.promises import Judged, Kept
from dialer.kernel.money import Money
from dialer.reports.report import Asked


@dataclass(frozen=True, slots=True)
class DebtFigures:
    """One debt: cents owed, of these the collection costs; when it was due; payments by day, below zero: taken back."""

    owed_cents: int
    costs_cents: int
    due_on: date | None
    payments: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True, slots=True)
class CallFigures:
    """Calls of a case in a period that left our side. first_at: when the first was cleared. agent_seconds: talk and
    wrap-up. contacts: an agent talked to a person.
    """

    attempts: int = 0
    answered: int = 0
    contacts: int = 0
    right_party: int = 0
    agent_seconds: float = 0.0
    first_at: datetime | None = None


NO_CALLS = CallFigures()


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """One case: its debts in the currency that was asked for, its calls in the period. remitted_cents: what needn't be
    paid any more, as a promise was kept under an accepted offer. letters: sent in the period. returned: the creditor has
    taken it back.
    """

    id: int
    campaign: str
    creditor: str
    mandate: str
    state: str
    returned: bool
    debts: tuple[DebtFigures, ...]
    remitted_cents: int
    letters: int
    calls: CallFigures

    @property
    def owed_cents(self) -> int:
        return sum(debt.owed_cents for debt in self.debts)

    @property
    def left_cents(self) -> int:
        """What was paid too much for one debt pays no other."""
        left = sum(max(0, debt.owed_cents - sum(cents for _, cents in debt.payments)) for debt in self.debts)
        return max(0, left - self.remitted_cents)

    @property
    def oldest_due_on(self) -> date | None:
        return min((debt.due_on for debt in self.debts if debt.due_on is not None), default=None)

    def paid_cents(self, asked: Asked, since: date | None = None, *, back: bool | None = None) -> int:
        """Paid in the period, less what was taken back (back: only that, or only the rest), from a day on."""
        return sum(
            cents
            for debt in self.debts
            for day, cents in debt.payments
            if asked.holds_day(day) and (since is None or day >= since) and (back is None or back is (cents < 0))
        )


@dataclass(frozen=True, slots=True)
class PromiseFigures:
    """A promise as it was judged on a day, and where it was given."""

    campaign: str
    creditor: str
    mandate: str
    judged: Judged
    today: date

    @property
    def due(self) -> bool:
        """Whether its time is over, or an instalment of it is missed already; one that was replaced never is."""
        promise, kept = self.judged.promise, self.judged.kept
        over = promise.over_on(promise.instalments[-1]) <= self.today
        return kept is not Kept.REPLACED and (over or kept in (Kept.PARTIAL, Kept.BROKEN))

    @property
    def kept(self) -> bool:
        return self.due and self.judged.kept is Kept.KEPT

    @property
    def days_late(self) -> int | None:
        """Since the day of the oldest instalment that should have come and isn't paid, not even late; None: nothing is."""
        if not self.judged.missing.cents:
            return None
        promise, paid = self.judged.promise, self.judged.paid.cents
        for instalment in promise.instalments:
            paid -= instalment.amount.cents
            if paid < 0:
                return (self.today - instalment.due_on) // timedelta(days=1)
        return None


def amount(cents: Iterable[int], asked: Asked) -> Money:
    """The sum, in the currency that was asked for."""
    return Money(sum(cents), asked.currency)
