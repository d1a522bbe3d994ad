"""The least time between two calls."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import Choosing, Refusals, latest
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class MinGap(Choosing):
    """At least `minutes` from the end of the last."""

    kind: Literal["min_gap"]
    minutes: Annotated[int, Field(ge=1, le=50_000)]

    def check(self, facts: Facts) -> Refusals:
        found: list[Refusal] = []
        for last in self.lasts(facts):
            allowed_from = last + timedelta(minutes=self.minutes)
            if facts.now < allowed_from:
                minutes = (facts.now - last).total_seconds() / 60
                words = f"last called {minutes:.0f} minutes ago, {self.minutes} required"
                found.append(Refusal(self.id, not_before=allowed_from, facts=words))
        return latest(found)
