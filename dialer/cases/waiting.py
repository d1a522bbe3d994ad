"""Cases that no call moves on: they wait for a letter, or for a person's decision."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dialer.cases.model import CaseState
from dialer.cases.payment import refuse_card_numbers
from dialer.kernel.errors import InputError
from dialer.kernel.texted import TextEnum

MOST_WHY_CHARACTERS = 500


class Course(TextEnum):
    """What a person may have a case do, with its meaning."""

    OPEN = "open", "called again, as the law allows"
    LETTER = "letter", "a letter is due, and no call meanwhile"
    CLOSE = "close", "closed"

    @property
    def state(self) -> CaseState:
        """The case's state from then on."""
        return {"open": CaseState.OPEN, "letter": CaseState.LETTER}.get(self.value, CaseState.CLOSED)


@dataclass(frozen=True, slots=True)
class Decided:
    """What somebody decided about a case, and why. Raises InputError where it says nothing, too much, or a card."""

    case_id: int
    course: Course
    why: str
    by: str

    def __post_init__(self) -> None:
        refuse_card_numbers("why", self.why)
        if not self.why.strip() or len(self.why) > MOST_WHY_CHARACTERS or not self.why.isprintable():
            raise InputError("why: empty, or too long", f"say in one line of {MOST_WHY_CHARACTERS} characters why")


@dataclass(frozen=True, slots=True)
class Waits:
    """A case that waits. state: for a letter, or for a person. due_at: since when; None: its letter is under way."""

    case_id: int
    campaign: str
    creditor: str
    debtor_reference: str
    state: CaseState
    due_at: datetime | None
    why: str


class Waiting(Protocol):
    """What waits. Every method raises AwayError."""

    async def waiting(
        self, until: datetime | None, campaign: str | None, most: int, creditors: Collection[str] | None = None
    ) -> list[Waits]:
        """Up to `most` cases of some creditors (None: of all) that wait by then, the longest first; until None: also
        those that will.
        """

    async def decide(self, decided: Decided, now: datetime) -> None:
        """Return once it holds, and stands in the case's history. Raises LookupError where there is no such case,
        DialerError while it is being called, and where nothing is left to pay.
        """
