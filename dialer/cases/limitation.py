"""The limitation clock of a debt: the last day on which it can be claimed, and what moves it.

Only facts in writing do: the debtor acknowledged the debt, a formal notice was received, a court was seised (Italy:
artt. 2943 to 2945 and 2953 c.c.). A telephone call never does, nor does a payment by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

JUDGMENT_YEARS = 10
"""How long what a final judgment awards can be claimed (art. 2953 c.c.)."""
WARNED_AHEAD_DAYS = 180


class WrittenFactKind(StrEnum):
    """What happened in writing."""

    ACKNOWLEDGEMENT = "acknowledgement"
    """The debtor acknowledged the debt (art. 2944)."""
    NOTICE_RECEIVED = "notice_received"
    """A registered letter or PEC with a formal demand reached the debtor (art. 2943): the day it arrived counts."""
    COURT_ACT = "court_act"
    """A claim was served: the clock stands until it ends (artt. 2943, 2945)."""
    COURT_CASE_DROPPED = "court_case_dropped"
    """It ended without a judgment: the term runs anew from the day it was served (art. 2945)."""
    JUDGMENT = "judgment"
    """It became final (art. 2953)."""


@dataclass(frozen=True, slots=True)
class WrittenFact:
    """A fact about one debt, with what shows it: without evidence none is recorded."""

    kind: WrittenFactKind
    happened_on: date
    evidence: str
    recorded_by: str = ""


@dataclass(frozen=True, slots=True)
class Limitation:
    """Where the clock of a debt stands.

    on: the last day on which the debt can be claimed; None = not known, or a court has it. in_court_since: while it
    has. moved_by: the fact that made `on` what it is. too_late: facts after the last day, which moved nothing.
    """

    on: date | None
    in_court_since: date | None = None
    moved_by: WrittenFact | None = None
    too_late: tuple[WrittenFact, ...] = ()


class Alarm(StrEnum):
    """What to tell about a clock."""

    NOT_KNOWN = "not_known"
    NEAR = "near"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning, with the days that are left: below zero where it is over, None where nobody knows."""

    alarm: Alarm
    days_left: int | None = None


def limitation_of(given_on: date | None, years: int | None, facts: Iterable[WrittenFact]) -> Limitation:
    """Where the clock stands after these facts, whatever order they were recorded in.

    given_on: the last day as the creditor gave it; while it isn't known, nobody can tell whether a fact came in time,
    and only a judgment makes it known. years: for how long the debt can be claimed anew after a fact; where that isn't
    known, the earlier day stays. What a judgment awarded has its ten years anew (artt. 2945, 2953).
    """
    on, court, moved_by = given_on, None, None
    too_late: list[WrittenFact] = []
    for fact in sorted(facts, key=lambda fact: (fact.happened_on, list(WrittenFactKind).index(fact.kind))):
        if fact.kind is WrittenFactKind.JUDGMENT:
            years, court, moved_by = JUDGMENT_YEARS, None, fact
            on = _years_after(fact.happened_on, years)
        elif fact.kind is WrittenFactKind.COURT_CASE_DROPPED:
            if court is not None:
                on, moved_by = _anew(on, court.happened_on, years, moved_by, court)
                court = None
        elif on is None or court is not None:
            continue
        elif fact.happened_on > on:
            too_late.append(fact)
        elif fact.kind is WrittenFactKind.COURT_ACT:
            court = fact
        else:
            on, moved_by = _anew(on, fact.happened_on, years, moved_by, fact)
    if court is not None:
        return Limitation(None, court.happened_on, court, tuple(too_late))
    return Limitation(on, None, moved_by, tuple(too_late))


def warning_for(clock: Limitation, today: date, ahead_days: int = WARNED_AHEAD_DAYS) -> Warned | None:
    """What to tell of it today; None while there is time, or a court has it."""
    if clock.in_court_since is not None:
        return None
    if clock.on is None:
        return Warned(Alarm.NOT_KNOWN)
    left = (clock.on - today).days
    if left > ahead_days:
        return None
    return Warned(Alarm.OVER if left < 0 else Alarm.NEAR, left)


def _anew(
    on: date | None, since: date, years: int | None, moved_by: WrittenFact | None, fact: WrittenFact
) -> tuple[date | None, WrittenFact | None]:
    """The later of the day so far and the new one, with what made it so."""
    if on is None or years is None:
        return on, moved_by
    new = _years_after(since, years)
    return (new, fact) if new > on else (on, moved_by)


def _years_after(day: date, years: int) -> date:
    """The same day of a later year; a day that it hasn't is the month's last (art. 2963 c.c.)."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
