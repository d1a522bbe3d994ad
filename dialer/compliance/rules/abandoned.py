"""After an abandoned call: a time without calls, and then only with an agent held for it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.entry import EVENTS, Channel, Direction, Entry
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import day_of, instant_of, midnight
from dialer.compliance.rules.base import ALLOWED, Choosing, Event, Refusals, Rule, latest
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import CallMode, Refusal


def later(at: datetime, hours: float, days: int, facts: Facts) -> datetime:
    """`hours` elapsed and the same wall-clock time `days` days on, whichever is later, in every zone."""
    elapsed = at + timedelta(hours=hours)
    if not days:
        return elapsed
    walls = [
        instant_of(local.date() + timedelta(days=days), local.time().replace(fold=0), zone)
        for zone in facts.zones
        for local in [at.astimezone(zone)]
    ]
    return max((elapsed, *walls)) if walls else elapsed + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lockout(Choosing):
    """No call at all for `hours` elapsed and `wall_clock_days`, whichever ends later."""

    kind: Literal["lockout"]
    hours: Annotated[float, Field(ge=0, le=840)] = 0
    wall_clock_days: Annotated[int, Field(ge=0, le=35)] = 0

    def __post_init__(self) -> None:
        super(Lockout, self).__post_init__()
        if not (self.hours or self.wall_clock_days):
            msg = "hours or wall_clock_days: one of them must be above 0"
            raise ValueError(msg)

    def check(self, facts: Facts) -> Refusals:
        if not self.binds(facts):
            return ALLOWED
        found: list[Refusal] = []
        for _, entries in self.chosen(facts):
            if not entries:
                continue
            over = later(entries[-1].at, self.hours, self.wall_clock_days, facts)
            if facts.now < over:
                words = f"{self.event.replace('_', ' ')} at {entries[-1].at:%Y-%m-%d %H:%M} UTC"
                found.append(Refusal(self.id, not_before=over, facts=words))
        return latest(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """What makes a mode compulsory, and until when.

    Either for `hours` elapsed (and with `same_local_day` at least until that day is over), or, with
    `until_served`, until somebody on that number has talked to an agent. from_hours, from_wall_clock_days: only once
    a lockout that long is over.
    """

    __pydantic_config__ = STRICT
    event: Event
    hours: Annotated[float, Field(ge=0, le=840)] = 0
    same_local_day: bool = False
    until_served: bool = False
    from_hours: Annotated[float, Field(ge=0, le=840)] = 0
    from_wall_clock_days: Annotated[int, Field(ge=0, le=35)] = 0

    def __post_init__(self) -> None:
        if bool(self.hours) == self.until_served:
            msg = "hours or until_served: exactly one of them says how long"
            raise ValueError(msg)

    def binds(self, facts: Facts, entries: list[Entry]) -> tuple[bool, datetime | None]:
        """Whether the mode is compulsory now, and when that ends by itself.

        Our own calls bring it about; a caller who hangs up in the queue doesn't.
        """
        triggers = [
            entry.at
            for entry in entries
            if entry.result in EVENTS.get(self.event, {self.event}) and entry.direction is Direction.OUTBOUND
        ]
        if not triggers:
            return False, None
        at = triggers[-1]
        if self.until_served:
            served = any(entry.result in EVENTS["served"] and entry.at > at and entry.number for entry in entries)
            begun = facts.now >= later(at, self.from_hours, self.from_wall_clock_days, facts)
            return begun and not served, None
        over = at + timedelta(hours=self.hours)
        if self.same_local_day and facts.zones:
            over = max(over, *(midnight(day_of(at, zone) + timedelta(days=1), zone) for zone in facts.zones))
        return facts.now < over, over


@dataclass(frozen=True, slots=True, kw_only=True)
class ForcedMode(Rule):
    """After something happened on the number, only calls placed in one of `allowed` ways."""

    kind: Literal["mode"]
    allowed: Annotated[tuple[CallMode, ...], Field(min_length=1)]
    after: Annotated[tuple[After, ...], Field(min_length=1)]

    def check(self, facts: Facts) -> Refusals:
        if facts.intent.mode in self.allowed:
            return ALLOWED
        entries = [
            entry
            for entry in facts.past
            if entry.number in (None, facts.intent.number) and entry.channel is Channel.CALL
        ]
        found = [(after.event, *after.binds(facts, entries)) for after in self.after]
        binding = [(event, over) for event, binds, over in found if binds]
        words = f"after {' and '.join(event for event, _ in binding)}; this call is {facts.intent.mode}"
        return latest([Refusal(self.id, not_before=over, facts=words) for _, over in binding])
