"""The least time between two calls to one number."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from dialer.compliance.facts import Facts
from dialer.compliance.reasons import Reason
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True)
class MinGap:
    """At least `minutes` from the end of the last call to the number."""

    __pydantic_config__ = STRICT
    kind: Literal["min_gap"]
    id: Literal["gap-number"]
    source: str
    minutes: int

    def check(self, facts: Facts) -> Refusal | None:
        if not facts.number_attempts:
            return None
        last = facts.number_attempts[-1]
        allowed_from = last + timedelta(minutes=self.minutes)
        if facts.now >= allowed_from:
            return None
        return Refusal(
            Reason.GAP_NUMBER,
            not_before=allowed_from,
            facts=f"last called {(facts.now - last).total_seconds() / 60:.0f} minutes ago, {self.minutes} required",
        )
