"""What happened in a case, as one line of time: calls, calls that weren't allowed, letters, payments, flags, notes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from dialer.cases.payment import refuse_card_numbers
from dialer.kernel.errors import InputError

MOST_TEXT_CHARACTERS = 2_000


class HistoryKind(StrEnum):
    """What somebody writes into a case's history."""

    LETTER = "letter"
    MESSAGE = "message"
    VISIT = "visit"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """What somebody wrote into a case's history. reference: the writer's own key; the same one again replaces it.

    Raises InputError for what looks like a card's number, and for a text that is empty or too long.
    """

    case_id: int
    reference: str
    at: datetime
    kind: HistoryKind
    text: str
    inbound: bool = False
    recorded_by: str = ""

    def __post_init__(self) -> None:
        refuse_card_numbers("text", self.text)
        if not self.text.strip() or len(self.text) > MOST_TEXT_CHARACTERS or "\0" in self.text:
            raise InputError("text: empty, or too long", f"write at most {MOST_TEXT_CHARACTERS} characters")


class MomentKind(StrEnum):
    """What a moment of a case was."""

    ATTEMPT = "attempt"
    INBOUND = "inbound"
    """The debtor rang us."""
    NOT_CALLED = "not_called"
    """The gate refused, and why."""
    CONTACT = "contact"
    """Outside our own PBX: a manual or inbound call, a message, a letter, a visit that counts for the gate."""
    LETTER = "letter"
    MESSAGE = "message"
    VISIT = "visit"
    NOTE = "note"
    PROMISE = "promise"
    OFFER = "offer"
    PAYMENT = "payment"
    FLAG = "flag"
    WRITTEN_FACT = "written_fact"
    DECISION = "decision"
    """A person decided what comes next."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment of a case: when it was, or was recorded; who; in words; and the details by name."""

    at: datetime
    kind: MomentKind
    who: str
    what: str
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
