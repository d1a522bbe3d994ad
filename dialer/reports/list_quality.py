"""How good the numbers are that a creditor gave, by what calls found out."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from dialer.reports.report import GROUPS, PERIOD, About, Asked, Report, count, ratio, share, text, total

SILENT_TRIES = 5
"""A number that was tried so often and never answered is a silent one."""
FEWEST_CALLS = 30
"""An hour with fewer calls says nothing of how often it is answered."""
NOWHERE = "UTC"


@dataclass(frozen=True, slots=True)
class ListFigures:
    """The cases of a campaign and creditor, and their numbers, counted."""

    campaign: str
    creditor: str
    cases: int
    without_number: int
    exhausted: int
    numbers: int
    tried: int
    answered: int
    not_in_service: int
    wrong: int
    silent: int


@dataclass(frozen=True, slots=True)
class HourCalls:
    """Calls of a campaign and creditor, begun within a quarter of an hour, to debtors in one zone (empty: not known)."""

    campaign: str
    creditor: str
    zone: str
    begun: datetime
    calls: int
    answered: int


@dataclass(frozen=True, slots=True)
class ListLine:
    """One campaign's cases of one creditor."""

    campaign: Annotated[str, text("the campaign")]
    creditor: Annotated[str, text("who assigned the cases")]
    cases: Annotated[int, count("cases on record, whatever their state")]
    without_number: Annotated[int, count("of those, without any number")]
    exhausted: Annotated[int, count("open cases that have had all attempts that the law or the house allows them")]
    numbers: Annotated[int, count("numbers of those cases; refused at the import, as invalid, they aren't on record")]
    tried: Annotated[int, count("of those numbers, called in the period")]
    answered: Annotated[int, count("answered at least once in it, by a person or a machine")]
    not_in_service: Annotated[int, count("not in service at least once in it")]
    wrong: Annotated[int, count("flagged now as not the debtor's")]
    silent: Annotated[int, count(f"called at least {SILENT_TRIES} times in it, and never answered")]
    best_hour: Annotated[
        str, text(f"the debtors' hour most often answered, of those with {FEWEST_CALLS} calls or more")
    ]

    @property
    def answered_share(self) -> Annotated[float | None, share("answered ÷ tried")]:
        return ratio(self.answered, self.tried)

    @property
    def useless_share(self) -> Annotated[float | None, share("(not in service + wrong) ÷ numbers; one may be both")]:
        return ratio(self.not_in_service + self.wrong, self.numbers)


ABOUT = About(
    "list-quality",
    "How good are the numbers that each creditor gave us?",
    ListLine,
    PERIOD | GROUPS,
    ("Calls that never left our side say nothing of a number, and aren't counted.",),
)


def report(asked: Asked, figures: Iterable[ListFigures], hours: Iterable[HourCalls]) -> Report:
    """One line a campaign and creditor."""
    best = _best_hours(hours)
    lines = [
        ListLine(
            one.campaign,
            one.creditor,
            one.cases,
            one.without_number,
            one.exhausted,
            one.numbers,
            one.tried,
            one.answered,
            one.not_in_service,
            one.wrong,
            one.silent,
            best.get((one.campaign, one.creditor), ""),
        )
        for one in figures
    ]
    return Report(ABOUT, asked, tuple(lines), total(lines))


def _best_hours(hours: Iterable[HourCalls]) -> dict[tuple[str, str], str]:
    calls: Counter[tuple[str, str, int]] = Counter()
    answered: Counter[tuple[str, str, int]] = Counter()
    for one in hours:
        key = one.campaign, one.creditor, one.begun.astimezone(ZoneInfo(one.zone or NOWHERE)).hour
        calls[key] += one.calls
        answered[key] += one.answered
    best: dict[tuple[str, str], tuple[float, int]] = {}
    for (campaign, creditor, hour), many in sorted(calls.items()):
        rate = answered[campaign, creditor, hour] / many
        if many >= FEWEST_CALLS and rate > best.get((campaign, creditor), (0.0, 0))[0]:
            best[campaign, creditor] = rate, hour
    return {key: f"{hour:02d}:00 ({rate:.0%})" for key, (rate, hour) in best.items()}
