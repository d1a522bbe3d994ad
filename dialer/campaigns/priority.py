"""What a call in a case is worth now: money that may come, for each second of an agent, in few bands; and the order in
which cases are taken.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from dialer.campaigns.habits import Chance, Habits, class_of
from dialer.cases.model import NumberLine
from dialer.kernel.money import Money

BANDS = 8
BAND_FACTOR = 2.0
"""A case is worth about twice as much as one in the band below."""
LOWEST_CENTS_PER_SECOND = 0.5
"""Below it a case is in band 1."""
ATTEMPT_SECONDS = 15.0
"""What a call takes of an agent's time until somebody answers, or nobody does: a whole ringing where one line is dialled
for each free agent, less where more are; a house figure."""
LARGE_CENTS, LARGE_POWER = 10_000, 0.5
"""Of a debt above so much the part that comes falls: one four times as large brings twice as much. A house figure: large
debts are promised less, kept less, and paid in parts; and who can be reached at all weighs more than who owes most.
"""
HALF_VALUE_DAYS = 180.0
"""A debt so much older brings half: a house figure, from the trade's usual curve (half after six months)."""
LEAST_SHARE = 0.05
"""However old it is."""
AGE_UNKNOWN_DAYS = 365
LONGEST_DUE_EVERY = 3
"""One case in so many is taken because it is due longest: no case waits for ever, whatever the others are worth."""


@dataclass(frozen=True, slots=True)
class Worth:
    """band: 1 to `BANDS`, the higher the sooner. why: in one sentence."""

    cents_per_second: float
    band: int
    why: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a case its worth is made of.

    left: to be paid. age_days: since the oldest of its debts was due; None = not known. risk_class: the creditor's word.
    """

    left: Money
    age_days: int | None = None
    risk_class: str = ""


class Ranking(Protocol):
    """Where the worth of cases is kept. Raises AwayError."""

    async def rank(self, case_ids: Collection[int], now: datetime) -> None:
        """Reckon the worth of these cases anew."""

    async def open_after(self, case_id: int, most: int) -> list[int]:
        """Up to `most` open cases with a higher id, by their ids."""


def worth(claim: Claim, habits: Habits, lines: Iterable[NumberLine]) -> Worth:
    """The worth of calling the case's best number, at whatever hour: the hour is chosen apart."""
    all_ = tuple(lines)
    best = max(
        ((line, habits.anytime(line, all_)) for line in all_),
        key=lambda found: found[1].right_party,
        default=None,
    )
    if best is None:
        return Worth(0.0, 1, f"band 1 of {BANDS}: no number to call")
    line, chance = best
    age_days = AGE_UNKNOWN_DAYS if claim.age_days is None else max(0, claim.age_days)
    share = max(LEAST_SHARE, 0.5 ** (age_days / HALF_VALUE_DAYS))
    promised = habits.promised(claim.risk_class)
    cents = chance.right_party * _brings(claim.left.cents) * share * promised
    per_second = cents / _agent_seconds(chance, habits)
    band = band_of(per_second)
    age = "of unknown age" if claim.age_days is None else f"{age_days} days overdue"
    risk = f" (risk class {claim.risk_class})" if claim.risk_class else ""
    why = (
        f"band {band} of {BANDS}: {claim.left} left, {age}; {_class_words(line)} answered by {chance.answered:.0%}, by the "
        f"right party in {chance.right_party:.0%}; {promised:.0%} of those{risk} promise: "
        f"about {Money(round(per_second * 60), claim.left.currency)} for each minute of an agent"
    )
    return Worth(per_second, band, why)


def rank_words(found: Worth, best_hour: str, *, agreed: bool, urgent: bool) -> str:
    """The case's place among the others, as a supervisor reads it; agreed, urgent: it comes before them all."""
    first = (
        "agreed call-back, before all others; " if agreed else "urgent, before what is worth more; " if urgent else ""
    )
    return f"{first}{found.why}{f'; {best_hour}' if best_hour else ''}"


def band_of(cents_per_second: float) -> int:
    """The band of a worth: a logarithmic scale, so that what was learnt today moves few cases."""
    band, least = 1, LOWEST_CENTS_PER_SECOND
    while band < BANDS and cents_per_second >= least:
        band, least = band + 1, least * BAND_FACTOR
    return band


def _brings(left_cents: int) -> float:
    return left_cents if left_cents <= LARGE_CENTS else LARGE_CENTS * (left_cents / LARGE_CENTS) ** LARGE_POWER


def _agent_seconds(chance: Chance, habits: Habits) -> float:
    others = chance.answered - chance.right_party
    return (
        ATTEMPT_SECONDS
        + chance.right_party * habits.talk_seconds(right_party=True)
        + others * habits.talk_seconds(right_party=False)
    )


def _class_words(line: NumberLine) -> str:
    kind, given = class_of(line).split("/")
    return f"its {'' if kind == 'unknown' else kind + ' '}number{'' if given == 'unknown' else f' (from {given})'} is"


def page(in_order: Iterable[int], longest_due: Iterable[int], most: int) -> list[int]:
    """The next cases by their ids, each once: the best in their order, and in between those that are due longest."""
    longest = iter(longest_due)
    taken: dict[int, None] = {}
    for case_id in in_order:
        if len(taken) >= most:
            break
        if case_id in taken:
            continue
        taken[case_id] = None
        if len(taken) % LONGEST_DUE_EVERY == LONGEST_DUE_EVERY - 1:
            taken.update(dict.fromkeys(islice((other for other in longest if other not in taken), 1)))
    return list(taken)[:most]
