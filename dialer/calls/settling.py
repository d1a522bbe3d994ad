"""The end of an attempt: what its result is."""

from datetime import timedelta

from dialer.calls import results
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.results import Result

TIMEOUT_TOLERANCE = timedelta(milliseconds=250)
"""Asterisk ends the ringing at our time-out a little early or late."""
TIMER_B = timedelta(seconds=16)
"""How long Asterisk waits for a first word of the trunk: `timer_b` in asterisk-conf/pbx/pjsip_transport.conf."""
TIMER_B_EARLY, TIMER_B_LATE = timedelta(milliseconds=500), timedelta(seconds=1)


def result_of(attempt: Attempt, ended_by: Signal) -> Result:
    """What became of an ended attempt.

    An attempt that vanished while nobody looked is unknown unless its own record, or the dialplan's mark, says
    more: in doubt the worst is counted.
    """
    if attempt.bridged_at is not None:
        return Result.CONNECTED
    if attempt.abandoned_at is not None:
        return Result.ABANDONED
    if attempt.refusals:
        return Result.WITHHELD
    if ended_by is Signal.VANISHED:
        return Result.UNKNOWN
    if ended_by in (Signal.WITHDRAWN, Signal.REFUSED):
        return Result.TRUNK_FAILURE
    if attempt.answered_at is not None:
        return Result.HUNG_UP
    unheard = (
        attempt.dialled_at is not None
        and attempt.ended_at is not None
        and -TIMER_B_EARLY <= attempt.ended_at - attempt.dialled_at - TIMER_B <= TIMER_B_LATE
    )
    rang = attempt.rang_at is not None
    if attempt.trunk_lost and not rang and rang_out(attempt):
        return Result.UNKNOWN
    return results.unanswered(attempt.cause, attempt.sip, rang=rang, rang_out=rang_out(attempt), unheard=unheard)


def rang_out(attempt: Attempt) -> bool:
    """Whether our own time-out ended it."""
    return (
        attempt.gives_up_at is not None
        and attempt.ended_at is not None
        and attempt.ended_at >= attempt.gives_up_at - TIMEOUT_TOLERANCE
    )
