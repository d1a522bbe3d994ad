"""When numbers are answered, and by whom: learnt of a campaign's own calls, and shrunk to the whole portfolio.

Of each class of numbers (kind and provenance) in each hour of the week it counts calls, answers and right parties. What
is rare borrows from what is common: an hour of a class begins at what the class and the hour are by themselves, and
these begin at the portfolio. A debtor's own past calls speak last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dialer.cases.model import NumberLine, Try

FORMAT = 1
HALF_LIFE_DAYS = 60.0
"""What was seen so long ago counts half."""
SHRUNK_CALLS = 40.0
"""With so many calls an hour's own rate counts as much as what it was shrunk to."""
PRIOR_CALLS, PRIOR_ANSWERED, PRIOR_RIGHT_PARTY = 40.0, 0.25, 0.08
"""What a portfolio is believed to do before anybody was called."""
PRIOR_SPOKEN, PRIOR_PROMISED = 20.0, 0.3
"""And of those spoken to, how many promise."""
PRIOR_TALKS, PRIOR_RIGHT_SECONDS, PRIOR_OTHER_SECONDS = 10.0, 180.0, 30.0
ENOUGH_CALLS, ENOUGH_OF_HOUR = 300.0, 3.0
"""Fewer calls in all, or in an hour, and no call is moved to that hour: an hour in which nobody works never is. Few are
enough, as an hour that is hardly tried is believed to be like the others: else it would never be tried more.
"""
MOST_CHANCE = 0.95
OWN_ANSWERS = 1.0
"""So many expected answers of a debtor's own calls count as much as the class's habit."""
OWN_TALKS = 1.0
"""So many answered calls of a number say as much of who answers it as the class does."""
DEAD_CALLS = 40.0
"""A number that isn't in service is believed in as little as one that rang out so often."""
OTHER_NUMBERS = 0.5
"""What calls of a debtor's other numbers say of this one, against its own."""
NEAR_HOURS = 3
"""A try so many hours away says little more of an hour than one at any other time."""
ELSEWHEN = 0.3
BEST_HOUR_FACTOR = 1.5
"""For the hours at which a file, or an agent, says that the number is best tried."""
HOURS = 24


def slot_of(at: datetime, zone: ZoneInfo) -> int:
    """The hour of the debtor's day, 0 to 23, and from 24 on that of a Saturday or Sunday."""
    local = at.astimezone(zone)
    return local.hour + (HOURS if local.weekday() >= 5 else 0)


def slot_words(slot: int) -> str:
    """As a supervisor reads it: `18-19`, `10-11 at weekends`."""
    weekend, hour = divmod(slot, HOURS)
    return f"{hour:02d}-{hour + 1:02d}{' at weekends' if weekend else ''}"


def class_of(line: NumberLine) -> str:
    """What is learnt of together: `mobile/creditor`."""
    return f"{line.kind.value}/{line.provenance.value}"


@dataclass(frozen=True, slots=True)
class Chance:
    """Of one call: that somebody answers, and that it is the right party."""

    answered: float
    right_party: float


@dataclass(slots=True)
class Seen:
    """Calls, those that were answered, and those that reached the right party; the old ones count for less."""

    calls: float = 0.0
    answered: float = 0.0
    right_party: float = 0.0

    def add(self, calls: float, answered: float, right_party: float) -> None:
        """More of the same."""
        self.calls += calls
        self.answered += answered
        self.right_party += right_party


