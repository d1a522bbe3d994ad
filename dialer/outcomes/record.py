"""An outcome as it is kept."""

from dataclasses import dataclass
from datetime import datetime

from dialer.cases.model import NextAction
from dialer.cases.offers import Offer
from dialer.cases.promises import Promise
from dialer.compliance.entry import EntryResult, Line
from dialer.kernel.ids import AttemptId
from dialer.outcomes.form import EMPTY, Form

MOST_NOTE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """What one agent said of one call, and what follows from it: on record together, or not at all.

    counts_as, right_party: as the outcome had it when it was said. form: what was filled in. lines: what the ledger
    counts because of it. action: what comes next. case_id: the case in which that holds at once; None while the call
    is under way, whose end brings it about. script: what the agent was to say, as its language, name and version.
    """

    attempt: AttemptId
    agent: str
    code: str
    note: str
    recorded_at: datetime
    lines: tuple[Line, ...] = ()
    counts_as: EntryResult = EntryResult.UNKNOWN
    right_party: bool = False
    form: Form = EMPTY
    promise: Promise | None = None
    offers: tuple[Offer, ...] = ()
    action: NextAction | None = None
    case_id: int | None = None
    script: str | None = None
