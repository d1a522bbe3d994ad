"""No call for some days after a conversation."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import Choosing, Refusals, latest
from dialer.compliance.verdict import Refusal
from dialer.compliance.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolOff(Choosing):
    """No call within `local_days` of the trigger, whose own date is the first day, nor within `hours` of it."""

    kind: Literal["cool_off"]
    local_days: Annotated[int, Field(ge=0, le=35)] = 0
    hours: Annotated[int, Field(ge=0, le=840)] = 0

    def __post_init__(self) -> None:
        super(CoolOff, self).__post_init__()
        if not (self.local_days or self.hours):
            msg = "local_days or hours: one of them must be above 0"
            raise ValueError(msg)

    def check(self, facts: Facts) -> Refusals:
        found: list[Refusal] = []
        for last in self.lasts(facts):
            over = last + timedelta(hours=self.hours)
            if self.local_days:
                over = max(over, Window("local_days", self.local_days).leaves(last, facts.zones))
            if facts.now < over:
                ago = (facts.now - last).total_seconds() / 86_400
                found.append(Refusal(self.id, not_before=over, facts=f"the last was {ago:.1f} days ago"))
        return latest(found)
