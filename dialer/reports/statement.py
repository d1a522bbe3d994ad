"""What a creditor is told of its own portfolio, mandate by mandate."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from dialer.cases.mandate import Mandate
from dialer.cases.model import CaseState
from dialer.kernel.money import Money
from dialer.reports.portfolio import CaseFigures, PromiseFigures
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
    money,
    ratio,
    share,
    text,
    total,
)


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One mandate."""

    mandate: Annotated[str, text("the creditor's reference; empty: assigned under none")]
    starts_on: Annotated[date | None, Meant(Unit.DAY, "its first day, where its terms are on record")]
    ends_on: Annotated[date | None, Meant(Unit.DAY, "its last day; empty: open, or not on record")]
    cases: Annotated[int, count("cases assigned under it so far")]
    debts: Annotated[int, count("debts of those cases, in the currency")]
    assigned: Annotated[Money, money("all that is owed by the creditor's word, before any payment")]
    costs: Annotated[Money, money("of that, collection costs charged to debtors; the agency's own aren't on record")]
    worked: Annotated[int, count("cases with an attempt in the period")]
    attempts: Annotated[int, count("calls cleared in the period that left our side")]
    contacts: Annotated[int, count("of those, an agent talked to a person, as the outcome says")]
    right_party: Annotated[int, count("of those, to the debtor or to who may speak for one")]
    letters: Annotated[int, count("letters sent in the period, by the day on which they left")]
    promises: Annotated[int, count("promises and plans given in the period")]
    promised: Annotated[Money, money("all that was promised in them")]
    due: Annotated[int, count("of those promises: their time is over, or an instalment is missed")]
    kept: Annotated[int, count("of the due ones: paid in full and in time, the days of grace included")]
    paid: Annotated[Money, money("paid in the period")]
    taken_back: Annotated[Money, money("of earlier payments taken back in the period, below zero")]
    paid_so_far: Annotated[Money, money("paid until the last day, less what was taken back")]
    remitted: Annotated[Money, money("needn't be paid any more, by offers that were accepted and kept")]
    left: Annotated[Money, money("left to pay by all payments on record; what was paid too much pays no other debt")]
    open: Annotated[int, count("cases that are called now")]
    letter: Annotated[int, count("cases that wait for a letter")]
    escalated: Annotated[int, count("cases about which a person decides")]
    closed: Annotated[int, count("cases that are closed: paid, ended by an outcome, or taken back")]
    returned: Annotated[int, count("cases that the creditor has taken back, or a debt of them (flag mandate_closed)")]

    @property
    def collected(self) -> Annotated[Money, money("paid + taken back")]:
        return self.paid + self.taken_back

    @property
    def recovery_rate(self) -> Annotated[float | None, share("paid so far ÷ assigned")]:
        return ratio(self.paid_so_far.cents, self.assigned.cents)


ABOUT = About(
    "statement",
    "What does a creditor get to know of its own portfolio?",
    StatementLine,
    PERIOD | GROUPS | {Filter.CURRENCY},
    (
        "No debtor is named.",
        "Cases, states and what is left are as of today; calls, promises and payments are those of the period.",
        "A payment belongs to the day on which it was paid.",
        "A payment that is told late belongs to its own month: make that month's statement anew.",
    ),
    needs=frozenset({Filter.CREDITOR}),
)
_CALLS = ("attempts", "contacts", "right_party")
_COUNTS = (
    "cases",
    "debts",
    "worked",
    *_CALLS,
    "letters",
    "promises",
    "due",
    "kept",
    *(state.value for state in CaseState),
    "returned",
)
_AMOUNTS = ("assigned", "costs", "promised", "paid", "taken_back", "paid_so_far", "remitted", "left")


async def report(
    asked: Asked,
    cases: AsyncIterator[CaseFigures],
    promises: AsyncIterator[PromiseFigures],
    mandates: Iterable[Mandate],
) -> Report:
    """One line a mandate of the creditor that was asked for."""
    terms = {mandate.reference: mandate for mandate in mandates if mandate.creditor == asked.creditor}
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    async for case in cases:
        _add(sums[case.mandate], case, asked)
    async for promise in promises:
        of = sums[promise.mandate]
        of["promises"] += 1
        of["promised"] += promise.judged.promise.amount.cents
        of["due"] += promise.due
        of["kept"] += promise.kept
    # a mandate without a case is told, too
    lines = [_line(asked, reference, terms.get(reference), sums[reference]) for reference in sorted({*sums, *terms})]
    return Report(ABOUT, asked, tuple(lines), total(lines))


def _add(of: Counter[str], case: CaseFigures, asked: Asked) -> None:
    of["cases"] += 1
    of["debts"] += len(case.debts)
    of["assigned"] += case.owed_cents
    of["costs"] += sum(debt.costs_cents for debt in case.debts)
    of["worked"] += case.calls.attempts > 0
    for name in _CALLS:
        of[name] += getattr(case.calls, name)
    of["letters"] += case.letters
    of["paid"] += case.paid_cents(asked, back=False)
    of["taken_back"] += case.paid_cents(asked, back=True)
    of["paid_so_far"] += sum(cents for debt in case.debts for day, cents in debt.payments if day <= asked.last_day)
    of["remitted"] += case.remitted_cents
    of["left"] += case.left_cents
    of[case.state] += 1
    of["returned"] += case.returned


def _line(asked: Asked, reference: str, terms: Mandate | None, of: Counter[str]) -> StatementLine:
    values: dict[str, Any] = {name: of[name] for name in _COUNTS}
    values |= {name: Money(of[name], asked.currency) for name in _AMOUNTS}
    starts_on, ends_on = (terms.starts_on, terms.ends_on) if terms else (None, None)
    return StatementLine(mandate=reference, starts_on=starts_on, ends_on=ends_on, **values)
