"""How long it may ring."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMin(Rule):
    """It rings at least so long before we give up, counted from the ringing, not from the dial."""

    kind: Literal["ring_min"]
    seconds: Annotated[float, Field(gt=0, le=60)]

    def check(self, facts: Facts) -> Refusals:
        ring = facts.intent.ring_timeout_seconds
        if ring is None or ring >= self.seconds:
            return ALLOWED
        return (Refusal(self.id, facts=f"{ring:g} s, at least {self.seconds:g}"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RingMax(Rule):
    """It rings at most so long."""

    kind: Literal["ring_max"]
    seconds: Annotated[float, Field(gt=0, le=120)]

    def check(self, facts: Facts) -> Refusals:
        ring = facts.intent.ring_timeout_seconds
        if ring is None or ring <= self.seconds:
            return ALLOWED
        return (Refusal(self.id, facts=f"{ring:g} s, at most {self.seconds:g}"),)
