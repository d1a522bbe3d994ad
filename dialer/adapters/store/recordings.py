"""Recordings on record: the complete files, and what happened to each."""

from collections.abc import Iterable

from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.schema import recording_moments, recordings
from dialer.calls.recording import BY_DIALPLAN, Moment, Recording, What
from dialer.kernel.ids import AttemptId

CHUNK = 500
_KEEP = upsert(recordings).on_conflict_do_nothing().returning(recordings.c.attempt_id)
_MOMENT = insert(recording_moments)


class SqlRecordings:
    """Implements `dialer.calls.recording.RecordingRecord`. Raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, *moments: Moment) -> None:
        with telling_away():
            async with self._engine.begin() as connection:
                for moment in moments:
                    await connection.execute(_MOMENT, _values(moment))

    async def keep(self, recording: Recording) -> None:
        values = {
            "attempt_id": recording.attempt,
            "started_at": recording.started_at,
            "stopped_at": recording.stopped_at,
            "size_bytes": recording.size_bytes,
            "sha256": recording.sha256,
            "known": recording.known,
        }
        with telling_away():
            async with self._engine.begin() as connection:
                if (await connection.execute(_KEEP, values)).first() is None:
                    return
                for at, what in ((recording.started_at, What.STARTED), (recording.stopped_at, What.STOPPED)):
                    await connection.execute(_MOMENT, _values(Moment(recording.attempt, at, what, BY_DIALPLAN)))

    async def moments(self, attempt: AttemptId) -> list[Moment]:
        wanted = select(recording_moments).where(recording_moments.c.attempt_id == attempt)
        async with reading(self._engine) as connection:
            rows = await connection.execute(wanted.order_by(recording_moments.c.at, recording_moments.c.id))
            return [Moment(AttemptId(row.attempt_id), row.at, What(row.what), row.by) for row in rows]

    async def unknown(self, attempts: Iterable[AttemptId]) -> set[AttemptId]:
        asked = list(attempts)
        found = set(asked)
        async with reading(self._engine) as connection:
            for start in range(0, len(asked), CHUNK):
                there = recordings.c.attempt_id.in_(asked[start : start + CHUNK])
                rows = await connection.execute(select(recordings.c.attempt_id).where(there))
                found.difference_update(AttemptId(row.attempt_id) for row in rows)
        return found

    async def recordings(self) -> list[Recording]:
        async with reading(self._engine) as connection:
            rows = await connection.execute(
                select(recordings).order_by(recordings.c.started_at, recordings.c.attempt_id)
            )
            return [
                Recording(
                    AttemptId(row.attempt_id), row.started_at, row.stopped_at, row.size_bytes, row.sha256, row.known
                )
                for row in rows
            ]


def _values(moment: Moment) -> dict[str, object]:
    return {"attempt_id": moment.attempt, "at": moment.at, "what": moment.what.value, "by": moment.by}
