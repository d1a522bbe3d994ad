"""One call at a time."""

from dataclasses import dataclass
from typing import Literal

from dialer.compliance.facts import Facts
from dialer.compliance.reasons import Reason
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Never two calls under way to one debtor or one number."""

    __pydantic_config__ = STRICT
    kind: Literal["concurrency"]
    id: Literal["in-flight"]
    source: str

    def check(self, facts: Facts) -> Refusal | None:
        busy = [name for name, here in (("debtor", facts.debtor_in_flight), ("number", facts.number_in_flight)) if here]
        return Refusal(Reason.IN_FLIGHT, facts=f"under way to this {' and '.join(busy)}") if busy else None
