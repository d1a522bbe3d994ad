"""An outcome as it is kept."""

from dataclasses import dataclass
from datetime import datetime

from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.codes import Outcome
from dialer.outcomes.next_action import NextAction

MOST_NOTE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What one agent said of one call, and what follows from it: on record together, or not at all.

    forbids: the number that nobody may call any more. then: the case, and what happens next in it.
    """

    attempt: AttemptId
    agent: str
    code: Outcome
    note: str
    recorded_at: datetime
    forbids: PhoneNumber | None = None
    then: tuple[int, NextAction] | None = None
