"""After every (re)connect, first of all: our record against what the PBX really has."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dialer.calls.attempt import TABLE, Attempt, Signal, State
from dialer.calls.pbx import LegState, Survey
from dialer.kernel.ids import AttemptId, SeatLegId

MAY_STILL_COME = timedelta(seconds=5)
"""So long after a request its leg may be missing and still come: Asterisk makes it after the acknowledgement."""

_SIGNALS: dict[LegState, Signal] = {
    LegState.CALLING: Signal.CREATED,
    LegState.RINGING: Signal.RANG,
    LegState.WAITING: Signal.WAITS,
    LegState.BRIDGED: Signal.BRIDGED,
    LegState.OTHER: Signal.UP,
    LegState.HELD: Signal.UP,
    LegState.MOVING: Signal.UP,
}
# where what we believed and what there is contradict each other
_CORRECTIONS: dict[tuple[State, LegState], Signal] = {
    (State.CLAIMED, LegState.WAITING): Signal.CLAIM_FAILED,
    (State.TALKING, LegState.OTHER): Signal.AGENT_LEFT,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was believed when the PBX was asked: how often each attempt and each seat had moved.

    The answer takes several requests, and events go on coming: it says nothing of what moved on meanwhile.
    """

    at: datetime
    attempts: Mapping[AttemptId, int]
    seats: Mapping[SeatLegId, int]
    inbound: Mapping[AttemptId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal that an attempt missed."""

    attempt: Attempt
    signal: Signal
    at: datetime


def findings(attempts: Iterable[Attempt], survey: Survey, asked: Asked) -> Iterator[Finding]:
    """What the attempts missed while nobody listened, in the order in which it must be applied.

    The dialplan's mark comes first: a call abandoned without us counts as such, whether its leg is still there
    or not. A leg that the PBX doesn't have is gone, unless it was asked for a moment ago.
    """
    for attempt in attempts:
        marked_at = survey.abandoned.get(attempt.id)
        if marked_at is not None and attempt.abandoned_at is None:
            yield Finding(attempt, Signal.ABANDONED, marked_at)
        if asked.attempts.get(attempt.id) != attempt.changes:
            continue
        leg = survey.attempts.get(attempt.id)
        if leg is None:
            if not _may_still_come(attempt, asked.at):
                yield Finding(attempt, Signal.VANISHED, survey.at)
        elif marked_at is None:
            signal = _CORRECTIONS.get((attempt.state, leg.state), _SIGNALS[leg.state])
            if (attempt.state, signal) in TABLE:
                yield Finding(attempt, signal, survey.at)


def _may_still_come(attempt: Attempt, asked_at: datetime) -> bool:
    """Whether the leg that the PBX doesn't list may be one that it hasn't made yet."""
    if attempt.state is State.CLEARED:
        return True
    sent_at = attempt.dialled_at if attempt.state is State.DIALLING and not attempt.created else None
    return sent_at is not None and asked_at - sent_at < MAY_STILL_COME
