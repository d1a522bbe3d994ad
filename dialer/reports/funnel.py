"""From cases to cash: how much is left at each step, by campaign and creditor."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from dialer.kernel.money import Money
from dialer.reports.portfolio import CaseFigures, PromiseFigures
from dialer.reports.report import (
    GROUPS,
    PERIOD,
    About,
    Asked,
    Filter,
    Report,
    count,
    money,
    ratio,
    share,
    text,
    total,
)


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """One campaign's cases of one creditor."""

    campaign: Annotated[str, text("the campaign")]
    creditor: Annotated[str, text("who assigned the cases")]
    cases: Annotated[int, count("cases on record, whatever their state")]
    worked: Annotated[int, count("cases with an attempt in the period")]
    attempts: Annotated[int, count("calls cleared in the period that left our side")]
    answered: Annotated[int, count("of those, answered by a person or a machine")]
    contacts: Annotated[int, count("of those, an agent talked to a person, as the outcome says")]
    right_party: Annotated[int, count("of those, to the debtor or to who may speak for one (RPC)")]
    promises: Annotated[int, count("promises and plans given in the period")]
    promised: Annotated[Money, money("all that was promised")]
    due: Annotated[
        int, count("of those promises: their time is over, or an instalment is missed; none that was replaced")
    ]
    kept: Annotated[int, count("of the due ones: paid in full, each instalment by its day and the days of grace")]
    cash: Annotated[
        Money,
        money("paid in the period on worked cases, from the day of the first attempt on, less what was taken back"),
    ]

    @property
    def answer_rate(self) -> Annotated[float | None, share("answered ÷ attempts")]:
        return ratio(self.answered, self.attempts)

    @property
    def contact_rate(self) -> Annotated[float | None, share("contacts ÷ answered")]:
        return ratio(self.contacts, self.answered)

    @property
    def right_party_per_attempt(self) -> Annotated[float | None, share("right party ÷ attempts")]:
        return ratio(self.right_party, self.attempts)

    @property
    def right_party_per_contact(self) -> Annotated[float | None, share("right party ÷ contacts")]:
        return ratio(self.right_party, self.contacts)

    @property
    def right_party_per_case(self) -> Annotated[float | None, share("right party ÷ worked cases; may pass 100 %")]:
        return ratio(self.right_party, self.worked)

    @property
    def promise_rate(self) -> Annotated[float | None, share("promises ÷ right party")]:
        return ratio(self.promises, self.right_party)

    @property
    def kept_rate(self) -> Annotated[float | None, share("kept ÷ due")]:
        return ratio(self.kept, self.due)


ABOUT = About(
    "funnel",
    "Where do we lose them: attempts, answers, contacts, right parties, promises, kept ones, cash?",
    FunnelLine,
    PERIOD | GROUPS | {Filter.CURRENCY},
    (
        "An attempt belongs to the instant at which it was cleared, a promise to that at which it was given.",
        "A payment belongs to the day on which it was paid.",
        "A call whose outcome nobody said is no contact.",
        "Cash is what came after a call, not because of it.",
    ),
)


async def report(asked: Asked, cases: AsyncIterator[CaseFigures], promises: AsyncIterator[PromiseFigures]) -> Report:
    """One line a campaign and creditor."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    async for case in cases:
        calls, of = case.calls, sums[case.campaign, case.creditor]
        of["cases"] += 1
        if calls.first_at is not None:
            of["worked"] += 1
            of["cash"] += case.paid_cents(asked, calls.first_at.astimezone(asked.zone).date())
        for name in ("attempts", "answered", "contacts", "right_party"):
            of[name] += getattr(calls, name)
    async for promise in promises:
        of = sums[promise.campaign, promise.creditor]
        of["promises"] += 1
        of["promised"] += promise.judged.promise.amount.cents
        of["due"] += promise.due
        of["kept"] += promise.kept
    lines = [_line(asked, campaign, creditor, of) for (campaign, creditor), of in sorted(sums.items())]
    return Report(ABOUT, asked, tuple(lines), total(lines))


def _line(asked: Asked, campaign: str, creditor: str, of: Counter[str]) -> FunnelLine:
    return FunnelLine(
        campaign,
        creditor,
        of["cases"],
        of["worked"],
        of["attempts"],
        of["answered"],
        of["contacts"],
        of["right_party"],
        of["promises"],
        Money(of["promised"], asked.currency),
        of["due"],
        of["kept"],
        Money(of["cash"], asked.currency),
    )
