"""After every (re)connect, first of all: our record against what the PBX really has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from dialer.calls.attempt import TABLE, Attempt, Signal, State
from dialer.calls.pbx import LegState, Survey

_SIGNALS: dict[LegState, Signal] = {
    LegState.CALLING: Signal.CREATED,
    LegState.RINGING: Signal.RANG,
    LegState.WAITING: Signal.WAITS,
    LegState.BRIDGED: Signal.BRIDGED,
    LegState.OTHER: Signal.UP,
}
# where what we believed and what there is contradict each other
_CORRECTIONS: dict[tuple[State, LegState], Signal] = {
    (State.CLAIMED, LegState.WAITING): Signal.CLAIM_FAILED,
    (State.TALKING, LegState.OTHER): Signal.AGENT_LEFT,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One signal that an attempt missed."""

    attempt: Attempt
    signal: Signal
    at: datetime


def findings(attempts: Iterable[Attempt], survey: Survey) -> Iterator[Finding]:
    """What the attempts missed while nobody listened, in the order in which it must be applied.

    The dialplan's mark comes first: a call abandoned without us counts as such, whether its leg is still there
    or not. A leg that the PBX doesn't have is gone.
    """
    for attempt in attempts:
        marked_at = survey.abandoned.get(attempt.id)
        if marked_at is not None and attempt.abandoned_at is None:
            yield Finding(attempt, Signal.ABANDONED, marked_at)
        leg = survey.attempts.get(attempt.id)
        if leg is None:
            if attempt.state is not State.CLEARED:  # one that is being sent right now is not missed
                yield Finding(attempt, Signal.VANISHED, survey.at)
        elif marked_at is None:
            signal = _CORRECTIONS.get((attempt.state, leg.state), _SIGNALS[leg.state])
            if (attempt.state, signal) in TABLE:
                yield Finding(attempt, signal, survey.at)
