"""Who was called when, and who is being called: kept in the process, loaded from the record at the start."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from dialer.compliance.clearance import Reservation
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber

WINDOW = timedelta(days=2)
"""How far back the rules look: past attempts beyond it are forgotten here (the record keeps them)."""


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt as the ledger counts it. `ended_at` is None while it is in flight."""

    id: AttemptId
    debtor_id: int
    number: PhoneNumber
    cleared_at: datetime
    ended_at: datetime | None = None

    @property
    def counts_at(self) -> datetime:
        return self.ended_at or self.cleared_at


class Ledger:
    """Reservations and past attempts by debtor and by number.

    One process, one thread: what happens between two awaits is atomic, so a check and the reservation that
    follows it can't be split by another one.
    """

    def __init__(self) -> None:
        self._in_flight: dict[AttemptId, PastAttempt] = {}
        self._by_debtor: dict[int, list[tuple[datetime, AttemptId]]] = defaultdict(list)
        self._by_number: dict[PhoneNumber, list[tuple[datetime, AttemptId]]] = defaultdict(list)
        self._debtors_in_flight: dict[int, AttemptId] = {}
        self._numbers_in_flight: dict[PhoneNumber, AttemptId] = {}
        self._do_not_call: set[PhoneNumber] = set()

    def load(self, past: Iterable[PastAttempt], do_not_call: Iterable[PhoneNumber]) -> None:
        """Take over what the record knows of the last `WINDOW`, and the do-not-call list."""
        for attempt in past:
            self._add(attempt)
        self._do_not_call.update(do_not_call)

    def reserve(self, reservation: Reservation) -> None:
        """Count the attempt as made, before anything is sent."""
        intent = reservation.intent
        self._add(PastAttempt(reservation.attempt, intent.debtor_id, intent.number, reservation.cleared_at))

    def settle(self, attempt: AttemptId, ended_at: datetime, *, counts: bool) -> None:
        """The attempt is over; `counts` is False only on evidence that it never reached the debtor."""
        past = self._in_flight.pop(attempt, None)
        if past is None:
            return
        self._remove(past)
        if counts:
            self._add(PastAttempt(past.id, past.debtor_id, past.number, past.cleared_at, ended_at))

    def forbid(self, number: PhoneNumber) -> None:
        """Put a number on the do-not-call list from now on."""
        self._do_not_call.add(number)

    def forget_before(self, instant: datetime) -> None:
        """Drop past attempts that no rule looks at any more."""
        _forget(self._by_debtor, instant)
        _forget(self._by_number, instant)

    def debtor_attempts(self, debtor_id: int, *, ignoring: AttemptId | None = None) -> tuple[datetime, ...]:
        return tuple(at for at, attempt in self._by_debtor.get(debtor_id, ()) if attempt != ignoring)

    def number_attempts(self, number: PhoneNumber, *, ignoring: AttemptId | None = None) -> tuple[datetime, ...]:
        return tuple(at for at, attempt in self._by_number.get(number, ()) if attempt != ignoring)

    def debtor_in_flight(self, debtor_id: int, *, ignoring: AttemptId | None = None) -> bool:
        return self._debtors_in_flight.get(debtor_id, ignoring) != ignoring

    def number_in_flight(self, number: PhoneNumber, *, ignoring: AttemptId | None = None) -> bool:
        return self._numbers_in_flight.get(number, ignoring) != ignoring

    def do_not_call(self, number: PhoneNumber) -> bool:
        return number in self._do_not_call

    def _add(self, past: PastAttempt) -> None:
        entry = (past.counts_at, past.id)
        insort(self._by_debtor[past.debtor_id], entry)
        insort(self._by_number[past.number], entry)
        if past.ended_at is None:
            self._in_flight[past.id] = past
            self._debtors_in_flight[past.debtor_id] = past.id
            self._numbers_in_flight[past.number] = past.id

    def _remove(self, past: PastAttempt) -> None:
        entry = (past.counts_at, past.id)
        self._by_debtor[past.debtor_id].remove(entry)
        self._by_number[past.number].remove(entry)
        self._debtors_in_flight.pop(past.debtor_id, None)
        self._numbers_in_flight.pop(past.number, None)


_Key = TypeVar("_Key")


def _forget(index: dict[_Key, list[tuple[datetime, AttemptId]]], instant: datetime) -> None:
    for key in [key for key, entries in index.items() if entries and entries[0][0] < instant]:
        del index[key][: bisect_left(index[key], (instant, ""))]
        if not index[key]:
            del index[key]
