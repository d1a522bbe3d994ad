"""How many attempts a debtor may get on one day, over all numbers and campaigns."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal

from dialer.compliance.facts import Facts
from dialer.compliance.reasons import Reason
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True)
class Attempts:
    """At most `per_day` attempts on one local day; the day is counted in every zone, and the worst counts.

    With an unknown zone the last 24 hours are counted.
    """

    __pydantic_config__ = STRICT
    kind: Literal["attempts"]
    id: Literal["attempts-per-day"]
    source: str
    per_day: int

    def check(self, facts: Facts) -> Refusal | None:
        midnights = [
            datetime.combine(facts.now.astimezone(zone).date(), time(), zone).astimezone(facts.now.tzinfo)
            for zone in facts.zones
        ] or [facts.now - timedelta(days=1)]
        count = sum(instant >= min(midnights) for instant in facts.debtor_attempts)
        if count < self.per_day:
            return None
        tomorrows = [
            datetime.combine(facts.now.astimezone(zone).date() + timedelta(days=1), time(), zone).astimezone(
                facts.now.tzinfo
            )
            for zone in facts.zones
        ]
        return Refusal(
            Reason.ATTEMPTS_PER_DAY,
            not_before=max(tomorrows) if tomorrows else None,
            facts=f"{count} attempts today, limit {self.per_day}",
        )
