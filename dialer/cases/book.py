"""The port through which the engine reads and schedules cases."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from dialer.cases.model import CallBack, CaseCard, CaseState, DueCase, NewCase, NextAction, NextDue
from dialer.kernel.phone import PhoneNumber


class CaseBook(Protocol):
    """Cases on record. Every method raises AwayError when the store is away."""

    async def add(self, campaign: str, new: Sequence[NewCase], now: datetime) -> "Added":
        """Take in new cases; what is known by (creditor, debt reference) changes nothing: import is idempotent."""

    async def due(self, campaign: str, now: datetime, most: int, excluding: Collection[int]) -> list[DueCase]:
        """Up to `most` open cases whose time has come, none of those `excluding`: who agreed to be called and who is
        urgent first, then by worth; a share of them are those that are due longest, so that each one's turn comes.
        """

    async def call_backs(self, campaign: str, until: datetime, most: int) -> list[CallBack]:
        """Up to `most` agreed call-backs that are due until then, the earliest first."""

    async def next_due(self, campaign: str, now: datetime) -> NextDue | None:
        """When the first open case of the campaign will be due that isn't yet; None where none will by itself."""

    async def case(self, case_id: int) -> DueCase:
        """The case as the gate sees it, due or not. Raises LookupError."""

    async def campaign_of(self, case_id: int) -> str:
        """The campaign that works it. Raises LookupError."""

    async def creditor_of(self, case_id: int) -> str:
        """Who assigned it. Raises LookupError."""

    async def cases_of(self, number: str) -> list[int]:
        """The cases of the debtors whose number it is."""

    def want(self, case_id: int, by: datetime | None) -> None:
        """The law of the house wants the case called again by then: after it the case is urgent (None: no more than
        any). Written soon.
        """

    async def count_wanted(self, campaign: str, now: datetime) -> int:
        """How many open cases of the campaign are called less often than wanted."""

    async def card(self, case_id: int, now: datetime) -> CaseCard:
        """The case with its history, and what stands about it now, for the agent. Raises LookupError."""

    def schedule(
        self, case_id: int, at: datetime | None, state: CaseState, why: str, number: PhoneNumber | None = None
    ) -> None:
        """When the case is due again (None: not by itself), the reason in words, and which number is tried first
        (None: the least tried). Written soon, in order.

        A case that isn't open stays as it stands: it was paid, closed, or given to a letter or a person meanwhile. A
        payment that is taken back opens it, a new debt, a word that corrects the outcome, or a person.
        """

    def replan(self, case_id: int, planned: NextAction, better: NextAction) -> None:
        """Put one plan in place of another, where nothing else was planned since. Written soon."""


class Added:
    """What an import changed: cases that are new or have a new debt, those that were completed, and the others."""

    def __init__(self, new: int = 0, known: int = 0, changed: int = 0) -> None:
        self.new = new
        self.known = known
        self.changed = changed
