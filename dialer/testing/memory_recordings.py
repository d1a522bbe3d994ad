"""Recordings on record, in memory: the same port as on SQL, by the same contract (tests/store/test_recordings.py)."""

from collections.abc import Iterable

from dialer.calls.recording import BY_DIALPLAN, Moment, Recording, What
from dialer.kernel.ids import AttemptId


class MemoryRecordings:
    """Implements `dialer.calls.recording.RecordingRecord`."""

    def __init__(self) -> None:
        self._kept: dict[AttemptId, Recording] = {}
        self._moments: list[Moment] = []

    async def add(self, *moments: Moment) -> None:
        self._moments.extend(moments)

    async def keep(self, recording: Recording) -> None:
        if recording.attempt in self._kept:
            return
        self._kept[recording.attempt] = recording
        await self.add(
            Moment(recording.attempt, recording.started_at, What.STARTED, BY_DIALPLAN),
            Moment(recording.attempt, recording.stopped_at, What.STOPPED, BY_DIALPLAN),
        )

    async def moments(self, attempt: AttemptId) -> list[Moment]:
        return sorted((moment for moment in self._moments if moment.attempt == attempt), key=lambda moment: moment.at)

    async def unknown(self, attempts: Iterable[AttemptId]) -> set[AttemptId]:
        return set(attempts) - set(self._kept)

    async def recordings(self) -> list[Recording]:
        return sorted(self._kept.values(), key=lambda one: (one.started_at, one.attempt))
