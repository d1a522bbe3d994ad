"""What the rules may look at: frozen, and complete for the one decision."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Facts:
    """One intended call and what is on record about its debtor and number.

    rings_until: the last instant at which it may still ring.
    debtor_attempts, number_attempts: instants of the past calls that rang or may have rung, oldest first;
        a call in flight is among them, because the worst is assumed.
    """

    now: datetime
    rings_until: datetime
    zones: tuple[ZoneInfo, ...]
    debtor_attempts: tuple[datetime, ...]
    number_attempts: tuple[datetime, ...]
    debtor_in_flight: bool
    number_in_flight: bool
    do_not_call: bool
