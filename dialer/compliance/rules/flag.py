"""What stops every call: said by the debtor, by a court, by the creditor."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.facts import Facts
from dialer.compliance.rules.base import Refusals, Rule, RuleId
from dialer.compliance.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged(Rule):
    """No call while one of `flags` stands about the debtor, the number, or a debt that the call is about.

    The reason is the flag's own name.
    """

    kind: Literal["flag"]
    flags: Annotated[tuple[RuleId, ...], Field(min_length=1)]

    def check(self, facts: Facts) -> Refusals:
        intent = facts.intent
        return tuple(
            Refusal(flag.name, not_before=flag.until)
            for flag in facts.flags
            if flag.name in self.flags
            and (flag.until is None or facts.now < flag.until)
            and (flag.debt_id is None or not intent.debts or flag.debt_id in intent.debts)
        )
