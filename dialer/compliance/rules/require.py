"""What must be so before anybody is called."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.localtime import is_day, midnight
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal

FARTHEST = timedelta(days=3_660)
"""A first letter dated beyond this is a slip of the pen, no date to wait for."""
FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Require(Rule):
    """The fact must be so; one that isn't given, or isn't of the right kind, is not so.

    must: `be_true`; `not_be_past` (a date, the last day on which it holds); `be_days_ago` (a date at least
    `days` days back) or `be_recent` (a date at most `days` days back). when: only where this other fact is true.
    """

    kind: Literal["require"]
    fact: FactName
    must: Literal["be_true", "not_be_past", "be_days_ago", "be_recent"]
    days: Annotated[int, Field(ge=0, le=3_660)] = 0
    when: FactName | None = None

    def check(self, facts: Facts) -> Refusals:
        if self.when is not None and not facts.given.get(self.when):
            return ALLOWED
        value = facts.given.get(self.fact)
        if self._holds(value, facts.possible_days):
            return ALLOWED
        words = f"{self.fact} is {'not known' if value is None else value}"
        return (Refusal(self.id, not_before=self._over(value, facts), facts=words),)

    def _holds(self, value: Any, today: tuple[date, ...]) -> bool:
        if self.must == "be_true":
            return value is True
        if not is_day(value):
            return False
        match self.must:
            case "not_be_past":
                return max(today) <= value
            case "be_days_ago":
                return min(today) - timedelta(days=self.days) >= value
            case "be_recent":
                return max(today) - timedelta(days=self.days) <= value

    def _over(self, value: Any, facts: Facts) -> datetime | None:
        """When enough days have gone by; what is past or untrue doesn't mend by itself."""
        if self.must != "be_days_ago" or not is_day(value) or value > max(facts.possible_days) + FARTHEST:
            return None
        day = value + timedelta(days=self.days)
        return max((midnight(day, zone) for zone in facts.zones), default=None)
