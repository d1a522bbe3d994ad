"""What must be so before anybody is called."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import ALLOWED, Refusals, Rule
from dialer.compliance.verdict import Refusal

FactName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Require(Rule):
    """The fact must be so; one that isn't given is not so.

    must: `be_true`; `not_be_past` (a date, the last day on which it holds); `be_days_ago` (a date at least
    `days` days back) or `be_recent` (a date at most `days` days back). when: only where this other fact is true.
    """

    kind: Literal["require"]
    fact: FactName
    must: Literal["be_true", "not_be_past", "be_days_ago", "be_recent"]
    days: Annotated[int, Field(ge=0, le=3_660)] = 0
    when: FactName | None = None

    def check(self, facts: Facts) -> Refusals:
        if self.when is not None and facts.given.get(self.when) is not True:
            return ALLOWED
        value = facts.given.get(self.fact)
        if self._holds(value, facts.possible_days):
            return ALLOWED
        return (Refusal(self.id, facts=f"{self.fact} is {'not known' if value is None else value}"),)

    def _holds(self, value: Any, today: tuple[date, ...]) -> bool:
        if self.must == "be_true":
            return value is True
        if not isinstance(value, date):
            return False
        match self.must:
            case "not_be_past":
                return max(today) <= value
            case "be_days_ago":
                return min(today) - timedelta(days=self.days) >= value
            case "be_recent":
                return max(today) - timedelta(days=self.days) <= value
