"""Calls to somebody who is no debtor, into a debtor's call: a destination that the campaign names, or a supervisor's phone.

No cap counts them: nobody's debts are told to a debtor there. They go through the gate all the same, which lets none of
them reach a debtor's number, and are on record before the PBX hears of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dialer.kernel.ids import AttemptId, OutsideLegId
from dialer.kernel.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class OutsideIntent:
    """An agent would like to speak with somebody about the debtor's call.

    attempt: the debtor's call. to: the destination's name, or the supervisor's. number: a destination's, with the caller id
    and the trunk that the call takes. phone: a supervisor's, as configured. One of the two is None.
    """

    attempt: AttemptId
    case_id: int
    campaign: str
    agent: str
    to: str
    number: PhoneNumber | None = None
    phone: str | None = None
    caller_id: PhoneNumber | None = None
    trunk: str = ""


@dataclass(slots=True)
class OutsideCall:
    """One that the gate let through, with all that became of it.

    bridged_at: from when they heard the agent. handed_over_at: from when the debtor was theirs alone.
    """

    leg: OutsideLegId
    intent: OutsideIntent
    asked_at: datetime
    bridged_at: datetime | None = None
    handed_over_at: datetime | None = None
    ended_at: datetime | None = None


class OutsideRecord(Protocol):
    """Where these calls are kept. The coroutines raise AwayError."""

    async def open_outside(self, call: OutsideCall) -> None:
        """Return once it is durable."""

    def save_outside(self, call: OutsideCall) -> None:
        """Write what became of it, soon."""

    async def outside_under_way(self) -> list[OutsideCall]:
        """Those whose end isn't on record; a supervisor's phone isn't kept."""

    async def is_debtors(self, number: PhoneNumber) -> bool:
        """Whether the number is a debtor's or a guarantor's, as far as the record knows."""
