"""What the auditor reads: the port to the record, and the values that come through it. All instants are microseconds."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dialer.audit.happened import Contact, Line, ended_as

LOOK_BACK_DAYS = 37
"""How far before the first attempt the record is read: no window of a pack is longer, and zones may add a day."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision of the gate. What it says is taken from the content that the chain protects; columns beside it only
    find it, and must say the same.
    """

    chain: str
    position: int
    content: Mapping[str, Any]
    columns: tuple[str, str | None, int, int]
    subject: Mapping[str, Any] | None = None

    @property
    def word(self) -> str:
        return str(self.content.get("decision", ""))

    @property
    def attempt(self) -> str | None:
        found = self.content.get("attempt")
        return None if found is None else str(found)


@dataclass(frozen=True, slots=True)
class Placed:
    """One attempt as it stands on record, with all that is known about it. household, zone, place: of today."""

    id: str
    campaign: str
    case: int
    debtor: int
    number: str
    packs: tuple[str, ...]
    mode: str
    debts: tuple[int, ...]
    cleared_at: int
    dialled_at: int | None = None
    gives_up_at: int | None = None
    rang_at: int | None = None
    answered_at: int | None = None
    bridged_at: int | None = None
    abandoned_at: int | None = None
    ended_at: int | None = None
    cause: int | None = None
    sip: int | None = None
    result: str | None = None
    outcome: str | None = None
    outcome_at: int | None = None
    said_as: str | None = None
    household: str = ""
    zone: str = ""
    place: str = ""

    @property
    def ended_as(self) -> str:
        """How it ended, the worst where that isn't known."""
        if self.ended_at is None:
            return "unknown"
        silent = self.abandoned_at is not None and self.bridged_at is None
        return ended_as(self.result, self.outcome, self.said_as, abandoned=silent)


@dataclass(frozen=True, slots=True)
class PlacedOutside:
    """A call to somebody who is no debtor, as it stands on record."""

    id: str
    number: str
    asked_at: int


@dataclass(slots=True)
class Page:
    """Some debtors' attempts, and everything on record that a rule may look at beside them.

    judged: ids of the attempts that are to be judged; the others only count. lines: what the ledger has, under the
    attempt's id where it speaks of one. decisions: of the judged attempts. before: attempts of a case that lie further
    back, by case, where a rule asks for them. owners, zones: whose a number is, and where a debtor is, where only numbers
    are known. outside: calls to somebody who is no debtor, where a carrier's are looked for.
    """

    attempts: dict[str, Placed] = field(default_factory=dict)
    judged: set[str] = field(default_factory=set)
    lines: dict[str, Line] = field(default_factory=dict)
    unreadable: int = 0
    decisions: dict[str, list[Decided]] = field(default_factory=dict)
    before: dict[int, int] = field(default_factory=dict)
    owners: dict[str, set[int]] = field(default_factory=dict)
    zones: dict[int, str] = field(default_factory=dict)
    outside: list[PlacedOutside] = field(default_factory=list)

    def line_of(self, attempt: str) -> Contact | None:
        found = self.lines.get(attempt)
        return found if isinstance(found, Contact) else None


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls of one campaign under the same packs, within one quarter of an hour, in one zone."""

    campaign: str
    packs: tuple[str, ...]
    zone: str
    begun: int
    answered: int
    live: int
    connected: int
    abandoned: int
    unknown: int


class AuditRecord(Protocol):
    """The record. Every method raises AwayError."""

    def pages(self, since: int | None, until: int, *, totals: bool) -> AsyncIterator[Page]:
        """The attempts that were cleared, or ended, from `since` on, by debtor, with all that concerns them."""

    def decisions(self, since: int | None, until: int) -> AsyncIterator[Sequence[Decided]]:
        """Every decision from `since` on."""

    async def first_decision(self) -> int | None:
        """When the first decision was made: attempts before it have none."""

    async def known(self, attempts: Collection[str]) -> set[str]:
        """Which of these attempts are on record."""

    async def tallies(self, since: int | None, until: int, *, whole: bool) -> list[Tally]:
        """What the caps on abandoned calls compare, of every campaign that called from `since` on.

        whole: all its calls from the first on, otherwise those of the month before `since`, and since.
        """

    async def around(self, numbers: Collection[str], since: int, until: int) -> Page:
        """All attempts and calls outside between two instants, and every line about these numbers (digits alone) and their debtors."""
