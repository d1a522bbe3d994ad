"""Who was contacted when, who is being called, and what stands about a debtor: the port, and the one in the process.

Every line has an id and a revision; of two lines with one id the higher revision holds, whatever order they come in.
So a line may be put twice, late, or by two processes, and the ledger is the same.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dialer.compliance.entry import EVENTS, Entry, Line, keys_of
from dialer.compliance.windows import LONGEST_DAYS
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber

WINDOW = timedelta(days=LONGEST_DAYS + 1)
"""How far back the rules look: entries beyond it are forgotten here (the record keeps them)."""


ABANDONED_WINDOW = timedelta(days=730)
"""Who got a silent call is called with an agent held until somebody was served: that must not be forgotten earlier."""


class LedgerAwayError(AwayError):
    """The ledger can't be asked, or isn't rebuilt yet: nobody is called."""


@dataclass(frozen=True, slots=True)
class Subject:
    """About whom the ledger is asked."""

    debtor_id: int | None
    number: PhoneNumber | None
    household: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        return keys_of(self.debtor_id, self.number, self.household)


@dataclass(frozen=True, slots=True)
class Standing:
    """Every line about a subject, and the versions of its keys: a reservation holds only if they are still so."""

    lines: tuple[Line, ...] = ()
    versions: tuple[int, ...] = ()

    @property
    def in_flight(self) -> tuple[Entry, ...]:
        return tuple(line for line in self.lines if isinstance(line, Entry) and line.in_flight)


class Ledger(Protocol):
    """The port. Check and reservation are one step: `reserve` fails where anything changed since `read`."""

    async def read(self, subject: Subject) -> Standing:
        """What stands about them. Raises LedgerAwayError."""

    async def reserve(self, entry: Entry, seen: Standing) -> bool:
        """Put an attempt in flight, if nothing changed since `seen`; False: read again and judge anew.

        Asked again with the same id and entry it says what it said: a lost reply may be repeated.
        Raises LedgerAwayError: then nobody knows, and the attempt must be put as settled before it is forgotten.
        """

    def put(self, *lines: Line) -> None:
        """Add lines or replace older revisions, soon, in order; never lost while the process lives."""

    async def flush(self) -> None:
        """Return once everything put so far is there. Raises LedgerAwayError."""


class ProcessLedger:
    """The ledger of one cell, in the process: loaded from the record at the start.

    One process, one thread: what happens between two awaits is atomic.
    """

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, Line]] = defaultdict(dict)
        self._versions: dict[str, int] = defaultdict(int)

    def load(self, lines: Iterable[Line]) -> None:
        """Take over what the record knows."""
        self.put(*lines)

    async def read(self, subject: Subject) -> Standing:
        return self.standing(subject)

    def standing(self, subject: Subject) -> Standing:
        """The same, without a wait."""
        keys = subject.keys
        found: dict[str, Line] = {}
        for key in keys:
            found.update(self._lines.get(key, {}))
        return Standing(tuple(found.values()), tuple(self._versions.get(key, 0) for key in keys))

    async def reserve(self, entry: Entry, seen: Standing) -> bool:
        keys = entry.keys
        if any(self._lines[key].get(entry.id) == entry for key in keys):
            return True
        if tuple(self._versions.get(key, 0) for key in keys) != seen.versions:
            return False
        self.put(entry)
        return True

    def put(self, *lines: Line) -> None:
        for line in lines:
            for key in line.keys:
                known = self._lines[key].get(line.id)
                if known is None or known.revision < line.revision:
                    self._lines[key][line.id] = line
                    self._versions[key] += 1

    async def flush(self) -> None:
        return

    def forget_before(self, instant: datetime) -> None:
        """Drop lines at which no rule looks any more from `instant` on."""
        for key, lines in list(self._lines.items()):
            for line in [line for line in lines.values() if (until := counts_until(line)) and until <= instant]:
                del lines[line.id]
            if not lines:
                del self._lines[key]


def counts_until(line: Line) -> datetime | None:
    """From when on no rule looks at this line any more; None = as long as it stands."""
    match line:
        case Entry() if line.in_flight:
            return None
        case Entry() if line.result in EVENTS["abandoned"]:
            return line.at + ABANDONED_WINDOW
        case Entry():
            return line.at + WINDOW
        case _:
            until: datetime | None = getattr(line, "until", None)
            return until


class Watch:
    """What stands about those who are being called right now, kept fresh by every line that arrives.

    The check before the bridge reads this alone: nothing waits for a store between answer and redirect.
    """

    def __init__(self) -> None:
        self._held: dict[AttemptId, dict[str, Line]] = {}
        self._by_key: dict[str, set[AttemptId]] = defaultdict(set)
        self._subjects: dict[AttemptId, Subject] = {}

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, attempt: AttemptId, subject: Subject, standing: Standing) -> None:
        """Keep what stands about a subject until `drop`; what was held before stays where it is newer."""
        self._held.setdefault(attempt, {})
        self._subjects[attempt] = subject
        for key in subject.keys:
            self._by_key[key].add(attempt)
        for line in standing.lines:
            self._keep(attempt, line)

    def subjects(self) -> list[tuple[AttemptId, Subject]]:
        """About whom something is kept, by attempt."""
        return list(self._subjects.items())

    def apply(self, *lines: Line) -> None:
        """Lines arrived, of this cell or another."""
        for line in lines:
            for key in line.keys:
                for attempt in self._by_key.get(key, ()):
                    self._keep(attempt, line)

    def standing(self, attempt: AttemptId) -> Standing | None:
        """What stands now; None where nothing is held."""
        held = self._held.get(attempt)
        return None if held is None else Standing(tuple(held.values()))

    def _keep(self, attempt: AttemptId, line: Line) -> None:
        known = self._held[attempt].get(line.id)
        if known is None or known.revision < line.revision:
            self._held[attempt][line.id] = line

    def drop(self, attempt: AttemptId) -> None:
        """The call is over."""
        subject = self._subjects.pop(attempt, None)
        for key in subject.keys if subject else ():
            self._by_key[key].discard(attempt)
            if not self._by_key[key]:
                del self._by_key[key]
        self._held.pop(attempt, None)
