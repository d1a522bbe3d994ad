"""One call at a time."""

from dataclasses import dataclass
from typing import Literal

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency(Rule):
    """Never two calls under way to one debtor, number or household."""

    kind: Literal["concurrency"]
    key: tuple[Literal["debtor", "number", "household"], ...] = ("debtor", "number", "household")

    def check(self, facts: Facts) -> Refusals:
        busy = [key for key in self.key if key in facts.in_flight]
        return (Refusal(self.id, facts=f"under way to this {' and '.join(busy)}"),) if busy else ALLOWED
