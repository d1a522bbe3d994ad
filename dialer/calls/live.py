"""The attempts that are under way."""

from collections.abc import Iterator

from dialer.calls.attempt import Attempt, State
from dialer.kernel.ids import AttemptId


class LiveAttempts:
    """Attempts by id, and the answered ones that wait for an agent, in the order of their answers."""

    def __init__(self) -> None:
        self._attempts: dict[AttemptId, Attempt] = {}
        self._waiting: dict[AttemptId, Attempt] = {}

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self._attempts.values())

    def __len__(self) -> int:
        return len(self._attempts)

    def get(self, attempt: AttemptId) -> Attempt | None:
        return self._attempts.get(attempt)

    def case_of(self, attempt: AttemptId) -> int | None:
        """The case of a call under way."""
        found = self._attempts.get(attempt)
        return found.intent.case_id if found else None

    def add(self, attempt: Attempt) -> None:
        self._attempts[attempt.id] = attempt

    def drop(self, attempt: Attempt) -> None:
        """It is over."""
        self._attempts.pop(attempt.id, None)
        self._waiting.pop(attempt.id, None)

    def wait(self, attempt: Attempt) -> None:
        """Nobody was free for it."""
        self._waiting[attempt.id] = attempt

    def take_waiting(self) -> list[Attempt]:
        """Those who wait, the longest first; who still finds nobody is put back by `wait`."""
        waiting, self._waiting = self._waiting, {}
        return [attempt for attempt in waiting.values() if attempt.state is State.WAITING]

    def of_campaign(self, campaign: str) -> Iterator[Attempt]:
        return (attempt for attempt in self._attempts.values() if attempt.campaign == campaign)
