"""What a call counts as for the gate: the worst, until there is evidence for less."""

from datetime import datetime, timedelta

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.compliance.entry import Entry, EntryResult, Flag
from dialer.compliance.reasons import Reason
from dialer.kernel.clock import to_micro
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.catalogue import Outcome

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


def revision_at(now: datetime) -> int:
    """Of two revisions of a line the later one is higher."""
    return to_micro(now)


def entry_for(attempt: Attempt, now: datetime) -> Entry:
    """The line of an attempt that has ended."""
    intent = attempt.intent
    result = attempt.result or Result.UNKNOWN
    counts_as = _BY_RESULT[result]
    if result is Result.CONNECTED and attempt.counts_as is not None:
        counts_as = attempt.counts_as
    return Entry(
        attempt.id,
        revision_at(now),
        intent.debtor_id,
        intent.number or None,
        intent.household,
        at=attempt.ended_at or now,
        result=counts_as,
        direction=attempt.direction,
        debts=intent.debts or None,
        campaign=intent.campaign,
        collector=intent.collector,
        workplace=intent.workplace,
    )


def flag_for(attempt: Attempt, outcome: Outcome, debt_id: int | None, now: datetime) -> Flag | None:
    """What the outcome says of the debtor, the number or the debt from now on.

    A number that must not be called at all is nobody's. debt_id: where the form names one; None: all of them.
    """
    if outcome.flag is None:
        return None
    number = attempt.intent.number or None if outcome.flag.on == "number" else None
    if outcome.flag.name == Reason.DO_NOT_CALL and number is not None:
        return opt_out(number, now)
    debtor = attempt.intent.debtor_id
    debt = debt_id if outcome.flag.on == "debt" else None
    until = None if outcome.flag.days is None else now + timedelta(days=outcome.flag.days)
    id_ = flag_id(outcome.flag.name, debtor, number, debt)
    return Flag(id_, revision_at(now), debtor, number, name=outcome.flag.name, debt_id=debt, until=until)


def flag_id(name: str, debtor_id: int, number: PhoneNumber | None, debt_id: int | None) -> str:
    """The id of a flag's line, so that whoever lifts it speaks of the same one."""
    return f"flg-{name}-{debtor_id}-{number or ''}-{debt_id or ''}"


def opt_out(number: PhoneNumber, now: datetime) -> Flag:
    """Nobody rings this number any more, whoever's it is."""
    return Flag(f"opt-{number}", revision_at(now), None, number, name=Reason.DO_NOT_CALL.value)
