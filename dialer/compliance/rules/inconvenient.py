"""When the debtor said that a call is inconvenient."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from dialer.compliance.entry import Blackout
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import instant_of
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Inconvenient(Rule):
    """No call, and no ringing, within a time of the week that the debtor ruled out, in any zone."""

    kind: Literal["inconvenient"]

    def check(self, facts: Facts) -> Refusals:
        ends = [
            end
            for blackout in facts.blackouts
            if (blackout.until is None or facts.now < blackout.until)
            and (blackout.number is None or blackout.number == facts.intent.number)
            for zone in facts.zones
            if (end := _end(blackout, facts, zone))
        ]
        return (Refusal(self.id, not_before=max(ends)),) if ends else ALLOWED


def _end(blackout: Blackout, facts: Facts, zone: ZoneInfo) -> datetime | None:
    """When the blackout that covers the call is over, None where none does."""
    for day in {facts.now.astimezone(zone).date(), facts.rings_until.astimezone(zone).date()}:
        if day.weekday() not in blackout.weekdays:
            continue
        start, end = instant_of(day, blackout.start, zone), instant_of(day, blackout.end, zone)
        if facts.now < end and facts.rings_until >= start:
            return end
    return None
