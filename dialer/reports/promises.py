"""What was promised to whom, and what became of it."""

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from dialer.cases.promises import Kept
from dialer.kernel.money import Money
from dialer.reports.portfolio import PromiseFigures, amount
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

_LATE = "missing of promises whose oldest unpaid instalment was due "
AGES = (30, 60, 90)
"""Days late, each the last of its column."""


@dataclass(frozen=True, slots=True)
class PromiseLine:
    """What one agent was promised for one creditor."""

    creditor: Annotated[str, text("to whom it is owed")]
    agent: Annotated[str, text("who took the promise")]
    made: Annotated[int, count("promises and plans given in the period")]
    amount_made: Annotated[Money, money("all that was promised")]
    open: Annotated[int, count("their time isn't over, and no instalment is missed")]
    replaced: Annotated[int, count("a later promise took their place before their time was over")]
    due: Annotated[int, count("their time is over, or an instalment is missed: kept + partial + broken")]
    amount_due: Annotated[Money, money("promised in those")]
    kept: Annotated[int, count("of the due ones: paid in full, each instalment by its day and the days of grace")]
    amount_kept: Annotated[Money, money("promised in the kept ones")]
    partial: Annotated[int, count("of the due ones: of a missed instalment something was paid in time, not all")]
    broken: Annotated[int, count("of the due ones: of a missed instalment nothing was paid in time")]
    paid: Annotated[Money, money("what came for all of them so far, late or not, less what was taken back")]
    late_to_30: Annotated[Money, money(_LATE + "up to 30 days ago")]
    late_to_60: Annotated[Money, money(_LATE + "31 to 60 days ago")]
    late_to_90: Annotated[Money, money(_LATE + "61 to 90 days ago")]
    late_over_90: Annotated[Money, money(_LATE + "over 90 days ago")]

    @property
    def kept_rate(self) -> Annotated[float | None, share("kept ÷ due, by number")]:
        return ratio(self.kept, self.due)

    @property
    def kept_rate_by_amount(self) -> Annotated[float | None, share("amount kept ÷ amount due")]:
        return ratio(self.amount_kept.cents, self.amount_due.cents)


ABOUT = About(
    "promises",
    "What was promised, and what was kept, in part, or not at all?",
    PromiseLine,
    PERIOD | GROUPS | {Filter.CURRENCY},
    (
        "A promise belongs to the instant at which it was given, and is judged as of today by all payments on record.",
        "One that is paid before its time is open until then: else the rate would count the good ones first.",
    ),
)


async def report(asked: Asked, promises: AsyncIterator[PromiseFigures]) -> Report:
    """One line a creditor and agent."""
    groups: dict[tuple[str, str], list[PromiseFigures]] = defaultdict(list)
    async for one in promises:
        groups[one.creditor, one.judged.promise.agent].append(one)
    lines = [_line(asked, creditor, agent, of) for (creditor, agent), of in sorted(groups.items())]
    return Report(ABOUT, asked, tuple(lines), total(lines))


def _line(asked: Asked, creditor: str, agent: str, made: list[PromiseFigures]) -> PromiseLine:
    due = [one for one in made if one.due]
    kept = [one for one in due if one.kept]
    replaced = sum(one.judged.kept is Kept.REPLACED for one in made)
    late = [0] * (len(AGES) + 1)
    for one in made:
        if one.days_late is not None:
            late[sum(one.days_late > days for days in AGES)] += one.judged.missing.cents
    return PromiseLine(
        creditor,
        agent,
        len(made),
        _promised(made, asked),
        len(made) - len(due) - replaced,
        replaced,
        len(due),
        _promised(due, asked),
        len(kept),
        _promised(kept, asked),
        sum(one.judged.kept is Kept.PARTIAL for one in due),
        sum(one.judged.kept is Kept.BROKEN for one in due),
        amount((one.judged.paid.cents for one in made), asked),
        *(Money(cents, asked.currency) for cents in late),
    )


def _promised(promises: list[PromiseFigures], asked: Asked) -> Money:
    return amount((one.judged.promise.amount.cents for one in promises), asked)
