"""When a number is tried next: at the hour at which the right party answers best, held against waiting.

Attempts are the scarce good: the packs allow so many in a week or a month, and who has used them up waits long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.campaigns.habits import HOURS, Chance, Habits, class_of, slot_of, slot_words
from dialer.cases.model import DueCase, NumberLine
from dialer.compliance.entry import EVENTS, EntryResult
from dialer.compliance.pack import Pack
from dialer.compliance.rules import Count
from dialer.kernel.phone import PhoneNumber

HOUR = timedelta(hours=1)
LEAST_AHEAD = timedelta(hours=24)
"""Every hour of the day is among those that are looked at."""
PATIENCE_PACES = 4.0
"""A call that comes so many paces later is worth half: the fewer attempts there are, the longer a better hour pays."""
LEAST_PACE = timedelta(hours=8)
WORTH_WAITING = 1.1
"""Less than this much better, and the call isn't put off."""
NEARLY_BEST = 0.9
"""Hours this near to the best one share the calls, lest all of them wait for one hour."""
_SPREAD_MINUTES = 50
_SPREAD = 37  # has no divisor in common with the minutes


@dataclass(frozen=True, slots=True)
class Choice:
    """A number at an instant. score: the chance of the right party, less for waiting. waits: it is later than the first
    instant that was asked for.
    """

    at: datetime
    number: PhoneNumber
    number_class: str
    slot: int
    chance: Chance
    score: float
    waits: bool = True

    @property
    def why(self) -> str:
        """In words, for the case: when its kind of number is answered."""
        kind = self.number_class.split("/")[0]
        whose = "numbers" if kind == "unknown" else f"{kind} numbers"
        return f"{slot_words(self.slot)}, when {whose} like it are answered by {self.chance.answered:.0%}"


def zone_of(case: DueCase) -> ZoneInfo:
    """In which time the debtor thinks of days and hours; UTC where nobody knows, and then the gate refuses anyway."""
    return ZoneInfo(case.zones[0]) if case.zones else ZoneInfo("UTC")


def pace_of(packs: Iterable[Pack]) -> timedelta:
    """How far apart attempts must lie so that none of the packs' counts is ever used up: the attempts of a window,
    spread over it.
    """
    spacings = [
        min(window.longest for window in rule.window) / rule.max
        for pack in packs
        for rule in pack.of_kind(Count)
        if EntryResult.NO_ANSWER in EVENTS.get(rule.event, ())
    ]
    return max(spacings, default=LEAST_PACE)


def choices(
    lines: Sequence[NumberLine],
    earliest: datetime,
    zone: ZoneInfo,
    habits: Habits,
    pace: timedelta,
    spread: int,
    until: datetime | None = None,
) -> list[Choice]:
    """When to try which number, the best first; the gate, which has the last word, is asked about them in this order.

    earliest: when it may be tried again at all. pace: see `pace_of`. until: the least cadence wants it by then.
    spread: any number of the case's own, as its id: cases that could all be called at the same best hour part by it.
    Where no other instant is enough better than `earliest`, or too little is learnt to tell hours apart, that alone, with
    its best number. Empty where nothing is learnt.
    """
    if not habits.begun or not lines:
        return []
    patience = PATIENCE_PACES * max(pace, LEAST_PACE)
    ahead = max(LEAST_AHEAD, pace)
    later = _instants(earliest, ahead, zone, habits, spread, until) if habits.enough else ()
    slots = {at: slot_of(at, zone) for at in (earliest, *later)}
    best_at: dict[datetime, Choice] = {}
    for line in lines:
        number_class, chances = class_of(line), habits.chances(line, dict.fromkeys(slots.values()), zone, lines)
        for at, slot in slots.items():
            score = chances[slot].right_party * 0.5 ** ((at - earliest) / patience)
            if at not in best_at or score > best_at[at].score:
                best_at[at] = Choice(at, line.number, number_class, slot, chances[slot], score, at != earliest)
    ranked = sorted(best_at.values(), key=lambda one: (-one.score, one.at))
    if ranked[0].score < WORTH_WAITING * best_at[earliest].score:
        return [best_at[earliest]]
    near = [one for one in ranked if one.score >= NEARLY_BEST * ranked[0].score]
    turn = spread % len(near)
    return near[turn:] + near[:turn] + ranked[len(near) :]


def wanted_hour(
    lines: Sequence[NumberLine], wanted_by: datetime, zone: ZoneInfo, habits: Habits, spread: int
) -> datetime:
    """The instant of the last day before `wanted_by` at which the right party is likeliest: who is called no oftener than
    the least cadence wants is called at a good hour, too. `wanted_by` itself where too little is learnt.
    """
    if not habits.enough or not lines:
        return wanted_by
    begins = wanted_by - LEAST_AHEAD
    slots = {at: slot_of(at, zone) for at in _instants(begins, LEAST_AHEAD, zone, habits, spread, wanted_by)}
    found = [habits.chances(line, dict.fromkeys(slots.values()), zone, lines) for line in lines]
    return max(slots, key=lambda at: max(chances[slots[at]].right_party for chances in found), default=wanted_by)


def best_hour_words(lines: Sequence[NumberLine], zone: ZoneInfo, habits: Habits) -> str:
    """At which hour, of those in which enough calls were made, the right party is likeliest; empty: not known yet."""
    slots = [slot for slot in range(2 * HOURS) if habits.knows(slot)]
    if not habits.enough or not slots or not lines:
        return ""
    found = ((chance, slot) for line in lines for slot, chance in habits.chances(line, slots, zone, lines).items())
    best, slot = max(found, key=lambda one: one[0].right_party)
    return f"answered best at {slot_words(slot)} ({best.answered:.0%})"


def by_chance(lines: Sequence[NumberLine], now: datetime, zone: ZoneInfo, habits: Habits) -> dict[PhoneNumber, float]:
    """The chance of the right party at each number now; nothing where too little is learnt to tell them apart."""
    if not habits.enough:
        return {}
    slot = slot_of(now, zone)
    return {line.number: habits.chance(line, slot, zone).right_party for line in lines}


def _instants(
    earliest: datetime, ahead: timedelta, zone: ZoneInfo, habits: Habits, spread: int, until: datetime | None
) -> list[datetime]:
    """One instant in each hour that comes, of those at which enough calls were made to know it."""
    local = earliest.astimezone(zone)
    begins = earliest - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    within = timedelta(minutes=spread * _SPREAD % _SPREAD_MINUTES)
    hours = [begins + HOUR * n + within for n in range(1, int(ahead / HOUR) + 1)]
    return [at for at in hours if habits.knows(slot_of(at, zone)) and (until is None or at <= until)]
