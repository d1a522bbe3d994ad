"""What stands about a debtor, a number or a debt and stops calls: every word about it, and what follows from them.

The gate reads a flag as one line of the ledger, which knows only the last word. These are all of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dialer.kernel.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class FlagChange:
    """One word about a flag. line_id: the ledger's line. until: None = until it is lifted; at or before `at`: it is.

    debtor, number, debt: about whom; a number that must never be called is nobody's. recorded_by: an agent or a system,
    empty where nobody said. evidence: what shows it, as a letter's date.
    """

    line_id: str
    name: str
    at: datetime
    until: datetime | None = None
    debtor_id: int | None = None
    number: PhoneNumber | None = None
    debt_id: int | None = None
    recorded_by: str = ""
    evidence: str = ""

    @property
    def lifts(self) -> bool:
        """Whether it ends the flag."""
        return self.until is not None and self.until <= self.at


@dataclass(frozen=True, slots=True)
class StandingFlag:
    """A flag that stops calls now. since: from when on without a break, however often it was said again since."""

    name: str
    since: datetime
    until: datetime | None
    number: PhoneNumber | None
    debt_id: int | None
    recorded_by: str
    evidence: str


def standing(changes: Iterable[FlagChange], now: datetime) -> tuple[StandingFlag, ...]:
    """The flags that stand at an instant, the oldest first; who and why are those of the last word that says so."""
    since: dict[str, datetime] = {}
    last: dict[str, FlagChange] = {}
    for change in sorted(changes, key=lambda change: change.at):
        if change.at > now:
            continue
        before = last.get(change.line_id)
        if before is None or before.lifts or (before.until is not None and before.until < change.at):
            since[change.line_id] = change.at
        last[change.line_id] = change
    found = [
        StandingFlag(
            change.name, since[id_], change.until, change.number, change.debt_id, change.recorded_by, change.evidence
        )
        for id_, change in last.items()
        if change.until is None or change.until > now
    ]
    return tuple(sorted(found, key=lambda flag: (flag.since, flag.name)))