@dataclass(slots=True)
class Habits:
    """What one campaign learnt. Everything in it is a count over many people: nothing is about one.

    cells: by class of number and hour. risks: by the creditor's risk class, right parties spoken to and those who
    promised. talks: conversations with the right party and with others, and how many seconds they took together.
    aged_on: the day up to which what is old was made to count for less.
    """

    cells: dict[tuple[str, int], Seen] = field(default_factory=dict)
    risks: dict[str, tuple[float, float]] = field(default_factory=dict)
    talks: dict[bool, tuple[float, float]] = field(default_factory=dict)
    aged_on: date | None = None
    _classes: dict[str, Seen] = field(default_factory=dict)
    _slots: dict[int, Seen] = field(default_factory=dict)
    _all: Seen = field(default_factory=Seen)

    # -- what calls teach --------------------------------------------------------------------------------

    def called(self, number_class: str, slot: int, *, answered: bool) -> None:
        """A call ended that reached the network."""
        self._add(number_class, slot, 1.0, float(answered), 0.0)

    def spoke(self, number_class: str, slot: int, risk_class: str, *, promised: bool, taken_back: bool = False) -> None:
        """The agent says that it was the right party, or takes that back."""
        times = -1.0 if taken_back else 1.0
        self._add(number_class, slot, 0.0, 0.0, times)
        spoken, promises = self.risks.get(risk_class, (0.0, 0.0))
        # since it was said it may have aged a little: nothing falls below none
        self.risks[risk_class] = (max(0.0, spoken + times), max(0.0, promises + times * promised))

    def talked(self, seconds: float, *, right_party: bool) -> None:
        """So long an agent had the call."""
        count, total = self.talks.get(right_party, (0.0, 0.0))
        self.talks[right_party] = (count + 1.0, total + seconds)

    def age(self, today: date) -> None:
        """What is old counts for less; at most once a day."""
        since, self.aged_on = self.aged_on or today, max(today, self.aged_on or today)
        if (days := (today - since).days) > 0:
            self._scale(0.5 ** (days / HALF_LIFE_DAYS))

    # -- what is believed --------------------------------------------------------------------------------

    @property
    def enough(self) -> bool:
        """Whether calls may be moved because of it."""
        return self._all.calls >= ENOUGH_CALLS

    @property
    def begun(self) -> bool:
        """Whether any call was learnt of."""
        return self._all.calls > 0.0

    def knows(self, slot: int) -> bool:
        """Whether enough calls were made at this hour to move others there."""
        return self._slots.get(slot, _NOTHING).calls >= ENOUGH_OF_HOUR

    def anytime(self, line: NumberLine, lines: Iterable[NumberLine] = ()) -> Chance:
        """What a call to this number will do, at whatever hour. lines: the debtor's others, as below."""
        habit = self._habit(class_of(line), None)
        others, others_expected = self._elsewhere(line, lines)
        calls = line.tried + DEAD_CALLS * line.dead
        answered = (OWN_ANSWERS + others + line.answered) / (OWN_ANSWERS + others_expected + calls * habit.answered)
        answers = min(MOST_CHANCE, habit.answered * answered)
        return Chance(answers, answers * _right_share(habit, line.answered, line.reached))

    def chance(self, line: NumberLine, slot: int, zone: ZoneInfo) -> Chance:
        """What a call to this number at that hour will do."""
        return self.chances(line, (slot,), zone)[slot]

    def chances(
        self, line: NumberLine, slots: Iterable[int], zone: ZoneInfo, lines: Iterable[NumberLine] = ()
    ) -> dict[int, Chance]:
        """The same for several hours. lines: the debtor's numbers: who seldom picks up one of them seldom picks up."""
        number_class = class_of(line)
        own = _own_of(line.tries, zone)
        expected = {slot: self._habit(number_class, slot).answered for slot in own}
        answered = sum(seen.answered for seen in own.values())
        reached = sum(seen.right_party for seen in own.values())
        others, others_expected = self._elsewhere(line, lines)
        dead = DEAD_CALLS * sum(one.dead for one in line.tries)
        found = {}
        for slot in slots:
            habit = self._habit(number_class, slot)
            said = BEST_HOUR_FACTOR if slot % HOURS in line.best_hours else 1.0
            near, near_expected = _own_near(own, expected, slot)
            factor = (OWN_ANSWERS + others + near) / (
                OWN_ANSWERS + others_expected + near_expected + dead * habit.answered
            )
            answers = min(MOST_CHANCE, habit.answered * factor * said)
            found[slot] = Chance(answers, answers * _right_share(habit, answered, reached))
        return found

    def promised(self, risk_class: str) -> float:
        """Of the right parties of this risk class that are spoken to, how many promise."""
        spoken = sum(count for count, _ in self.risks.values())
        promises = sum(count for _, count in self.risks.values())
        all_ = (promises + PRIOR_SPOKEN * PRIOR_PROMISED) / (spoken + PRIOR_SPOKEN)
        own, kept = self.risks.get(risk_class, (0.0, 0.0))
        return (kept + PRIOR_SPOKEN * all_) / (own + PRIOR_SPOKEN)

    def talk_seconds(self, *, right_party: bool) -> float:
        """How long an agent has such a call, on average."""
        count, total = self.talks.get(right_party, (0.0, 0.0))
        prior = PRIOR_RIGHT_SECONDS if right_party else PRIOR_OTHER_SECONDS
        return (total + PRIOR_TALKS * prior) / (count + PRIOR_TALKS)

    def _elsewhere(self, line: NumberLine, lines: Iterable[NumberLine]) -> tuple[float, float]:
        """What the debtor's other numbers say of this one: answers, and those that were to be expected."""
        answered = expected = 0.0
        for other in lines:
            if other.number != line.number:
                tried, heard = _counted(other)
                answered += OTHER_NUMBERS * heard
                expected += OTHER_NUMBERS * tried * self._habit(class_of(other), None).answered
        return answered, expected

    def _habit(self, number_class: str, slot: int | None) -> Chance:
        of_class = self._classes.get(number_class, _NOTHING)
        all_answered = (self._all.answered + PRIOR_CALLS * PRIOR_ANSWERED) / (self._all.calls + PRIOR_CALLS)
        all_right = (self._all.right_party + PRIOR_CALLS * PRIOR_RIGHT_PARTY) / (self._all.calls + PRIOR_CALLS)
        answered, right = _shrunk(of_class, all_answered, all_right)
        if slot is not None:
            slot_answered, slot_right = _shrunk(self._slots.get(slot, _NOTHING), all_answered, all_right)
            answered = min(MOST_CHANCE, answered * slot_answered / all_answered)
            right = min(MOST_CHANCE, right * slot_right / all_right)
            answered, right = _shrunk(self.cells.get((number_class, slot), _NOTHING), answered, right)
        return Chance(answered, min(answered, right))

    # -- keeping it --------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "format": FORMAT,
            "aged_on": self.aged_on.isoformat() if self.aged_on else None,
            "cells": [
                [number_class, slot, seen.calls, seen.answered, seen.right_party]
                for (number_class, slot), seen in sorted(self.cells.items())
            ],
            "risks": {name: list(pair) for name, pair in self.risks.items()},
            "talks": {str(right).lower(): list(pair) for right, pair in self.talks.items()},
        }

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> "Habits":
        """The habits again. Raises ValueError for what it doesn't know."""
        try:
            if values["format"] != FORMAT:
                msg = f"format {values['format']!r}, not {FORMAT}"
                raise ValueError(msg)
            habits = cls(aged_on=date.fromisoformat(values["aged_on"]) if values["aged_on"] else None)
            for number_class, slot, *counts in values["cells"]:
                calls, answered, right_party = map(_count, counts)
                habits._add(str(number_class), int(slot), calls, answered, right_party)
            habits.risks = {str(name): _pair(pair) for name, pair in values["risks"].items()}
            habits.talks = {name == "true": _pair(pair) for name, pair in values["talks"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            msg = f"no habits: {error!r}"
            raise ValueError(msg) from None
        return habits

    def take_in(self, other: "Habits") -> None:
        """What another cell learnt of the same campaign."""
        for (number_class, slot), seen in other.cells.items():
            self._add(number_class, slot, seen.calls, seen.answered, seen.right_party)
        for name, (count, total) in other.risks.items():
            mine = self.risks.get(name, (0.0, 0.0))
            self.risks[name] = (mine[0] + count, mine[1] + total)
        for right, (count, total) in other.talks.items():
            mine = self.talks.get(right, (0.0, 0.0))
            self.talks[right] = (mine[0] + count, mine[1] + total)

    def _add(self, number_class: str, slot: int, calls: float, answered: float, right_party: float) -> None:
        for seen in (
            self.cells.setdefault((number_class, slot), Seen()),
            self._classes.setdefault(number_class, Seen()),
            self._slots.setdefault(slot, Seen()),
            self._all,
        ):
            seen.add(calls, answered, right_party)

    def _scale(self, keep: float) -> None:
        for seen in (*self.cells.values(), *self._classes.values(), *self._slots.values(), self._all):
            seen.calls, seen.answered, seen.right_party = (
                seen.calls * keep,
                seen.answered * keep,
                seen.right_party * keep,
            )
        self.risks = {name: (spoken * keep, promises * keep) for name, (spoken, promises) in self.risks.items()}
        self.talks = {right: (count * keep, total * keep) for right, (count, total) in self.talks.items()}


_NOTHING = Seen()


def _shrunk(seen: Seen, answered: float, right_party: float) -> tuple[float, float]:
    calls = seen.calls + SHRUNK_CALLS
    return (
        (seen.answered + SHRUNK_CALLS * answered) / calls,
        (seen.right_party + SHRUNK_CALLS * right_party) / calls,
    )


def _own_of(tries: Sequence[Try], zone: ZoneInfo) -> dict[int, Seen]:
    own: dict[int, Seen] = {}
    for one in tries:
        own.setdefault(slot_of(one.at, zone), Seen()).add(1.0, float(one.answered), float(one.right_party))
    return own


def _own_near(own: Mapping[int, Seen], expected: Mapping[int, float], slot: int) -> tuple[float, float]:
    """Answers of the number's own tries, and those that were to be expected: the nearer to that hour, the more."""
    answered = calls = 0.0
    for tried_at, seen in own.items():
        weight = _nearness(slot, tried_at)
        answered += weight * seen.answered
        calls += weight * seen.calls * expected[tried_at]
    return answered, calls


def _counted(line: NumberLine) -> tuple[int, int]:
    """A number's calls that say something of its owner, and how many of them were answered."""
    if line.tries:
        return sum(not one.dead for one in line.tries), sum(one.answered for one in line.tries)
    return line.tried - line.dead, line.answered


def _right_share(habit: Chance, answered: float, reached: float) -> float:
    """Of the number's answered calls, those that the right party takes: whose number it is shows with the first talks."""
    return (OWN_TALKS * habit.right_party / habit.answered + reached) / (OWN_TALKS + answered)


def _nearness(slot: int, other: int) -> float:
    if slot // HOURS != other // HOURS:
        return ELSEWHEN
    return ELSEWHEN + (1.0 - ELSEWHEN) * max(0.0, 1.0 - abs(slot - other) / NEAR_HOURS)


def _count(value: Any) -> float:
    number = float(value)
    if not 0.0 <= number < float("inf"):
        msg = f"{value!r} isn't a number of what was seen"
        raise TypeError(msg)
    return number


def _pair(pair: Sequence[Any]) -> tuple[float, float]:
    first, second = map(_count, pair)
    return first, second
