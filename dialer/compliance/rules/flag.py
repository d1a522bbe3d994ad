"""What stops every call: said by the debtor, by a court, by the creditor."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.entry import Flag
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
        return tuple(
            Refusal(flag.name, not_before=flag.until, facts=_words(flag))
            for flag in facts.flags
            if flag.name in self.flags and stands(flag, facts)
        )


def stands(flag: Flag, facts: Facts) -> bool:
    """Whether it isn't over, and concerns this call."""
    debts = facts.intent.debts
    return (flag.until is None or facts.now < flag.until) and (
        flag.debt_id is None or not debts or flag.debt_id in debts
    )


def _words(flag: Flag) -> str:
    about = "one debt" if flag.debt_id is not None else "the number" if flag.number is not None else "the debtor"
    return f"stands about {about} {'' if flag.until is None else f'until {flag.until:%Y-%m-%d %H:%M} UTC'}".rstrip()
