"""How many attempts a case may get in all before something else happens to it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxTotal(Rule):
    """After `max` attempts (the fact `attempts_so_far`) the telephone has had its chance. Not known refuses."""

    kind: Literal["max_total"]
    max: Annotated[int, Field(ge=1, le=10_000)]

    def check(self, facts: Facts) -> Refusals:
        count = facts.given.get("attempts_so_far")
        if not isinstance(count, int):
            return (Refusal(self.id, facts="attempts_so_far is not known", limit=self.max),)
        if count < self.max:
            return ALLOWED
        return (Refusal(self.id, facts=f"{count} attempts, limit {self.max}", count=count, limit=self.max),)
