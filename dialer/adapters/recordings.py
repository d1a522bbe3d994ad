"""Files that the dialplan recorded: found when they are complete, measured, checksummed and put on record."""

import asyncio
import errno
import hashlib
import os
import shutil
import time
import wave
from array import array
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

import structlog

from dialer.adapters.encryption import Decrypting, Keys, encrypt
from dialer.calls.attempt import Attempt
from dialer.calls.recording import BY_ENGINE, Moment, Recording, RecordingRecord, Sound, What, is_held
from dialer.kernel import ids
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, InputError
from dialer.kernel.ids import AttemptId

LOOK_SECONDS = 2.0
QUIET_SECONDS = 5.0
"""A file that grows is written to more often: Asterisk's buffer holds two seconds."""
HEADER_BYTES = 44
CHANNELS_AT = 22
"""Where a WAV file's head says how many there are."""
SAMPLES_PER_SECOND, SAMPLE_BYTES = 8_000, 2
SIDES = "left", "right"
"""What the dialplan writes of a recording in stereo: the debtor, and our side."""
CHUNK_BYTES = 1 << 20
ENCRYPTED = ".enc"
PREFIX_LETTERS, SHARD_LETTERS = 4, 5
"""Of an id; its next letters are its time: 2**25 ms, and of a call that came in 10**8 ms."""

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
    channels: int = 1

    @property
    def seconds(self) -> float:
        """How long it sounds. By the size: a file that a crash cut off has a header that says nothing."""
        return max(0, self.size_bytes - HEADER_BYTES) / (SAMPLES_PER_SECOND * SAMPLE_BYTES * self.channels)


class PlainSound:
    """A file as Asterisk wrote it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size_bytes = file.seek(0, os.SEEK_END)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """What stands in the bytes [start, stop), in pieces."""
        self._file.seek(start)
        while start < stop and (piece := self._file.read(min(CHUNK_BYTES, stop - start))):
            start += len(piece)
            yield piece


class RecordingFiles:
    """The folder of the recordings. Asterisk writes into it; what is on record lies in `kept` below, in a folder for some
    hours, encrypted where there are keys.
    """

    def __init__(self, folder: Path, keys: Keys | None = None) -> None:
        self._folder = folder
        self._keys = keys

    def find(self, attempt: AttemptId) -> Path | None:
        """Where the recording of a call lies. Raises InputError for what is no call's id."""
        return next((path for path in self._places(attempt) if path.is_file()), None)

    def check(self) -> None:
        """See that what Asterisk records can be moved and deleted. Raises InputError."""
        try:  # Asterisk makes the folder with the first recording
            ours = not self._folder.exists() or os.access(self._folder, os.W_OK | os.X_OK)
        except PermissionError:  # of a folder above
            ours = False
        if not ours:
            raise InputError(
                f"{self._folder}: the daemon's user may not write there",
                f"install -d -m 2770 -o asterisk -g asterisk {self._folder}, and the daemon's user in Asterisk's group",
            )

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
        """The calls whose files nobody wrote to for a while, and that aren't kept yet. Raises OSError."""
        before, written = time.time() - QUIET_SECONDS, dict[AttemptId, float]()
        for path in self._folder.glob("*.wav"):
            name, _, side = path.stem.partition("_")
            if ids.is_call(name) and side in ("", *SIDES):
                call = AttemptId(name)
                written[call] = max(written.get(call, 0.0), path.stat().st_mtime)
        return sorted(call for call, at in written.items() if at <= before)

    def join(self, attempt: AttemptId) -> None:
        """Make one file of a recording's two sides, where there are such. Cut off, it is done again. Raises OSError."""
        whole = self._spooled(attempt)
        sides = [self._side(attempt, side) for side in SIDES]
        there = [path for path in sides if path.is_file()]
        if there and not whole.exists():
            part = whole.with_suffix(".part")
            _interleave(sides, part)
            last = max(path.stat().st_mtime for path in there)
            os.utime(part, (last, last))
            part.rename(whole)
        for path in there:
            path.unlink()

    def measure(self, attempt: AttemptId) -> Measured:
        """Read a recording whole. Raises OSError, DamagedError, InputError."""
        digest = hashlib.sha256()
        with self.opened(attempt) as (sound, stopped):
            for piece in sound.read(0, sound.size_bytes):
                digest.update(piece)
            channels = b"".join(sound.read(CHANNELS_AT, CHANNELS_AT + 2))
            return Measured(sound.size_bytes, stopped, digest.hexdigest(), max(1, int.from_bytes(channels, "little")))

    @contextmanager
    def opened(self, attempt: AttemptId) -> Iterator[tuple[Sound, float]]:
        """A recording to read from, and the instant of its file's last write. Raises FileNotFoundError and other OSError,
        DamagedError; InputError where it is encrypted and the key isn't there.
        """
        path = self.find(attempt)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._spooled(attempt)))
        with path.open("rb") as file:
            stopped = os.fstat(file.fileno()).st_mtime
            if path.suffix != ENCRYPTED:
                yield PlainSound(file), stopped
            elif self._keys is None:
                raise InputError("the recording is encrypted", "set [recordings] key_file")
            else:
                yield Decrypting(file, self._keys, attempt), stopped

    def keep(self, attempt: AttemptId) -> None:
        """Take a recording that is on record out of the folder into which Asterisk writes, encrypted where there are keys.
        Raises OSError.
        """
        source, kept = self._spooled(attempt), self._kept(attempt)
        kept.parent.parent.mkdir(mode=0o700, exist_ok=True)
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        if self._keys is None:
            source.rename(kept)
            return
        part = kept.with_suffix(".part")
        with source.open("rb") as plain, part.open("wb") as target:
            encrypt(plain, target, self._keys, attempt)
            target.flush()
            os.fsync(target.fileno())
        shutil.copystat(source, part)
        part.rename(kept.with_suffix(f".wav{ENCRYPTED}"))
        source.unlink()

    def delete(self, attempt: AttemptId) -> bool:
        """Delete a recording, and say whether there was one. Raises OSError."""
        found = False
        for path in self._all_places(attempt):
            try:
                path.unlink()
                found = True
            except FileNotFoundError:
                continue
        return found

    def _places(self, attempt: AttemptId) -> tuple[Path, ...]:
        kept = self._kept(attempt)
        return kept.with_suffix(f".wav{ENCRYPTED}"), kept, self._spooled(attempt)

    def _all_places(self, attempt: AttemptId) -> tuple[Path, ...]:
        """Those too where a crash may have left something."""
        places = self._places(attempt)
        parts = {path.with_suffix(".part") for path in (self._kept(attempt), self._spooled(attempt))}
        return (*places, *parts, *(self._side(attempt, side) for side in SIDES))

    def _side(self, attempt: AttemptId, side: str) -> Path:
        return self._spooled(attempt).with_name(f"{attempt}_{side}.wav")

    def _spooled(self, attempt: AttemptId) -> Path:
        if not ids.is_call(attempt):
            raise InputError("no call has this id", "dialer recordings list has the ids")
        return self._folder / f"{attempt}.wav"

    def _kept(self, attempt: AttemptId) -> Path:
        name = self._spooled(attempt).name
        return self._folder / "kept" / attempt[PREFIX_LETTERS : PREFIX_LETTERS + SHARD_LETTERS] / name


