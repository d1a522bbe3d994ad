"""An outcome as it is kept."""

from dataclasses import dataclass
from datetime import datetime

from dialer.compliance.entry import Line
from dialer.kernel.ids import AttemptId
from dialer.outcomes.codes import Outcome
from dialer.outcomes.next_action import NextAction

MOST_NOTE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What one agent said of one call, and what follows from it: on record together, or not at all.

    lines: what the ledger counts because of it. then: the case, and what happens next in it.
    """

    attempt: AttemptId
    agent: str
    code: Outcome
    note: str
    recorded_at: datetime
    lines: tuple[Line, ...] = ()
    then: tuple[int, NextAction] | None = None
