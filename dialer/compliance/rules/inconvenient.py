"""When the debtor said that a call is inconvenient."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from dialer.compliance.entry import Blackout
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import DAY, day_of, instant_of
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal

MOST_STEPS = 50
"""How many times that follow one another are looked through: a week that is ruled out whole has no end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inconvenient(Rule):
    """No call, and no ringing, within a time of the week that the debtor ruled out, in any zone.

    A time whose end isn't after its start reaches into the next day.
    """

    kind: Literal["inconvenient"]

    def check(self, facts: Facts) -> Refusals:
        ring = facts.rings_until - facts.now
        over = _over(facts, facts.now, ring)
        if over is None:
            return ALLOWED
        first, not_before = over, None
        for _ in range(MOST_STEPS):
            following = _over(facts, over, ring)
            if following is None:
                not_before = over
                break
            over = following
        return (Refusal(self.id, not_before=not_before, facts=f"inconvenient until {first:%Y-%m-%d %H:%M} UTC"),)


def _over(facts: Facts, instant: datetime, ring: timedelta) -> datetime | None:
    """When the blackouts that cover a call at this instant are over, None where none does."""
    ends = (
        end
        for blackout in facts.blackouts
        if (blackout.until is None or instant < blackout.until) and blackout.number in (None, facts.intent.number)
        for zone in facts.zones
        for end in _ends(blackout, instant, instant + ring, zone)
    )
    return max(ends, default=None)


def _ends(blackout: Blackout, instant: datetime, rings_until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    today = day_of(instant, zone)
    for day in {today - DAY, today, day_of(rings_until, zone)}:
        if day.weekday() not in blackout.weekdays:
            continue
        end_day = day if blackout.end > blackout.start else day + DAY
        start, end = instant_of(day, blackout.start, zone), instant_of(end_day, blackout.end, zone)
        if instant < end and rings_until >= start:
            yield end if blackout.until is None else min(end, blackout.until)
