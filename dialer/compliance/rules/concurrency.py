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

    def __post_init__(self) -> None:
        # a call under way isn't in the counts and gaps yet: this rule alone keeps the second one away
        missing = {"debtor", "number"}.difference(self.key)
        if missing:
            msg = f"key: must name {min(missing)}: no cap holds where two calls are under way at once"
            raise ValueError(msg)

    def check(self, facts: Facts) -> Refusals:
        busy = [key for key in self.key if key in facts.in_flight]
        return (Refusal(self.id, facts=f"under way to this {' and '.join(busy)}"),) if busy else ALLOWED
