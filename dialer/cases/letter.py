"""Letters: reminders, registered letters and PEC, with what stood in them, and when they were sent and received."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from dialer.cases.debtor import Address
from dialer.cases.payment import refuse_card_numbers
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money

MOST_TRACKING_CHARACTERS = 100
WAIT_DAYS = 15
"""Within so many days a letter asks for payment, where nothing is configured."""
LEAST_WAIT_DAYS = 10
"""The shortest term that a letter may set (UNIREC's code of conduct)."""


class LetterKind(StrEnum):
    """How a letter goes out."""

    REMINDER = "reminder"
    """Ordinary mail: it moves no limitation date."""
    REGISTERED = "registered"
    """A registered letter with advice of receipt (raccomandata A/R), with a formal demand."""
    PEC = "pec"
    """Certified e-mail, with a formal demand."""

    @property
    def formal(self) -> bool:
        """Whether it demands payment formally, and so interrupts limitation once it is received (art. 2943 c.c.)."""
        return self is not LetterKind.REMINDER


class Then(StrEnum):
    """What comes after a letter that brought no payment."""

    CALL = "call"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class LetterContent:
    """What stands in a letter. name, address: to whom. sender: lines. pec: where a PEC goes; where it is empty it
    is found by tax_code, the debtor's.
    """

    name: str
    address: Address | None
    tax_code: str
    sender: tuple[str, ...]
    subject: str
    body: str
    pec: str = ""


@dataclass(frozen=True, slots=True)
class LetterDates:
    """What became of a letter. tracking: the post's number, or the PEC's. None: not told.

    Raises InputError where it can't be so.
    """

    sent_on: date | None = None
    received_on: date | None = None
    returned_on: date | None = None
    cancelled_on: date | None = None
    tracking: str | None = None

    def __post_init__(self) -> None:
        text = self.tracking or ""
        refuse_card_numbers("tracking", text)
        if len(text) > MOST_TRACKING_CHARACTERS or not text.isprintable():
            raise InputError("tracking: too long", f"write at most {MOST_TRACKING_CHARACTERS} characters in one line")

    def over(self, before: "LetterDates") -> "LetterDates":
        """What is known after this was told, too: what isn't told stays. Raises InputError."""
        names = ("sent_on", "received_on", "returned_on", "cancelled_on", "tracking")
        told = {name: value for name in names if (value := getattr(self, name)) is not None}
        return replace(before, **told)

    def check(self, written_on: date, today: date) -> None:
        """Raises InputError for days that can't be."""
        for name in ("sent_on", "received_on", "returned_on"):
            on = getattr(self, name)
            if on is not None and on < written_on:
                raise InputError(f"{name} {on}: before the letter was written ({written_on})", "correct the day")
            if on is not None and (on - today).days > 1:  # it may be tomorrow already where it was received
                raise InputError(f"{name} {on}: hasn't come yet", "tell it once it has happened")
            if on is not None and self.sent_on is not None and on < self.sent_on:
                raise InputError(f"{name} {on}: before it was sent ({self.sent_on})", "correct one of the two days")
        if self.received_on is not None and self.returned_on is not None:
            raise InputError(
                "returned_on: it was received", "a letter is received, or comes back: correct one of the two"
            )
        if self.cancelled_on is not None and (self.sent_on or self.received_on or self.returned_on):
            raise InputError("cancelled_on: it was sent", "only a letter that was never sent can be cancelled")


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of a case. number: its place among the case's, from 1 on.

    template, version: whose words they are, as demand.it, and the hash of that file. batch: what was written together.
    debts: the ids of those that it names. wait_days: within which it asks for payment. then: what comes after them.
    """

    case_id: int
    number: int
    kind: LetterKind
    template: str
    version: str
    batch: str
    written_at: datetime
    written_on: date
    written_by: str
    debts: tuple[int, ...]
    total: Money
    wait_days: int
    then: Then
    content: LetterContent
    dates: LetterDates = LetterDates()

    @property
    def id(self) -> str:
        return letter_id(self.case_id, self.number)

    @property
    def state(self) -> str:
        """In one word."""
        dates = self.dates
        return next(
            (
                word
                for word, on in (
                    ("cancelled", dates.cancelled_on),
                    ("returned", dates.returned_on),
                    ("received", dates.received_on),
                    ("sent", dates.sent_on),
                )
                if on is not None
            ),
            "written",
        )


@dataclass(frozen=True, slots=True)
class Due:
    """A case for which a letter is due. letters: how many it had that weren't cancelled; number: of the next one."""

    case_id: int
    campaign: str
    creditor: str
    zone: str
    why: str
    letters: int
    number: int


@dataclass(frozen=True, slots=True)
class Unpaid:
    """An open case in which nothing was paid since the debtor was spoken with, or in spite of calls that never reached
    one.

    talked_at: the last conversation; None: none since the last letter. over_on: the first day after the last one by which
    a payment was promised. tries: calls since the last letter, where no conversation came of them. letters: how many it
    had that weren't cancelled.
    """

    case_id: int
    campaign: str
    creditor: str
    zone: str
    talked_at: datetime | None
    over_on: date | None
    tries: int
    letters: int


class Letters(Protocol):
    """Letters on record. Every method raises AwayError."""

    async def due(self, now: datetime, campaign: str | None, cases: Sequence[int], most: int) -> list[Due]:
        """Up to `most` cases for which a letter is due, the longest due first; cases: only of these, if any."""

    async def keep(self, letters: Sequence[Letter]) -> list[Letter]:
        """Put letters on record; those of cases that wait for one no more are left out of what is returned."""

    async def find(self, batch: str | None, letter: str | None, state: str | None, most: int) -> list[Letter]:
        """Up to `most` letters of a batch, of an id, in a state: the newest first."""

    async def tell(self, letter: str, told: LetterDates, by: str, now: datetime) -> tuple[Letter, bool]:
        """Put on record what became of a letter, with what follows for case and limitation dates; as it stands now, and
        whether anything changed. Raises LookupError, InputError.
        """

    async def unpaid(
        self, before: datetime, campaigns: Sequence[str], after: int, most: int
    ) -> tuple[list[Unpaid], int | None]:
        """Of up to `most` cases with a higher id the open ones whose debtor was last spoken with before, or was called and
        not reached, and nothing was paid or written since; and the last id looked at, None where no case is left.
        """

    async def hand_over(self, due: Mapping[int, str], now: datetime) -> int:
        """A letter is due for these cases, each with its reason: how many of them still waited to be called, and had no
        flag about their debtor.
        """


def letter_id(case_id: int, number: int) -> str:
    """As letters name themselves, and the post's file does."""
    return f"{case_id}-{number}"


def parse_letter_id(text: str) -> tuple[int, int]:
    """Case and number. Raises LookupError: nothing has such a name."""
    case_id, dash, number = text.partition("-")
    if not (dash and case_id.isascii() and case_id.isdigit() and number.isascii() and number.isdigit()):
        raise LookupError(text)
    if len(case_id) > 9 or len(number) > 4:
        raise LookupError(text)
    return int(case_id), int(number)
