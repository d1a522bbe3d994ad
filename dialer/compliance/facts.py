"""What the rules may look at: frozen, and complete for the one decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dialer.compliance.calendars import Calendars
from dialer.compliance.entry import Agreement, Blackout, Consent, Entry, Flag
from dialer.compliance.verdict import Intent

_WEST, _EAST = timedelta(hours=12), timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Facts:
    """One intended call and what stands about its debtor, number and household.

    rings_until: the last instant at which it may still ring.
    past: entries about any of the three, oldest first, none in flight.
    in_flight: which of `debtor`, `number`, `household` is being called right now.
    waived: (rule id, debt) that a consent or an agreement exempts from a rule; debt None = the debtor's every debt.
    excluded: (rule id, entry id) of past calls that were themselves exempt and don't count.
    chosen: the past once more, by what rules ask of it: worked out once for all that ask the same.
    """

    intent: Intent
    now: datetime
    rings_until: datetime
    zones: tuple[ZoneInfo, ...]
    past: tuple[Entry, ...] = ()
    in_flight: frozenset[str] = frozenset()
    flags: tuple[Flag, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    consents: tuple[Consent, ...] = ()
    blackouts: tuple[Blackout, ...] = ()
    calendars: Calendars = field(default_factory=Calendars)
    waived: frozenset[tuple[str, int | None]] = frozenset()
    excluded: frozenset[tuple[str, str]] = frozenset()
    chosen: dict[Any, list[Entry]] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def given(self) -> Mapping[str, Any]:
        return self.intent.given

    @property
    def local_days(self) -> tuple[date, ...]:
        """Today's date in each zone."""
        return tuple(self.now.astimezone(zone).date() for zone in self.zones)

    @property
    def possible_days(self) -> tuple[date, ...]:
        """Today's date in each zone; where none is known, every date that it is somewhere on earth."""
        return self.local_days or ((self.now - _WEST).date(), (self.now + _EAST).date())
