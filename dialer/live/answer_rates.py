"""How often each caller id is answered: a number that networks or people have begun to block is answered by nobody.

Nothing is done about it here: a supervisor decides whether a number is rested.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.campaigns.campaign import Campaign
from dialer.kernel.phone import PhoneNumber
from pacing.abandonment import wilson

MEMORY_CALLS = 500
"""Each call weighs a five-hundredth less than the one after it: so what is told is of about the last 500."""
SURE = 2.58
"""Standard deviations of the interval, for 99 % confidence: it is looked at again and again."""
COLLAPSED_BELOW = 0.5
"""A number has collapsed where at its best it is answered less than half as often as its siblings are at their worst."""
REACHED_A_PHONE = frozenset(
    {
        Result.CONNECTED, Result.ABANDONED, Result.HUNG_UP, Result.WITHHELD,
        Result.BUSY, Result.NO_ANSWER, Result.REJECTED, Result.UNREACHABLE,
    }
)  # fmt: skip
"""What tells of how a number is received: neither a trunk's failure nor a number that nobody has does."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallerIdLine:
    """One number of a campaign. calls: on how many the rate rests. interval: between which it lies with 99 % confidence.

    siblings: the rate of the other numbers that stand in for it; None where there is none.
    """

    campaign: str
    caller_id: str
    calls: float
    rate: float
    interval: tuple[float, float]
    siblings: float | None
    collapsed: bool
    sentence: str


@dataclass(slots=True)
class _Counts:
    answered: float = 0.0
    calls: float = 0.0

    def add(self, *, answered: bool) -> None:
        keep = 1 - 1 / MEMORY_CALLS
        self.answered = self.answered * keep + answered
        self.calls = self.calls * keep + 1

    @property
    def rate(self) -> float:
        return self.answered / self.calls if self.calls else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.answered, self.calls, SURE)


class AnswerRates:
    """The rates of every campaign's numbers since the daemon's start; a number's siblings are those that its campaign, or
    its mandate there, may show instead: the same debtors at the same hours.
    """

    def __init__(self, campaigns: Mapping[str, Campaign]) -> None:
        self._counts: dict[tuple[str, PhoneNumber], _Counts] = {}
        self._collapsed: set[tuple[str, PhoneNumber]] = set()
        self.take_up(campaigns)

    def take_up(self, campaigns: Mapping[str, Campaign]) -> None:
        """The numbers that they show from now on; what is known of each stays."""
        self._groups: dict[tuple[str, PhoneNumber], tuple[PhoneNumber, ...]] = {}
        for name, campaign in campaigns.items():
            for group in (campaign.caller_ids, *campaign.mandate_caller_ids.values()):
                numbers = tuple(one.number for one in group)
                for number in numbers:
                    self._groups.setdefault((name, number), numbers)
        self._counts = {key: self._counts.get(key) or _Counts() for key in self._groups}
        self._collapsed &= self._groups.keys()

    def settled(self, attempt: Attempt) -> None:
        """A call is over."""
        key = attempt.campaign, attempt.intent.caller_id or PhoneNumber("")
        counts = self._counts.get(key)
        if counts is None or attempt.result not in REACHED_A_PHONE or attempt.trunk_lost or attempt.hang_up_wanted:
            return
        counts.add(answered=attempt.answered_at is not None)
        for number in self._groups[key]:
            self._judge(attempt.campaign, number)

    def lines(self) -> tuple[CallerIdLine, ...]:
        """Every number as others see it."""
        return tuple(self._line(campaign, number) for campaign, number in self._groups)

    def _judge(self, campaign: str, number: PhoneNumber) -> None:
        """It has collapsed once no chance explains it any more, until chance might explain the difference."""
        key = campaign, number
        own, siblings = self._counts[key], self._siblings(campaign, number)
        best, worst = own.interval[1], siblings.interval[0]
        if key not in self._collapsed and best < COLLAPSED_BELOW * worst:
            self._collapsed.add(key)
            log.warning("caller_id.collapsed", **self._figures(campaign, number))
        elif key in self._collapsed and best >= worst:
            self._collapsed.discard(key)
            log.warning("caller_id.recovered", **self._figures(campaign, number))

    def _figures(self, campaign: str, number: PhoneNumber) -> dict[str, object]:
        own, siblings = self._counts[campaign, number], self._siblings(campaign, number)
        figures = {"rate": round(own.rate, 3), "siblings": round(siblings.rate, 3), "calls": round(own.calls)}
        return {"campaign": campaign, "ending": number[-4:], **figures}

    def _siblings(self, campaign: str, number: PhoneNumber) -> _Counts:
        return _sum(self._counts[campaign, other] for other in self._groups[campaign, number] if other != number)

    def _line(self, campaign: str, number: PhoneNumber) -> CallerIdLine:
        own, siblings = self._counts[campaign, number], self._siblings(campaign, number)
        collapsed = (campaign, number) in self._collapsed
        low, high = own.interval
        words = f"answered by {own.rate:.1%} of the last {own.calls:.0f} ({low:.1%} to {high:.1%})"
        if siblings.calls:
            words += f", its siblings by {siblings.rate:.1%}"
        if collapsed:
            words += ": it has collapsed, so look whether it is blocked or marked, and rest it (rested = true) if so"
        return CallerIdLine(
            campaign, number, own.calls, own.rate, own.interval,
            siblings.rate if siblings.calls else None, collapsed, words,
        )  # fmt: skip


def _sum(some: Iterable[_Counts]) -> _Counts:
    total = _Counts()
    for counts in some:
        total.answered += counts.answered
        total.calls += counts.calls
    return total
