"""Abandoned calls, counted: what of a call every pack's definition of the ratio is made from."""

from dataclasses import dataclass
from datetime import datetime

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.compliance.entry import EVENTS

SILENT = frozenset({Result.ABANDONED, Result.WITHHELD})
"""For the person the same: nobody spoke."""
MACHINES = EVENTS["machine"]
"""No person answered, as the agent says."""


@dataclass(frozen=True, slots=True)
class Counts:
    """answered: by a person, as far as anybody said. live: of those, put through to an agent. connected: put through,
    whatever answered. unknown: nobody knows how they ended.
    """

    answered: int = 0
    live: int = 0
    connected: int = 0
    abandoned: int = 0
    unknown: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.answered + other.answered,
            self.live + other.live,
            self.connected + other.connected,
            self.abandoned + other.abandoned,
            self.unknown + other.unknown,
        )

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(
            self.answered - other.answered,
            self.live - other.live,
            self.connected - other.connected,
            self.abandoned - other.abandoned,
            self.unknown - other.unknown,
        )

    def ratio_of(self, measure: str) -> tuple[int, int]:
        """Abandoned calls, and what they are divided by, as `of` in a pack says.

        A call whose end nobody knows counts as an abandoned one: in doubt for the debtor.
        """
        match measure:
            case "answered":
                of = self.answered + self.unknown
            case "abandoned_and_live":
                of = self.abandoned + self.live + self.unknown
            case "connected":
                of = self.connected
            case _:
                raise ValueError(measure)
        return self.abandoned + self.unknown, of


NONE = Counts()


@dataclass(frozen=True, slots=True)
class Portion:
    """Calls of one campaign under the same packs, to debtors in one zone, cleared within a quarter of an hour.

    A quarter, because the day begins at one in every zone. zone: empty = not known.
    """

    campaign: str
    packs: tuple[str, ...]
    zone: str
    begun: datetime
    counts: Counts


def counts_of(attempt: Attempt) -> Counts:
    """What one call is, as it stands."""
    person = attempt.counts_as not in MACHINES
    answered, bridged = attempt.answered_at is not None, attempt.bridged_at is not None
    if not answered and attempt.result is None:
        return NONE
    silent = attempt.result in SILENT or (attempt.abandoned_at is not None and not bridged)
    return Counts(
        answered=int(answered and person),
        live=int(bridged and person),
        connected=int(bridged),
        abandoned=int(silent),
        unknown=int(attempt.result is Result.UNKNOWN and not answered),
    )
