"""What became of a call: causes mapped to results, by table."""

from enum import StrEnum

NORMAL_CLEARING = 16


class Result(StrEnum):
    """How a call ended, before anybody says what was spoken."""

    CONNECTED = "connected"
    """An agent talked to whatever answered; the outcome tells to whom."""
    ABANDONED = "abandoned"
    """Answered, and no agent in time (chiamata muta)."""
    HUNG_UP = "hung_up"
    """Answered, and the far end hung up before an agent could be there."""
    WITHHELD = "withheld"
    """Answered, and the gate refused the bridge: something had changed while it rang."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    """The phone is off or out of coverage."""
    NOT_IN_SERVICE = "not_in_service"
    """No such number, or no longer."""
    CONGESTION = "congestion"
    """The network had no way to it."""
    TRUNK_FAILURE = "trunk_failure"
    """It never left our side, or this trunk had no way and another one was tried at once."""
    UNKNOWN = "unknown"
    """We don't know: counted as the worst."""


# Q.850 causes of a call that was never answered. Asterisk derives them from the SIP answer
# (measured on 22.10: docs/explanation/call-results.md), and a carrier may send its own.
_BY_CAUSE = {
    1: Result.NOT_IN_SERVICE,  # 404: unallocated
    3: Result.CONGESTION,  # no route to destination
    16: Result.NO_ANSWER,  # cleared while ringing
    17: Result.BUSY,  # 486
    18: Result.NO_ANSWER,  # no user responding
    19: Result.NO_ANSWER,  # user alerted, no answer; 480
    20: Result.UNREACHABLE,  # subscriber absent
    21: Result.REJECTED,  # 403, 603
    22: Result.NOT_IN_SERVICE,  # 410: number changed
    27: Result.UNREACHABLE,  # destination out of order
    28: Result.NOT_IN_SERVICE,  # 484: incomplete
    34: Result.CONGESTION,  # 503: no circuit
    38: Result.CONGESTION,  # 500: network out of order
    41: Result.CONGESTION,  # temporary failure
    42: Result.CONGESTION,  # switch congested
}
# What a SIP answer says more exactly than the cause into which Asterisk folds it.
_BY_SIP = {
    401: Result.TRUNK_FAILURE,
    403: Result.REJECTED,
    404: Result.NOT_IN_SERVICE,
    407: Result.TRUNK_FAILURE,
    410: Result.NOT_IN_SERVICE,
    480: Result.UNREACHABLE,
    484: Result.NOT_IN_SERVICE,
    486: Result.BUSY,
    500: Result.CONGESTION,
    503: Result.CONGESTION,
    600: Result.BUSY,
    603: Result.REJECTED,
    604: Result.NOT_IN_SERVICE,
    607: Result.REJECTED,
}
_REQUEST_TIMEOUT = 408  # a carrier's own word, or Asterisk's when nobody at the trunk's address said any


def unanswered(cause: int | None, sip: int | None, *, rang: bool, rang_out: bool, unheard: bool) -> Result:
    """The result of a call that was never answered.

    rang: the far end was ringing (180). rang_out: our own time-out ended it, which Asterisk reports as if the
    far end had said 480. unheard: it lasted exactly as long as Asterisk waits for a first word; a carrier that says
    408 at another time has had the call, and the phone may have rung to a tone in the audio (183).
    """
    if rang_out:
        return Result.NO_ANSWER
    if cause is None:
        return Result.UNKNOWN
    if sip == _REQUEST_TIMEOUT and not rang:
        return Result.TRUNK_FAILURE if unheard else Result.UNREACHABLE
    result = _BY_SIP.get(sip) if sip is not None else None
    result = result or _BY_CAUSE.get(cause, Result.UNKNOWN)
    if result is Result.UNREACHABLE and rang:
        return Result.NO_ANSWER
    return result


# What another trunk may reach all the same: this one had no way. Whatever the debtor, or the debtor's network, answered
# is an answer.
FAILS_OVER = frozenset({Result.TRUNK_FAILURE, Result.CONGESTION})
# What may be retried as if it had not happened: it never reached the debtor's network.
NEVER_LEFT = frozenset({Result.TRUNK_FAILURE})