def _interleave(paths: Sequence[Path], target: Path) -> None:
    """Both sides as the tracks of one file; where one is shorter, or isn't there, it is silent. Raises OSError."""
    with ExitStack() as stack:
        sides = [stack.enter_context(path.open("rb")) if path.is_file() else BytesIO() for path in paths]
        file = stack.enter_context(target.open("wb"))
        joined = stack.enter_context(wave.open(file, "wb"))
        joined.setparams((len(sides), SAMPLE_BYTES, SAMPLES_PER_SECOND, 0, "NONE", ""))
        for side in sides:  # a crash leaves a head that says nothing
            side.seek(HEADER_BYTES)
        while any(pieces := [side.read(CHUNK_BYTES) for side in sides]):
            longest = max(map(len, pieces)) // SAMPLE_BYTES * SAMPLE_BYTES
            samples = array("h", bytes(longest * len(sides)))
            for place, piece in enumerate(pieces):
                samples[place :: len(sides)] = array("h", piece[:longest].ljust(longest, b"\0"))
            joined.writeframesraw(samples)
        joined.close()
        file.flush()
        os.fsync(file.fileno())


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
        """Collect what is complete now; a file that can't be read or kept is looked at again. Raises AwayError, OSError."""
        live = self._live()
        quiet = [one for one in await asyncio.to_thread(self._files.quiet) if one not in live]
        unknown = await self._record.unknown(quiet)
        for attempt in quiet:
            try:
                # a start after a crash may find what is on record and not kept yet
                await asyncio.to_thread(self._files.join, attempt)
                if attempt not in unknown or await self._collect(attempt):
                    await asyncio.to_thread(self._files.keep, attempt)
            except OSError as error:  # the others come all the same
                log.warning("recording.not_collected", attempt=attempt, error=error.strerror)

    async def _collect(self, attempt: AttemptId) -> bool:
        """Put it on record, or delete what holds no word that may be kept; whether it is on record."""
        measured = await asyncio.to_thread(self._files.measure, attempt)
        if measured.size_bytes <= HEADER_BYTES:  # nobody was bridged
            await asyncio.to_thread(self._files.delete, attempt)
            return False
        moments = await self._record.moments(attempt)
        if is_held(moments):
            # on record first: a file that is there without a word is looked at again, one that is gone isn't
            if all(moment.what is not What.DISCARDED for moment in moments):
                await self._record.add(Moment(attempt, self._clock.now(), What.DISCARDED, BY_ENGINE))
            await asyncio.to_thread(self._files.delete, attempt)
            return False
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
        return True
