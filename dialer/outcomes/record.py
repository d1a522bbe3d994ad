"""An outcome as it is kept."""

from dataclasses import dataclass
from datetime import datetime

from dialer.kernel.ids import AttemptId
from dialer.outcomes.codes import Outcome

MOST_NOTE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What one agent said of one call."""

    attempt: AttemptId
    agent: str
    code: Outcome
    note: str
    recorded_at: datetime
