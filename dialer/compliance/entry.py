"""The lines of the ledger: what happened with a debtor, and what stands about one, as the rules count it."""

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum

from dialer.cases.flag import FlagChange
from dialer.kernel.clock import from_micro
from dialer.kernel.phone import PhoneNumber


class Direction(StrEnum):
    """Who began it."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Channel(StrEnum):
    """By which way."""

    CALL = "call"
    MESSAGE = "message"
    """SMS, chat or e-mail."""
    LETTER = "letter"
    VISIT = "visit"


class EntryResult(StrEnum):
    """What a past call or message counts as."""

    TRUNK_FAILURE = "trunk_failure"
    """It never left our side."""
    NOT_IN_SERVICE = "not_in_service"
    BUSY = "busy"
    CONGESTION = "congestion"
    UNREACHABLE = "unreachable"
    """The phone is off or out of coverage."""
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    MACHINE = "machine"
    MACHINE_MESSAGE_LEFT = "machine_message_left"
    HUNG_UP_EARLY = "hung_up_early"
    """Answered, and hung up before an agent could be there."""
    HUNG_UP = "hung_up"
    """Hung up on the agent before it was clear who spoke."""
    ABANDONED = "abandoned"
    WITHHELD = "withheld"
    """Answered, and the gate refused the bridge: for the person an abandoned call."""
    THIRD_PARTY = "third_party"
    CONVERSATION = "conversation"
    """With the right party."""
    UNKNOWN = "unknown"
    """Nobody knows: it counts as the worst."""


_R = EntryResult
_ANSWERED = frozenset({_R.HUNG_UP_EARLY, _R.HUNG_UP, _R.ABANDONED, _R.WITHHELD, _R.THIRD_PARTY, _R.CONVERSATION})
_MACHINES = frozenset({_R.MACHINE, _R.MACHINE_MESSAGE_LEFT})
_RANG = _ANSWERED | _MACHINES | {_R.NO_ANSWER, _R.REJECTED, _R.UNKNOWN}
_CONTACT = frozenset({_R.HUNG_UP, _R.ABANDONED, _R.WITHHELD, _R.THIRD_PARTY, _R.CONVERSATION, _R.UNKNOWN})

EVENTS: dict[str, frozenset[EntryResult]] = {
    # what a rule may count, from the least of it on; unknown is among all that the debtor may have felt. It is no
    # machine and not abandoned: both we would have done ourselves. Nor has it served anybody
    "reached": frozenset(EntryResult) - {_R.TRUNK_FAILURE},
    "rang": _RANG,
    # 12 CFR 1006.14(b)(3)(ii): busy and not in service are not connected; a phone that is off may play a greeting
    "connected": _RANG | {_R.UNREACHABLE},
    "conversation": frozenset({_R.CONVERSATION, _R.HUNG_UP, _R.UNKNOWN}),
    # RG 96, Ontario: somebody was talked to, or a message was left
    "contact": _CONTACT | {_R.MACHINE_MESSAGE_LEFT},
    # 940 CMR 7.04(1)(f): a message could have been left
    "message_possible": _CONTACT | _MACHINES,
    "machine": _MACHINES,
    "abandoned": frozenset({_R.ABANDONED, _R.WITHHELD}),
    # an agent was there
    "served": frozenset({_R.CONVERSATION, _R.THIRD_PARTY, _R.HUNG_UP}),
}


@dataclass(frozen=True, slots=True)
class Line:
    """What all lines have: an id, a revision, and about whom they speak.

    revision: of two lines with one id the higher one holds, in whatever order they arrive.
    debtor_id, number, household: a line is found by each of them that it names.
    """

    id: str
    revision: int
    debtor_id: int | None = None
    number: PhoneNumber | None = None
    household: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Under which keys of the ledger it stands."""
        return keys_of(self.debtor_id, self.number, self.household)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Line):
    """One attempt or contact.

    at: its end; while it is in flight, when it was cleared. debts: None = not known, so it counts for each.
    campaign, collector: empty = not known, so it counts for each.
    """

    at: datetime
    result: EntryResult
    in_flight: bool = False
    direction: Direction = Direction.OUTBOUND
    channel: Channel = Channel.CALL
    debts: tuple[int, ...] | None = None
    campaign: str = ""
    collector: str = ""
    workplace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Line):
    """Something about a debtor, one debt (`debt_id`) or a number that stops calls, until it expires."""

    name: str
    debt_id: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement(Line):
    """The debtor agreed to be called between two instants, once."""

    start: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Line):
    """The debtor consented, directly to the collector, to be called about debts (None: all); `until`: revoked."""

    at: datetime
    debts: tuple[int, ...] | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackout(Line):
    """When this debtor, or this number, must not be called: `[start, end)` local time on some weekdays (0 = Monday)."""

    weekdays: tuple[int, ...]
    start: time
    end: time
    until: datetime | None = None


def change_of(flag: Flag, by: str = "", evidence: str = "") -> FlagChange:
    """What this revision of a flag says, for the register."""
    return FlagChange(
        flag.id,
        flag.name,
        from_micro(flag.revision),
        flag.until,
        flag.debtor_id,
        flag.number,
        flag.debt_id,
        by,
        evidence,
    )


def keys_of(debtor_id: int | None, number: str | None, household: str) -> tuple[str, ...]:
    """The keys under which lines about a debtor, a number and a household stand."""
    debtor = (f"d:{debtor_id}",) if debtor_id is not None else ()
    return debtor + ((f"n:{number}",) if number else ()) + ((f"h:{household}",) if household else ())
