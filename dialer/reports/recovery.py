"""What came in of what was assigned, and what it took: by creditor and the age of the debt."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from dialer.kernel.money import Money
from dialer.reports.portfolio import CaseFigures
from dialer.reports.report import (
    GROUPS,
    PERIOD,
    About,
    Asked,
    Filter,
    Meant,
    Report,
    Unit,
    count,
    each,
    money,
    ratio,
    share,
    text,
    total,
)

BUCKETS = ((30, "1: up to 30 days"), (90, "2: 31 to 90 days"), (180, "3: 91 to 180 days"), (365, "4: 181 to 365 days"))
OLDEST, NOT_KNOWN = "5: over 365 days", "6: not known"
HOUR_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class RecoveryLine:
    """The cases of one creditor whose oldest debt is of one age."""

    creditor: Annotated[str, text("who assigned the cases")]
    bucket: Annotated[str, text("days since the case's oldest debt was due, on the report's last day")]
    cases: Annotated[int, count("cases with a debt in the currency")]
    assigned: Annotated[Money, money("all that is owed by the creditor's word, costs included, before any payment")]
    cash: Annotated[Money, money("paid in the period, to whomever and whatever brought it, less what was taken back")]
    attempts: Annotated[int, count("calls cleared in the period that left our side")]
    right_party: Annotated[int, count("of those, with the debtor or with who may speak for one")]
    agent_hours: Annotated[float, Meant(Unit.HOURS, "talk and wrap-up of those calls; waiting isn't on record")]

    @property
    def recovery_rate(self) -> Annotated[float | None, share("cash ÷ assigned")]:
        return ratio(self.cash.cents, self.assigned.cents)

    @property
    def cash_per_attempt(self) -> Annotated[Money | None, money("cash ÷ attempts")]:
        return each(self.cash, self.attempts)

    @property
    def cash_per_right_party(self) -> Annotated[Money | None, money("cash ÷ right party")]:
        return each(self.cash, self.right_party)

    @property
    def cash_per_agent_hour(self) -> Annotated[Money | None, money("cash ÷ agent hours")]:
        return each(self.cash, self.agent_hours)


ABOUT = About(
    "recovery",
    "What came in of what was assigned, and what did it take?",
    RecoveryLine,
    PERIOD | GROUPS | {Filter.CURRENCY},
    (
        "A payment belongs to the day on which it was paid.",
        "Every payment on an assigned debt is counted, also one that no call brought: the funnel has those after a call.",
    ),
)


async def report(asked: Asked, cases: AsyncIterator[CaseFigures]) -> Report:
    """One line a creditor and age."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    worked: dict[tuple[str, str], float] = defaultdict(float)
    async for case in cases:
        if not case.debts:
            continue
        key = case.creditor, _bucket(case.oldest_due_on, asked.last_day)
        of = sums[key]
        of["cases"] += 1
        of["assigned"] += case.owed_cents
        of["cash"] += case.paid_cents(asked)
        of["attempts"] += case.calls.attempts
        of["right_party"] += case.calls.right_party
        worked[key] += case.calls.agent_seconds
    lines = [
        RecoveryLine(
            creditor,
            bucket,
            of["cases"],
            Money(of["assigned"], asked.currency),
            Money(of["cash"], asked.currency),
            of["attempts"],
            of["right_party"],
            worked[creditor, bucket] / HOUR_SECONDS,
        )
        for (creditor, bucket), of in sorted(sums.items())
    ]
    return Report(ABOUT, asked, tuple(lines), total(lines))


def _bucket(due_on: date | None, on: date) -> str:
    if due_on is None:
        return NOT_KNOWN
    days = (on - due_on).days
    return next((name for most, name in BUCKETS if days <= most), OLDEST)
