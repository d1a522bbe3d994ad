"""Offers: what a mandate lets an agent offer, what was offered, and what a later one may not undercut."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from dialer.kernel.errors import InputError


class Answer(StrEnum):
    """What the debtor said to an offer."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    OPEN = "open"
    """The debtor thinks it over."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a mandate's ladder: the most that may be offered together.

    discount_percent: of what is owed. most_instalments: one a month. deadline_days: within how many days from the offer
    on the debtor must accept it and pay, or begin to.
    """

    discount_percent: float
    most_instalments: int
    deadline_days: int

    def __str__(self) -> str:
        return (
            f"{self.discount_percent:g} per cent off in at most {self.most_instalments} instalments within "
            f"{self.deadline_days} days"
        )


Ladder = tuple[Step, ...]
"""A mandate's steps; none: nothing may be offered."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is offered: a discount in per cent of what is owed, in how many monthly instalments, until when."""

    discount_percent: float
    instalments: int
    until: date

    def __str__(self) -> str:
        return f"{self.discount_percent:g} per cent off in {self.instalments} instalments until {self.until}"


@dataclass(frozen=True, slots=True)
class Offer:
    """What was offered in a case, by whom, and the answer. approved_by: the supervisor, where one was needed.

    id: the attempt in which it was made. position: its place among those of the same call, from 0 on.
    """

    id: str
    position: int
    case_id: int
    agent: str
    made_at: datetime
    terms: Terms
    answer: Answer
    approved_by: str | None = None


def check(ladder: Ladder, terms: Terms, earlier: Sequence[Terms], today: date, *, supervised: bool) -> None:
    """May it be offered now? Raises InputError, with what may.

    Within the mandate's limit at all times; nothing worse for the debtor than what was offered before, unless a
    supervisor approves it: who declined a better offer would learn that waiting costs, and who got it from another
    agent that the agency doesn't keep its word.
    """
    if not within(ladder, terms, today):
        allowed = "; or ".join(map(str, ladder)) or "nothing"
        raise InputError(f"offers: {terms} is above the mandate's limit", f"what may be offered: {allowed}")
    better = next((before for before in earlier if worse(terms, before)), None)
    if better is not None and not supervised:
        raise InputError(
            f"offers: {terms} is worse than what was offered before ({better})",
            "offer at least the same, or have a supervisor approve it: approved_by",
        )


def within(ladder: Ladder, terms: Terms, today: date) -> bool:
    """Whether one step of the ladder allows all of it together."""
    return any(
        terms.discount_percent <= step.discount_percent
        and terms.instalments <= step.most_instalments
        and today <= terms.until <= today + timedelta(days=step.deadline_days)
        for step in ladder
    )


def worse(terms: Terms, before: Terms) -> bool:
    """Whether the debtor would rather have had the earlier one: less in one respect, and more in none.

    A greater discount for fewer instalments is another offer, not a worse one. A deadline is always later than it was.
    """
    less = terms.discount_percent < before.discount_percent or terms.instalments < before.instalments
    more = terms.discount_percent > before.discount_percent or terms.instalments > before.instalments
    return less and not more
