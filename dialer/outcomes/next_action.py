"""When a case is due again, from what became of the call."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dialer.calls.results import Result
from dialer.cases.model import CaseState
from dialer.outcomes.codes import Outcome


@dataclass(frozen=True, slots=True)
class NextAction:
    """When the case is due again (None: not by itself), and why in words."""

    state: CaseState
    due_at: datetime | None
    why: str


# House defaults; the gate, which knows the law, has the last word on each attempt.
_RETRY: dict[Result, timedelta] = {
    Result.CONNECTED: timedelta(days=1),
    Result.ABANDONED: timedelta(days=5),  # Garante 83/2014: five days without a call
    Result.HUNG_UP: timedelta(hours=24),
    Result.WITHHELD: timedelta(days=1),
    Result.BUSY: timedelta(hours=2),
    Result.NO_ANSWER: timedelta(hours=3),
    Result.REJECTED: timedelta(hours=24),
    Result.UNREACHABLE: timedelta(hours=3),
    Result.NOT_IN_SERVICE: timedelta(days=7),
    Result.CONGESTION: timedelta(hours=2),
    Result.TRUNK_FAILURE: timedelta(minutes=5),
    Result.UNKNOWN: timedelta(days=1),
}
_AFTER: dict[Outcome, timedelta | None] = {
    Outcome.PROMISE_TO_PAY: timedelta(days=7),
    Outcome.PAID_ALREADY: timedelta(days=7),
    Outcome.REFUSES: timedelta(days=3),
    Outcome.CALL_BACK: timedelta(days=1),
    Outcome.THIRD_PARTY: timedelta(days=1),
    Outcome.WRONG_NUMBER: None,
    Outcome.DO_NOT_CALL: None,
    Outcome.MACHINE: timedelta(hours=4),
    Outcome.FAX: timedelta(days=7),
    Outcome.NETWORK_TONE: timedelta(days=1),
    Outcome.NO_VOICE: timedelta(hours=4),
    Outcome.HUNG_UP: timedelta(days=1),
}


def after_call(result: Result, ended_at: datetime) -> NextAction:
    """After a call of which no agent said anything (yet)."""
    return NextAction(CaseState.OPEN, ended_at + _RETRY[result], f"after {result.value}")


def after_outcome(code: Outcome, recorded_at: datetime) -> NextAction:
    """After what the agent said. A dead number leaves the case due at once, for its other numbers."""
    delay = _AFTER[code]
    return NextAction(CaseState.OPEN, recorded_at + (delay or timedelta()), f"after {code.value}")
