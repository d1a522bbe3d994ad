"""What happened, and what was said, as the record has it: attempts, other contacts, flags, agreements, consents.

The lines of the ledger are read here by the auditor's own eyes: of the gate's reader it uses nothing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

# what each end of a call or contact is, for the rules that count; the worst is `unknown`. Machine, abandoned and served
# it is not: the first two we would have done ourselves, and it has served nobody
_ANSWERED = "reached rang connected contact message_possible"
EVENTS_OF: Mapping[str, frozenset[str]] = {
    result: frozenset(events.split())
    for result, events in {
        "trunk_failure": "",
        "not_in_service": "reached",
        "busy": "reached",
        "congestion": "reached",
        "unreachable": "reached connected",
        "no_answer": "reached rang connected",
        "rejected": "reached rang connected",
        "hung_up_early": "reached rang connected",
        "machine": "reached rang connected message_possible machine",
        "machine_message_left": f"{_ANSWERED} machine",
        "abandoned": f"{_ANSWERED} abandoned",
        "withheld": f"{_ANSWERED} abandoned",
        "third_party": f"{_ANSWERED} served",
        "hung_up": f"{_ANSWERED} conversation served",
        "conversation": f"{_ANSWERED} conversation served",
        "unknown": f"{_ANSWERED} conversation",
    }.items()
}
WORST = "unknown"
_MACHINES = ("machine", "fax", "network_tone", "no_voice")
_TALKED = """promise_to_pay plan_agreed paid_already partial_payment cannot_pay thinks_it_over refuses call_back
    wants_letter disputes lawyer insolvency moratorium vulnerable minor do_not_call no_telephone cease workplace_forbidden
    taken_back refuses_identity language"""
SAID: Mapping[str, str] = {
    **dict.fromkeys(_TALKED.split(), "conversation"),
    **dict.fromkeys(("third_party", "wrong_number", "deceased"), "third_party"),
    **dict.fromkeys(_MACHINES, "machine"),
    "message_left": "machine_message_left",
    "hung_up": "hung_up",
}
"""What the shipped outcomes count as; an agency's own count as the record had them when they were said."""
MACHINE_ENDS = frozenset({"machine", "machine_message_left"})
MACHINE_OUTCOMES = frozenset(code for code, end in SAID.items() if end in MACHINE_ENDS)


def ended_as(result: str | None, outcome: str | None, said_as: str | None, *, abandoned: bool) -> str:
    """How a call of ours ended, by the PBX and by the agent; what isn't known is the worst.

    said_as: what the outcome counted as when it was said.
    """
    if abandoned:
        return "abandoned"
    if result == "connected":
        found = SAID.get(outcome or "") or said_as or WORST
        return found if found in EVENTS_OF else WORST
    if result == "hung_up":
        return "hung_up_early"  # before an agent was there
    return result if result is not None and result in EVENTS_OF else WORST


def is_event(result: str, event: str) -> bool:
    """Whether an end counts for a rule of this event: a group of ends, or one end by its name."""
    return result == event or event in EVENTS_OF[result]


@lru_cache(maxsize=256)
def ends_of(event: str) -> frozenset[str]:
    """The ends that count for a rule of this event."""
    return frozenset(result for result in EVENTS_OF if is_event(result, event))


@dataclass(frozen=True, slots=True)
class Contact:
    """One call or contact. begun: when it was cleared, or its only instant. at: its end; None while it is under way.

    debts: empty = not known. recorded_at: when it came on record. ours: placed by the dialer.
    """

    id: str
    begun: int
    at: int | None
    result: str
    debtor: int | None
    number: str | None
    household: str = ""
    debts: frozenset[int] = frozenset()
    campaign: str = ""
    collector: str = ""
    inbound: bool = False
    channel: str = "call"
    workplace: bool = False
    recorded_at: int = 0
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that stops calls. recorded_at: since when it stands, as far as the record knows."""

    name: str
    debtor: int | None
    number: str | None
    household: str
    recorded_at: int
    debt: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class FlagWord:
    """One word about a flag, as the register has it. until: at or before it was recorded, it was lifted then."""

    line: str
    recorded_at: int
    name: str
    debtor: int | None
    number: str | None
    debt: int | None
    until: int | None


def spans(words: Iterable[FlagWord]) -> dict[str, Flag]:
    """When each flag stood without a break, by an id of its own: a line of the ledger knows only the last word."""
    found: dict[str, Flag] = {}
    last: dict[str, str] = {}
    for word in sorted(words, key=lambda word: (word.line, word.recorded_at)):
        flag = Flag(word.name, word.debtor, word.number, "", word.recorded_at, word.debt, word.until)
        before = found.get(last.get(word.line, ""))
        lifts = word.until is not None and word.until <= word.recorded_at
        if before is not None and (before.until is None or before.until >= word.recorded_at):
            found[last[word.line]] = replace(before, until=word.until)
        elif before is None or not lifts:  # one that is lifted, and of which nothing is on record before: since when?
            last[word.line] = f"{word.line} #{word.recorded_at}"
            found[last[word.line]] = flag
    return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """The debtor agreed to be called between two instants."""

    debtor: int | None
    number: str | None
    household: str
    recorded_at: int
    start: int
    until: int


@dataclass(frozen=True, slots=True)
class Consent:
    """The debtor consented to be called about debts; None: about all. until: it was taken back."""

    debtor: int | None
    number: str | None
    household: str
    recorded_at: int
    at: int
    debts: frozenset[int] | None
    until: int | None


@dataclass(frozen=True, slots=True)
class Blackout:
    """A time of the week that the debtor ruled out; clock times in minutes (with fractions) of the day."""

    debtor: int | None
    number: str | None
    household: str
    recorded_at: int
    weekdays: frozenset[int]
    start: str
    end: str
    until: int | None


Line = Contact | Flag | Agreement | Consent | Blackout


def read_line(text: str, recorded_at: int) -> Line:
    """One line of the ledger. Raises ValueError for what isn't one."""
    try:
        kind, id_, _, debtor, number, household, *rest = json.loads(text)
        return _line(kind, id_, (debtor, number, household), rest, recorded_at)
    except (TypeError, IndexError) as error:
        msg = f"no line of the ledger: {error}"
        raise ValueError(msg) from None


def _line(kind: str, id_: str, whom: tuple[Any, Any, Any], rest: list[Any], recorded_at: int) -> Line:
    match kind:
        case "entry":
            at, result, in_flight, direction, channel, debts, campaign, collector, workplace = rest
            return Contact(
                id_,
                at,
                None if in_flight else at,
                result if result in EVENTS_OF else WORST,
                *whom,
                debts=frozenset(debts or ()),
                campaign=campaign,
                collector=collector,
                inbound=direction == "inbound",
                channel=channel,
                workplace=workplace,
                recorded_at=recorded_at,
            )
        case "flag":
            return Flag(rest[0], *whom, recorded_at, rest[1], rest[2])
        case "agreement":
            return Agreement(*whom, recorded_at, rest[0], rest[1])
        case "consent":
            return Consent(*whom, recorded_at, rest[0], None if rest[1] is None else frozenset(rest[1]), rest[2])
        case "blackout":
            return Blackout(*whom, recorded_at, frozenset(rest[0]), rest[1], rest[2], rest[3])
        case _:
            msg = f"a line of the unknown kind {kind!r}"
            raise ValueError(msg)
