"""How many contacts are allowed within a window."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import ALLOWED, Choosing, Refusals, latest
from dialer.compliance.verdict import Refusal
from dialer.compliance.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Choosing):
    """No call where `max` contacts lie in the window already. Of several windows each contact in any of them counts."""

    kind: Literal["count"]
    window: Annotated[tuple[Window, ...], Field(min_length=1)]
    max: Annotated[int, Field(ge=1, le=10_000)]

    def check(self, facts: Facts) -> Refusals:
        if not self.binds(facts):
            return ALLOWED
        found: list[Refusal] = []
        for debt, entries in self.chosen(facts):
            if len(entries) < self.max or (self.id, debt) in facts.waived:
                continue
            since = min(window.since(facts.now, facts.zones) for window in self.window)
            counted = [entry for entry in entries if entry.at >= since and (self.id, entry.id) not in facts.excluded]
            if len(counted) < self.max:
                continue
            leaver = counted[len(counted) - self.max].at
            found.append(
                Refusal(
                    self.id,
                    not_before=max(window.leaves(leaver, facts.zones) for window in self.window),
                    facts=f"{len(counted)} in {' or '.join(window.words for window in self.window)}, limit {self.max}",
                    count=len(counted),
                    limit=self.max,
                )
            )
        return latest(found)
