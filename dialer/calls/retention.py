"""How long recordings are kept, and which of them go.

A pack says how long at most, or at least; a mandate how long within that. What a flag holds, as a dispute does, stays until
the flag is lifted. Where something isn't known (the call, a pack) nothing is deleted by itself, and that is told.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dialer.calls.recording import Recording, RecordingError
from dialer.compliance.pack import Pack
from dialer.kernel.ids import AttemptId

PAGE = 500
BY_RETENTION = "retention"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording that is there, with what its time depends on.

    packs: those that judged the call. holds: the flags about the debtor, or about the number called, that hold it now.
    """

    recording: Recording
    packs: tuple[str, ...] = ()
    creditor: str = ""
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Retention:
    """What decides how long. pack_of: the pack of a name, where it is on the shelf. mandate_days: the mandates' wishes, by
    creditor. hold_flags: while one of them stands, nothing about its debtor or number is deleted.
    """

    pack_of: Callable[[str], Pack | None]
    mandate_days: Mapping[str, int]
    hold_flags: Collection[str]


@dataclass(frozen=True, slots=True)
class Line:
    """One recording that a run spoke of, and why."""

    attempt: AttemptId
    sha256: str
    why: str


@dataclass(slots=True)
class Pruned:
    """What a run did, or would do. kept: how many aren't due. stuck: due, and their files couldn't be deleted."""

    deleted: list[Line] = field(default_factory=list)
    held: list[Line] = field(default_factory=list)
    unclear: list[Line] = field(default_factory=list)
    stuck: list[Line] = field(default_factory=list)
    kept: int = 0


class RetentionRecord(Protocol):
    """Where recordings are on record. Every method raises AwayError."""

    async def kept(
        self, cell: str, flags: Collection[str], now: datetime, after: str = "", *, most: int = PAGE
    ) -> list[Kept]:
        """Recordings of this cell that are there, by their ids, from the one after `after` on."""

    async def find_kept(self, attempt: AttemptId, flags: Collection[str], now: datetime) -> Kept | None:
        """One of them, of any cell."""

    async def put_deleted(self, attempt: AttemptId, at: datetime, by: str, why: str) -> None:
        """Put on record that it is no more: its row stays, with its checksum. Once, however often it is told."""


def kept_days(packs: Iterable[Pack], wish: int | None = None) -> tuple[int, str] | None:
    """How many days after its call a recording is kept, and who says so; None: nobody does.

    wish: the mandate's. A pack's least is a duty: it holds against every wish, and against another pack's most.
    """
    packs = list(packs)
    most = min(
        ((pack.recordings_most_days, pack.name) for pack in packs if pack.recordings_most_days is not None),
        default=None,
    )
    least = max(((pack.recordings_least_days, pack.name) for pack in packs if pack.recordings_least_days), default=None)
    days = (wish, "the mandate") if wish is not None else most or least
    if days is None:
        return None
    if most is not None and most[0] < days[0]:
        days = most
    return least if least is not None and least[0] > days[0] else days


class Pruning:
    """Deletes recordings whose time is over: the file first, then a tombstone on record. A run that is cut off between the
    two is made good by the next.

    delete: deletes the file of an attempt and says whether there was one; raises OSError.
    """

    def __init__(
        self,
        record: RetentionRecord,
        delete: Callable[[AttemptId], bool],
        cell: str,
        retention: Retention,
    ) -> None:
        self._record = record
        self._delete = delete
        self._cell = cell
        self.retention = retention

    async def run(self, now: datetime, by: str = BY_RETENTION, *, dry_run: bool = False) -> Pruned:
        """Delete what is due, or only say what would be. Raises AwayError."""
        done, after = Pruned(), ""
        while page := await self._record.kept(self._cell, self.retention.hold_flags, now, after):
            for kept in page:
                await self._judge(kept, now, by, done, dry_run=dry_run)
            after = page[-1].recording.attempt
        return done

    async def delete(self, attempt: AttemptId, now: datetime, by: str, why: str) -> None:
        """Delete one before its time, as its debtor may ask. Raises RecordingError where it must be kept, OSError,
        AwayError.
        """
        kept = await self._record.find_kept(attempt, self.retention.hold_flags, now)
        if kept is None:
            raise RecordingError("there is no recording of this call", "dialer recordings list has them")
        if kept.recording.cell != self._cell:
            raise RecordingError(f"its file is at {kept.recording.cell}", "run it there")
        if kept.holds:
            raise RecordingError(f"{', '.join(kept.holds)} holds it", "lift the flag first, where it is over")
        unclear = self._unclear(kept)
        if unclear and kept.packs:
            raise RecordingError(unclear, "put it on the shelf: it may demand the recording")
        least = kept_days(self._known(kept), 0)
        if least is not None and _days_old(kept.recording, now) < least[0]:
            raise RecordingError(f"{least[1]} demands it for {least[0]} days", "keep it")
        await self._remove(kept.recording, now, by, why)

    async def _judge(self, kept: Kept, now: datetime, by: str, done: Pruned, *, dry_run: bool) -> None:
        recording = kept.recording
        unclear = self._unclear(kept)
        days = kept_days(self._known(kept), self.retention.mandate_days.get(kept.creditor))
        if unclear:
            done.unclear.append(Line(recording.attempt, recording.sha256, unclear))
            return
        if days is None or _days_old(recording, now) < days[0]:
            done.kept += 1
            return
        line = Line(recording.attempt, recording.sha256, f"{days[1]} keeps it {days[0]} days")
        if kept.holds:
            done.held.append(Line(recording.attempt, recording.sha256, f"{', '.join(kept.holds)} holds it"))
            return
        try:
            if not dry_run:
                await self._remove(recording, now, by, line.why)
        except OSError as error:
            log.warning("recording.not_deleted", attempt=recording.attempt, error=error.strerror)
            done.stuck.append(Line(recording.attempt, recording.sha256, error.strerror or "its file can't be deleted"))
            return
        done.deleted.append(line)

    async def _remove(self, recording: Recording, now: datetime, by: str, why: str) -> None:
        there = await asyncio.to_thread(self._delete, recording.attempt)
        await self._record.put_deleted(recording.attempt, now, by, why if there else f"{why}; its file was gone before")

    def _known(self, kept: Kept) -> Sequence[Pack]:
        return [pack for name in kept.packs if (pack := self.retention.pack_of(name)) is not None]

    def _unclear(self, kept: Kept) -> str:
        """Why nobody can say how long it is kept."""
        if not kept.recording.known or not kept.packs:
            return "its call is unknown"
        missing = [name for name in kept.packs if self.retention.pack_of(name) is None]
        return f"the pack {missing[0]} isn't here" if missing else ""


def _days_old(recording: Recording, now: datetime) -> float:
    return (now - recording.stopped_at) / timedelta(days=1)
