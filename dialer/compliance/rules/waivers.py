"""What the debtor allowed beyond the rules."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.entry import EVENTS, Channel, Consent, Direction, Entry
from dialer.compliance.facts import Facts
from dialer.compliance.localtime import day_of
from dialer.compliance.rules.base import Rule, RuleId

Rules = Annotated[tuple[RuleId, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed(Rule):
    """An agreed call-back is exempt from the rules named, once: a call that reached the debtor's network within the
    agreed time, or a conversation that the debtor began in it, uses the agreement up.
    """

    kind: Literal["agreement"]
    exempts: Rules

    def covers(self, facts: Facts) -> bool:
        """Whether this call is one that was agreed."""
        return any(
            agreement.start <= facts.now < agreement.until
            and not any(
                _uses_up(entry) and agreement.start <= entry.at
                for entry in facts.past
                if entry.debtor_id in (None, facts.intent.debtor_id)
            )
            for agreement in facts.agreements
        )


def _uses_up(entry: Entry) -> bool:
    if entry.channel is not Channel.CALL:
        return False
    if entry.direction is Direction.INBOUND:
        return entry.result in EVENTS["conversation"]
    return entry.result in EVENTS["reached"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented(Rule):
    """Consent given directly to the collector exempts from the rules named for `local_days` days, its own date being
    the first; it ends with the next conversation about the debt.
    """

    kind: Literal["consent"]
    exempts: Rules
    local_days: Annotated[int, Field(ge=1, le=35)]

    def covers(self, facts: Facts, debt: int | None, at: datetime) -> bool:
        """Whether a call about `debt` at this instant is exempt."""
        return any(
            self._holds(consent, facts, debt, at)
            for consent in facts.consents
            if consent.debts is None or (debt is not None and debt in consent.debts)
        )

    def _holds(self, consent: Consent, facts: Facts, debt: int | None, at: datetime) -> bool:
        if not facts.zones or at < consent.at or (consent.until is not None and at >= consent.until):
            return False
        last_day = timedelta(days=self.local_days - 1)
        return all(day_of(at, zone) <= day_of(consent.at, zone) + last_day for zone in facts.zones) and not any(
            entry.result in EVENTS["conversation"]
            and consent.at < entry.at < at
            and entry.debtor_id in (None, facts.intent.debtor_id)
            and (debt is None or not entry.debts or debt in entry.debts)
            for entry in facts.past
        )
