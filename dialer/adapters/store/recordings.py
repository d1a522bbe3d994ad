"""Recordings on record: the complete files, and what happened to each."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import change_of_row
from dialer.adapters.store.schema import (
    attempts,
    cases,
    flag_changes,
    inbound_calls,
    recording_moments,
    recordings,
)
from dialer.calls.recording import BY_DIALPLAN, Moment, Recording, What
from dialer.calls.retention import PAGE, Kept
from dialer.cases.flag import FlagChange, standing
from dialer.kernel.ids import AttemptId

CHUNK = 500
_KEEP = upsert(recordings).on_conflict_do_nothing().returning(recordings.c.attempt_id)
_MOMENT = insert(recording_moments)
_KEPT = (
    select(
        recordings,
        func.coalesce(attempts.c.packs, inbound_calls.c.packs).label("packs"),
        func.coalesce(attempts.c.debtor_id, cases.c.debtor_id).label("debtor_id"),
        func.coalesce(attempts.c.number, inbound_calls.c.number).label("number"),
        cases.c.creditor,
    )
    .outerjoin(attempts, attempts.c.id == recordings.c.attempt_id)
    .outerjoin(inbound_calls, inbound_calls.c.id == recordings.c.attempt_id)
    .outerjoin(cases, cases.c.id == func.coalesce(attempts.c.case_id, inbound_calls.c.case_id))
    .where(recordings.c.deleted_at.is_(None))
    .order_by(recordings.c.attempt_id)
)


class SqlRecordings:
    """Implements `dialer.calls.recording.RecordingRecord` and `dialer.calls.retention.RetentionRecord`. Raises AwayError."""

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
            "cell": recording.cell,
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
            return [Moment(AttemptId(row.attempt_id), row.at, What(row.what), row.by, row.why) for row in rows]

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
            return [_recording(row) for row in rows]

    async def kept(
        self, cell: str, flags: Collection[str], now: datetime, after: str = "", *, most: int = PAGE
    ) -> list[Kept]:
        mine = _KEPT.where(recordings.c.cell == cell, recordings.c.attempt_id > after)
        return await self._found(mine.limit(most), flags, now)

    async def find_kept(self, attempt: AttemptId, flags: Collection[str], now: datetime) -> Kept | None:
        found = await self._found(_KEPT.where(recordings.c.attempt_id == attempt), flags, now)
        return found[0] if found else None

    async def put_deleted(self, attempt: AttemptId, at: datetime, by: str, why: str) -> None:
        there = recordings.c.attempt_id == attempt, recordings.c.deleted_at.is_(None)
        with telling_away():
            async with self._engine.begin() as connection:
                if (await connection.execute(update(recordings).where(*there).values(deleted_at=at))).rowcount:
                    await connection.execute(_MOMENT, _values(Moment(attempt, at, What.DELETED, by, why)))

    async def _found(self, chosen: Any, flags: Collection[str], now: datetime) -> list[Kept]:
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
            words = (await connection.execute(flag_words(rows, flags))).all() if flags else []
        held = holds_of(words, now)
        return [
            Kept(
                _recording(row),
                tuple(name for name in (row.packs or "").split(",") if name),
                row.creditor or "",
                tuple(sorted(held[row.debtor_id] | held[row.number])),
            )
            for row in rows
        ]


def flag_words(rows: Sequence[Row[Any]], flags: Collection[str]) -> Any:
    """Every word about flags of these names, about the debtors of some calls, or about nobody's numbers that were called."""
    debtor_ids = {row.debtor_id for row in rows if row.debtor_id is not None}
    called = {row.number for row in rows if row.number}
    nobodys: ColumnElement[bool] = and_(flag_changes.c.debtor_id.is_(None), flag_changes.c.number.in_(called))
    about = or_(flag_changes.c.debtor_id.in_(debtor_ids), nobodys)
    return select(flag_changes).where(flag_changes.c.name.in_(flags), about)


def holds_of(words: Iterable[Row[Any]], now: datetime) -> defaultdict[int | str | None, set[str]]:
    """The flags that stand, by the debtor or the number that they are about."""
    whose: dict[int | str | None, list[FlagChange]] = defaultdict(list)
    for row in words:
        whose[row.number if row.debtor_id is None else row.debtor_id].append(change_of_row(row))
    found: defaultdict[int | str | None, set[str]] = defaultdict(set)
    for key, changes in whose.items():
        found[key] = {flag.name for flag in standing(changes, now)}
    return found


def _recording(row: Row[Any]) -> Recording:
    return Recording(
        AttemptId(row.attempt_id),
        row.started_at,
        row.stopped_at,
        row.size_bytes,
        row.sha256,
        row.known,
        row.cell,
        row.deleted_at,
    )


def _values(moment: Moment) -> dict[str, object]:
    return {
        "attempt_id": moment.attempt,
        "at": moment.at,
        "what": moment.what.value,
        "by": moment.by,
        "why": moment.why,
    }
