"""What a call counts as for the gate: the worst, until there is evidence for less."""

from datetime import datetime

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.compliance.entry import Entry, EntryResult, Flag
from dialer.kernel.clock import to_micro
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.codes import Outcome

_BY_RESULT: dict[Result, EntryResult] = {
    Result.CONNECTED: EntryResult.UNKNOWN,  # an agent talked, and hasn't said with whom
    Result.ABANDONED: EntryResult.ABANDONED,
    Result.HUNG_UP: EntryResult.HUNG_UP_EARLY,
    Result.WITHHELD: EntryResult.WITHHELD,
    Result.BUSY: EntryResult.BUSY,
    Result.NO_ANSWER: EntryResult.NO_ANSWER,
    Result.REJECTED: EntryResult.REJECTED,
    Result.UNREACHABLE: EntryResult.UNREACHABLE,
    Result.NOT_IN_SERVICE: EntryResult.NOT_IN_SERVICE,
    Result.CONGESTION: EntryResult.CONGESTION,
    Result.TRUNK_FAILURE: EntryResult.TRUNK_FAILURE,
    Result.UNKNOWN: EntryResult.UNKNOWN,
}
_BY_OUTCOME: dict[Outcome, EntryResult] = {
    Outcome.PROMISE_TO_PAY: EntryResult.CONVERSATION,
    Outcome.PAID_ALREADY: EntryResult.CONVERSATION,
    Outcome.REFUSES: EntryResult.CONVERSATION,
    Outcome.CALL_BACK: EntryResult.CONVERSATION,
    Outcome.DO_NOT_CALL: EntryResult.CONVERSATION,
    Outcome.THIRD_PARTY: EntryResult.THIRD_PARTY,
    Outcome.WRONG_NUMBER: EntryResult.THIRD_PARTY,
    Outcome.MACHINE: EntryResult.MACHINE,
    Outcome.FAX: EntryResult.MACHINE,
    Outcome.NETWORK_TONE: EntryResult.MACHINE,
    Outcome.NO_VOICE: EntryResult.MACHINE,
    Outcome.HUNG_UP: EntryResult.HUNG_UP,
}
MACHINES = frozenset(outcome for outcome, counts_as in _BY_OUTCOME.items() if counts_as is EntryResult.MACHINE)
"""No person answered, as the agent says."""
_FLAGS: dict[Outcome, str] = {Outcome.DO_NOT_CALL: "do-not-call", Outcome.WRONG_NUMBER: "wrong_number"}


def revision_at(now: datetime) -> int:
    """Of two revisions of a line the later one is higher."""
    return to_micro(now)


def entry_for(attempt: Attempt, now: datetime) -> Entry:
    """The line of an attempt that has ended."""
    intent = attempt.intent
    result = attempt.result or Result.UNKNOWN
    counts_as = _BY_RESULT[result]
    if result is Result.CONNECTED and attempt.outcome is not None:
        counts_as = _BY_OUTCOME[Outcome(attempt.outcome)]
    return Entry(
        attempt.id,
        revision_at(now),
        intent.debtor_id,
        intent.number,
        intent.household,
        at=attempt.ended_at or now,
        result=counts_as,
        debts=intent.debts or None,
        campaign=intent.campaign,
        collector=intent.collector,
        workplace=intent.workplace,
    )


def flag_for(attempt: Attempt, code: Outcome, now: datetime) -> Flag | None:
    """What the outcome says of the number from now on: not wanted there at all, or not this debtor's."""
    name = _FLAGS.get(code)
    if name is None:
        return None
    number = attempt.intent.number
    if code is Outcome.DO_NOT_CALL:
        return opt_out(number, now)
    debtor = attempt.intent.debtor_id
    return Flag(f"wrong-{debtor}-{number}", revision_at(now), debtor, number, name=name)


def opt_out(number: PhoneNumber, now: datetime) -> Flag:
    """Nobody rings this number any more, whoever's it is."""
    return Flag(f"opt-{number}", revision_at(now), None, number, name="do-not-call")
