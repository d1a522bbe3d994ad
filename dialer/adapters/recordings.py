"""Files that the dialplan recorded: found when they are complete, measured, checksummed and put on record."""

import asyncio
import hashlib
import shutil
import time
from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from dialer.calls.attempt import Attempt
from dialer.calls.recording import BY_ENGINE, Moment, Recording, RecordingRecord, What, is_held
from dialer.kernel import ids
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, InputError
from dialer.kernel.ids import ATTEMPT_PREFIX, AttemptId

LOOK_SECONDS = 2.0
QUIET_SECONDS = 5.0
"""A file that grows is written to more often: Asterisk's buffer holds two seconds."""
HEADER_BYTES = 44
BYTES_PER_SECOND = 16_000
"""MixMonitor's wav: 8,000 samples of 16 bits, one channel."""
CHUNK_BYTES = 1 << 20

log = structlog.get_logger(__name__)


class Attempts(Protocol):
    """What of the record of calls is asked."""

    async def find(self, ids: list[AttemptId]) -> list[Attempt]: ...


@dataclass(frozen=True, slots=True)
class Measured:
    """One file as it lies there. stopped: its last write, by the machine's clock, in seconds since the epoch."""

    size_bytes: int
    stopped: float
    sha256: str

    @property
    def seconds(self) -> float:
        """How long it sounds. By the size: a file that a crash cut off has a header that says nothing."""
        return max(0, self.size_bytes - HEADER_BYTES) / BYTES_PER_SECOND


class RecordingFiles:
    """The folder of the recordings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, attempt: AttemptId) -> Path:
        """Where the recording of an attempt lies, or would. Raises InputError for what is no attempt's id."""
        if not ids.is_well_formed(attempt) or not attempt.startswith(ATTEMPT_PREFIX):
            raise InputError("no attempt has this id", "dialer recordings list has the ids")
        return self._folder / f"{attempt}.wav"

    def free_bytes(self) -> int:
        """The room that is left on its disk; none where it can't be told."""
        for folder in (self._folder, *self._folder.parents):  # Asterisk makes the folder with the first recording
            try:
                return shutil.disk_usage(folder).free
            except FileNotFoundError:
                continue
            except OSError:
                break
        return 0

    def quiet(self) -> list[AttemptId]:
        """The attempts whose files nobody wrote to for a while. Raises OSError."""
        before = time.time() - QUIET_SECONDS
        return [
            AttemptId(path.stem)
            for path in sorted(self._folder.glob(f"{ATTEMPT_PREFIX}*.wav"))
            if ids.is_well_formed(path.stem) and path.stat().st_mtime <= before
        ]

    def measure(self, attempt: AttemptId) -> Measured:
        """Read a file whole. Raises OSError."""
        path, digest = self.path(attempt), hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
        stat = path.stat()
        return Measured(stat.st_size, stat.st_mtime, digest.hexdigest())

    def delete(self, attempt: AttemptId) -> bool:
        """Delete a file, and say whether there was one. Raises OSError."""
        try:
            self.path(attempt).unlink()
        except FileNotFoundError:
            return False
        return True


class Collecting:
    """Puts complete recordings on record, also those that were made while no engine was there."""

    def __init__(
        self,
        files: RecordingFiles,
        record: RecordingRecord,
        attempts: Attempts,
        live: Callable[[], Container[AttemptId]],
        clock: Clock,
        cell: str,
    ) -> None:
        self._files = files
        self._record = record
        self._attempts = attempts
        self._live = live
        self._clock = clock
        self._cell = cell

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except (AwayError, OSError) as error:
                log.warning("recordings.not_collected", error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Collect what is complete now. Raises AwayError, OSError."""
        quiet = await asyncio.to_thread(self._files.quiet)
        live = self._live()
        for attempt in sorted(await self._record.unknown(one for one in quiet if one not in live)):
            await self._collect(attempt)

    async def _collect(self, attempt: AttemptId) -> None:
        measured = await asyncio.to_thread(self._files.measure, attempt)
        if measured.size_bytes <= HEADER_BYTES:  # nobody was bridged
            await asyncio.to_thread(self._files.delete, attempt)
            return
        if is_held(await self._record.moments(attempt)):
            # on record first: a file that is there without a word is looked at again, one that is gone isn't
            await self._record.add(Moment(attempt, self._clock.now(), What.DISCARDED, BY_ENGINE))
            await asyncio.to_thread(self._files.delete, attempt)
            return
        known = bool(await self._attempts.find([attempt]))
        if not known:
            log.error("recording.unknown_call", attempt=attempt)
        await self._record.keep(
            Recording(
                attempt,
                self._clock.at(measured.stopped - measured.seconds),
                self._clock.at(measured.stopped),
                measured.size_bytes,
                measured.sha256,
                known,
                self._cell,
            )
        )
