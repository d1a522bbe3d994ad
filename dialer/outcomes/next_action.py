"""What comes next in a case, from what became of the call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialer.calls.results import Result
from dialer.campaigns.timing import Choice
from dialer.cases.model import AGREED, CaseState, Contact, NextAction
from dialer.cases.promises import Promise
from dialer.compliance.verdict import Verdict
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.catalogue import Do, Outcome

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
MOST_DOUBLED = 3
"""The spacing of an outcome doubles so often where it is said again and again."""
_STATES = {Do.LETTER: CaseState.LETTER, Do.ESCALATE: CaseState.ESCALATED, Do.STOP: CaseState.CLOSED}
_WORDS = {
    Do.LETTER: "a letter is due, and no call meanwhile",
    Do.ESCALATE: "a person decides, and nobody calls meanwhile",
    Do.STOP: "the case is closed",
}


@dataclass(frozen=True, slots=True)
class Slot:
    """What the gate foresees for one number. at: the first legal instant; None: not by itself. why: the reasons for
    which it isn't the wished one.
    """

    number: PhoneNumber
    at: datetime | None
    why: tuple[str, ...] = ()

    @classmethod
    def of(cls, number: PhoneNumber, wished: datetime, verdict: Verdict) -> "Slot":
        return cls(number, wished if verdict.allowed else verdict.not_before, verdict.reasons)


@dataclass(frozen=True, slots=True)
class Wish:
    """When a call is wished for, on which of its numbers; `in_a_row`: how often the same was said, this time included."""

    at: datetime
    numbers: tuple[PhoneNumber, ...]
    in_a_row: int = 1


def after_call(result: Result, ended_at: datetime) -> NextAction:
    """After a call of which no agent said anything (yet)."""
    return NextAction(CaseState.OPEN, ended_at + _RETRY[result], f"after {result.value}")


def at_best_hour(outcome: Outcome, wish: Wish, best: Choice, zone: ZoneInfo) -> NextAction:
    """After an outcome that lets the hour be chosen: at the one that pays, which the gate foresees as legal."""
    return NextAction(
        CaseState.OPEN, best.at, f"{_sentence(outcome, wish, best.at, zone, None)}: {best.why}", best.number
    )


def in_a_row(code: str, history: Sequence[Contact]) -> int:
    """How often the outcome was said without another in between, this time included; history: the latest first."""
    count = 1
    for contact in history:
        if contact.outcome is None:
            continue
        if contact.outcome != code:
            break
        count += 1
    return count


def wish_for(
    outcome: Outcome,
    called: PhoneNumber,
    numbers: Sequence[PhoneNumber],
    history: Sequence[Contact],
    now: datetime,
    *,
    agreed: datetime | None = None,
    promise: Promise | None = None,
    zone: ZoneInfo,
) -> Wish | None:
    """The call that the outcome and the history suggest; None where it isn't a call that comes next.

    numbers: in the order in which they would be tried. agreed: the call-back's instant. promise: the one just given.
    """
    said = in_a_row(outcome.code, history)
    step = outcome.next
    if step.most is not None and said >= step.most:
        return None
    same = tuple(number for number in numbers if number == called)
    others = tuple(number for number in numbers if number != called)
    match step.do:
        case Do.CALL_BACK if agreed is not None:
            return Wish(agreed, same + others, said)
        case Do.PROMISE if promise is not None:
            over_on = promise.over_on(promise.instalments[0])
            return Wish(datetime(over_on.year, over_on.month, over_on.day, tzinfo=zone), same + others, said)
        case Do.RETRY:
            at = now + timedelta(hours=step.after_hours) * 2 ** min(said - 1, MOST_DOUBLED)
            flagged = outcome.flag is not None and outcome.flag.on == "number"
            order = {
                "same": same + others,
                "any": numbers,
                "another": others if flagged else others + same,
            }[step.number]
            return Wish(at, tuple(order), said) if order else None
    return None


def after_outcome(
    outcome: Outcome,
    wish: Wish | None,
    slots: Sequence[Slot] | None,
    now: datetime,
    zone: ZoneInfo,
    promise: Promise | None,
) -> NextAction:
    """What comes next, explained in one sentence. slots: what the gate foresees for the wish's numbers, in their order;
    None: it couldn't be asked.
    """
    legal = [slot for slot in slots or () if slot.at is not None]
    flagged = outcome.flag is not None and outcome.flag.on == "number"
    if wish is None or (flagged and slots is not None and not legal):
        return _no_call(outcome, now, often=wish is None and outcome.next.most is not None)
    # the first number that may be called at the wished instant, else the one that may be earliest
    slot = min(legal, key=lambda slot: slot.at or wish.at, default=None)
    at = slot.at if slot and slot.at else wish.at
    why = _sentence(outcome, wish, at, zone, promise)
    if slots is None:
        why += "; the gate couldn't be asked"
    elif slot is None:
        refused = sorted({reason for one in slots for reason in one.why})
        why += f"; refused for now: {', '.join(refused)}"
    elif at > wish.at:
        why += f", the first legal time ({', '.join(slot.why)})"
    return NextAction(CaseState.OPEN, at, why, slot.number if slot else None)


def _no_call(outcome: Outcome, now: datetime, *, often: bool) -> NextAction:
    step = outcome.next
    do = step.do if step.do in _STATES else step.beyond or Do.ESCALATE
    due_at = None if do is Do.STOP else now + (timedelta(hours=step.after_hours) if do is step.do else timedelta())
    words = f"after {outcome.code}"
    if often:
        words += f", {step.most} times in a row"
    elif do is not step.do:
        words += ", and no other number is left"
    return NextAction(_STATES[do], due_at, f"{words}: {_WORDS[do]}")


def _sentence(outcome: Outcome, wish: Wish, at: datetime, zone: ZoneInfo, promise: Promise | None) -> str:
    when = f"{at.astimezone(zone):%a %d %b %Y %H:%M}"
    if outcome.next.do is Do.CALL_BACK:
        return f"{AGREED} for {wish.at.astimezone(zone):%a %d %b %Y %H:%M}, called at {when}"
    if promise is not None:
        first = promise.instalments[0]
        return f"after {outcome.code}: {first.amount} by {first.due_on} unless it is paid, called at {when}"
    again = f" (said {wish.in_a_row} times in a row)" if wish.in_a_row > 1 else ""
    return f"after {outcome.code}{again}: called again from {when}"
