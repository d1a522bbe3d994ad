"""What every report is: lines whose columns say their unit and their definition, and totals, for what was asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, get_type_hints
from zoneinfo import ZoneInfo

from dialer.kernel.money import Money

TOTAL = "total"
_L = TypeVar("_L")
_MOMENT = timedelta(microseconds=1)


class Unit(StrEnum):
    """How a value is written, in every report alike."""

    TEXT = "text"
    COUNT = "count"
    YES = "yes or no"
    MONEY = "money"
    SHARE = "share"
    """A part of one: 0.03 is three per cent."""
    SECONDS = "seconds"
    HOURS = "hours"
    INSTANT = "instant"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Meant:
    """What a column of a line holds: the annotation of its field, or of its property's result.

    most: of several lines the largest one counts, where others are added.
    """

    unit: Unit
    definition: str
    most: bool = False


def text(definition: str) -> Meant:
    """A column of words."""
    return Meant(Unit.TEXT, definition)


def count(definition: str) -> Meant:
    """A column of whole numbers."""
    return Meant(Unit.COUNT, definition)


def money(definition: str) -> Meant:
    """A column of amounts."""
    return Meant(Unit.MONEY, definition)


def share(definition: str) -> Meant:
    """A column of ratios."""
    return Meant(Unit.SHARE, definition)


def seconds(definition: str) -> Meant:
    """A column of durations."""
    return Meant(Unit.SECONDS, definition)


def longest(definition: str) -> Meant:
    """A column of durations, of which a total has the longest."""
    return Meant(Unit.SECONDS, definition, most=True)


def instant(definition: str) -> Meant:
    """A column of instants."""
    return Meant(Unit.INSTANT, definition)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: units end its name where they aren't plain from it."""

    name: str
    unit: Unit
    definition: str
    most: bool = False


@cache
def columns_of(line: type) -> tuple[Column, ...]:
    """The columns of a line: its fields, then what is derived from them. A line is a dataclass, each field and property
    of which is `Annotated` with what it means.
    """
    hints = get_type_hints(line, include_extras=True)
    found = [_column(one.name, hints[one.name]) for one in fields(line)]
    for name, value in vars(line).items():
        if isinstance(value, property):
            found.append(_column(name, get_type_hints(value.fget, include_extras=True)["return"]))
    return tuple(found)


def _column(name: str, hint: Any) -> Column:
    (meant,) = hint.__metadata__
    return Column(name, meant.unit, meant.definition, meant.most)


class Filter(StrEnum):
    """What a report can be narrowed down to."""

    CAMPAIGN = "campaign"
    CREDITOR = "creditor"
    SINCE = "since"
    UNTIL = "until"
    CURRENCY = "currency"
    CASE = "case"


PERIOD = frozenset({Filter.SINCE, Filter.UNTIL})
GROUPS = frozenset({Filter.CAMPAIGN, Filter.CREDITOR})


@dataclass(frozen=True, slots=True)
class About:
    """One report before anything is read.

    question: what it answers. line: the type of its lines. takes, needs: filters that it knows, and that must be given.
    notes: what holds for all of it. shown: the columns of the table for people, where all would be too many. totals: the
    type of its totals, where they aren't lines.
    """

    name: str
    question: str
    line: type
    takes: frozenset[Filter]
    notes: tuple[str, ...] = ()
    needs: frozenset[Filter] = frozenset()
    shown: tuple[str, ...] = ()
    totals: type | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.line)

    @property
    def total_columns(self) -> tuple[Column, ...]:
        return columns_of(self.totals or self.line)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked: of which campaign, creditor and case (None: all), from `since` on and before `until`, in one
    currency. zone: the house's, whose days these are.
    """

    now: datetime
    zone: ZoneInfo
    campaign: str | None = None
    creditor: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    currency: str = "EUR"
    case: int | None = None

    @property
    def first_day(self) -> date | None:
        """The day from which on payments belong to it."""
        return None if self.since is None else self.since.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The last day of it that has begun."""
        until = self.now if self.until is None else min(self.now, self.until - _MOMENT)
        return until.astimezone(self.zone).date()

    def holds(self, at: datetime) -> bool:
        """Whether an instant lies in it."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)

    def holds_day(self, day: date) -> bool:
        """Whether a payment, or a letter, of that day belongs to it."""
        return day <= self.last_day and (self.first_day is None or day >= self.first_day)


@dataclass(frozen=True, slots=True)
class Report:
    """A report, or one page of it; each page has the totals of all."""

    about: About
    asked: Asked
    lines: tuple[Any, ...]
    totals: tuple[Any, ...] = field(default=())


def total(lines: Sequence[_L]) -> tuple[_L, ...]:
    """All lines in one: counts, durations and amounts are added, what is derived follows from the sums; none of none.

    Amounts are of one currency.
    """
    if not lines:
        return ()
    kind: Any = type(lines[0])
    columns = {column.name: column for column in columns_of(kind)}
    values: dict[str, Any] = {}
    for place, one in enumerate(fields(kind)):
        unit, most = columns[one.name].unit, columns[one.name].most
        of = [value for line in lines if (value := getattr(line, one.name)) is not None]
        if unit is Unit.TEXT:
            values[one.name] = TOTAL if place == 0 else ""
        elif unit is Unit.MONEY:
            values[one.name] = added(of)
        elif unit in (Unit.COUNT, Unit.SECONDS, Unit.HOURS):
            values[one.name] = (max if most else sum)(of) if of else None
        else:
            values[one.name] = None
    return (kind(**values),)


def added(amounts: Iterable[Money]) -> Money | None:
    """The sum of amounts in one currency; None of none."""
    found: Money | None = None
    for amount in amounts:
        found = amount if found is None else found + amount
    return found


def ratio(part: float, of: float) -> float | None:
    """A part of the whole; None where there is no whole."""
    return part / of if of else None


def each(amount: Money, of: float) -> Money | None:
    """An amount for each, to the nearest cent; None of none."""
    return Money(round(amount.cents / of), amount.currency) if of else None
