"""Recordings on record: in memory, SQLite and PostgreSQL alike; and the files beside it."""

import base64
import os
import wave
from array import array
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from dialer import settings
from dialer.adapters.encryption import Keys
from dialer.adapters.recordings import QUIET_SECONDS, Collecting, RecordingFiles
from dialer.adapters.store.recordings import SqlRecordings
from dialer.calls.recording import Moment, Recording, What
from dialer.cli import check
from dialer.kernel.clock import SystemClock
from dialer.kernel.errors import InputError
from dialer.testing.memory_recordings import MemoryRecordings
from tests.store.test_record import NOW

ONE, TWO = ("dla-" + letter * 26 for letter in "12")
SECOND = timedelta(seconds=1)


@pytest.fixture
def record(store):
    return MemoryRecordings() if store.engine is None else SqlRecordings(store.engine)


def recording(attempt=ONE, at=NOW, known=True):
    return Recording(attempt, at, at + 60 * SECOND, 960_044, "ab" * 32, known)


async def test_a_recording_is_kept_once_with_its_start_and_stop(record):
    await record.keep(recording())
    await record.keep(recording(at=NOW + SECOND))
    await record.keep(recording(TWO, NOW - SECOND, known=False))
    assert await record.recordings() == [recording(TWO, NOW - SECOND, known=False), recording()]
    assert await record.unknown([ONE, TWO, "dla-3"]) == {"dla-3"}
    assert await record.moments(ONE) == [
        Moment(ONE, NOW, What.STARTED, "dialplan"),
        Moment(ONE, NOW + 60 * SECOND, What.STOPPED, "dialplan"),
    ]


async def test_what_happened_stands_in_its_order_and_apart_for_each(record):
    paused, resumed = Moment(ONE, NOW + SECOND, What.PAUSED, "anna"), Moment(ONE, NOW + SECOND, What.RESUMED, "anna")
    other = Moment(TWO, NOW, What.FETCHED, "vera")
    await record.add(paused, resumed, other)
    await record.keep(recording())
    assert [moment.what for moment in await record.moments(ONE)] == ["started", "paused", "resumed", "stopped"]
    assert await record.moments(TWO) == [other]


class NoCalls:
    async def find(self, attempts):
        return []


class Folder:
    """A folder of recordings and who collects them."""

    def __init__(self, path, keys=None):
        self.path, self.live, self.record = path, set(), MemoryRecordings()
        clock = SystemClock()
        self.files = RecordingFiles(path, keys)
        self.collecting = Collecting(self.files, self.record, NoCalls(), lambda: self.live, clock, "cell1")

    def sound(self, attempt, start=0, stop=None):
        with self.files.opened(attempt) as (sound, _):
            return b"".join(sound.read(start, sound.size_bytes if stop is None else stop))

    def write(self, attempt, seconds=2.0, age_seconds=QUIET_SECONDS + 1):
        file = self.path / f"{attempt}.wav"
        file.write_bytes(bytes(44) + b"\x01\x02" * int(8000 * seconds))
        stopped = file.stat().st_mtime - age_seconds
        os.utime(file, (stopped, stopped))
        return file


KEYS = Keys(base64.b64encode(bytes(32)).decode(), "keys")


@pytest.fixture(params=[None, KEYS], ids=["plain", "encrypted"])
def folder(tmp_path, request):
    return Folder(tmp_path, request.param)


async def test_a_file_is_collected_when_its_call_is_over_and_nobody_writes_to_it(folder):
    folder.write(ONE)
    folder.write(TWO, age_seconds=0)
    folder.live = {ONE}
    await folder.collecting.look()
    assert await folder.record.recordings() == []
    folder.live = set()
    await folder.collecting.look()
    (one,) = await folder.record.recordings()
    assert (one.attempt, one.size_bytes, one.known) == (ONE, 32_044, False)
    assert one.stopped_at - one.started_at == 2 * SECOND
    assert folder.files.measure(ONE).sha256 == one.sha256
    assert folder.files.quiet() == []


async def test_what_is_kept_sounds_as_it_was_and_is_where_asterisk_does_not_write(folder):
    file = folder.write(ONE, seconds=10)
    written, stopped = file.read_bytes(), file.stat().st_mtime
    await folder.collecting.look()
    assert not file.exists()
    (kept,) = (path for path in folder.path.rglob("*") if path.is_file())
    assert kept == folder.files.find(ONE)
    assert (kept.parent.parent.name, kept.parent.parent.stat().st_mode & 0o077) == ("kept", 0)
    assert (written[1000:1100] in kept.read_bytes()) is (folder.files._keys is None)
    assert folder.sound(ONE) == written
    assert folder.sound(ONE, 44, 144) == written[44:144]
    assert folder.sound(ONE, 70_000, 70_001) == written[70_000:70_001]
    assert kept.stat().st_mtime == stopped
    assert folder.files.delete(ONE)
    assert not folder.files.delete(ONE)


def sides(folder, left, right, age_seconds=QUIET_SECONDS + 1):
    """The two files of a recording in stereo: so many seconds of the samples 1 and 2."""
    paths = []
    for name, sample, seconds in (("left", 1, left), ("right", 2, right)):
        file = folder.write(f"{ONE}_{name}", age_seconds=age_seconds)
        file.write_bytes(bytes(44) + array("h", [sample]).tobytes() * int(8000 * seconds))
        os.utime(file, (file.stat().st_mtime - age_seconds,) * 2)
        paths.append(file)
    return paths


async def test_the_two_sides_of_a_call_become_one_file_as_long_as_the_longer(folder):
    left, right = sides(folder, 70, 71)  # more than is read at once
    stopped = max(left.stat().st_mtime, right.stat().st_mtime)
    await folder.collecting.look()
    (one,) = await folder.record.recordings()
    assert (one.stopped_at - one.started_at, one.size_bytes) == (71 * SECOND, 44 + 71 * 32_000)
    assert folder.files.find(ONE).stat().st_mtime == pytest.approx(stopped, abs=0.001)
    with wave.open(BytesIO(folder.sound(ONE))) as sound:
        assert (sound.getnchannels(), sound.getnframes(), sound.getframerate()) == (2, 71 * 8000, 8000)
        samples = array("h", sound.readframes(71 * 8000))
    assert samples[0::2] == array("h", [1] * 70 * 8000 + [0] * 8000)
    assert samples[1::2] == array("h", [2] * 71 * 8000)
    assert not (left.exists() or right.exists())


async def test_sides_are_joined_when_nobody_writes_to_either_and_cut_off_again(folder, monkeypatch):
    left, right = sides(folder, 2, 2)
    os.utime(right)
    await folder.collecting.look()
    assert await folder.record.recordings() == []
    os.utime(right, (left.stat().st_mtime,) * 2)
    unlink = Path.unlink

    def cut_off(path, **how):
        if path == right:
            raise OSError(5, "Input/output error")
        unlink(path, **how)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", cut_off)
        await folder.collecting.look()
    assert (left.exists(), right.exists()) == (False, True)
    await folder.collecting.look()
    (one,) = await folder.record.recordings()
    assert not right.exists()
    with wave.open(BytesIO(folder.sound(ONE))) as sound:
        assert array("h", sound.readframes(1)).tolist() == [1, 2]
    sides(folder, 2, 2)
    assert folder.files.delete(ONE)
    assert [path for path in folder.path.rglob("*") if path.is_file()] == []
    assert one.size_bytes == 44 + 64_000


async def test_a_crash_between_the_record_and_the_keeping_is_made_good(folder, monkeypatch):
    file, other = folder.write(ONE), folder.write(TWO)
    keep = folder.files.keep

    def full(attempt):
        if attempt == ONE:
            raise OSError(28, "No space left on device")
        keep(attempt)

    with monkeypatch.context() as patched:
        patched.setattr(folder.files, "keep", full)
        await folder.collecting.look()
    assert not other.exists()  # one file that can't be kept holds up no other
    one, two = await folder.record.recordings()
    assert file.exists()
    assert folder.files.measure(ONE).sha256 == one.sha256
    await folder.collecting.look()
    assert (file.exists(), folder.files.measure(ONE).sha256) == (False, one.sha256)
    assert await folder.record.recordings() == [one, two]


async def test_an_encrypted_recording_needs_its_key(tmp_path):
    folder = Folder(tmp_path, KEYS)
    folder.write(ONE)
    await folder.collecting.look()
    with pytest.raises(InputError, match="encrypted"):
        RecordingFiles(tmp_path).measure(ONE)
    assert RecordingFiles(tmp_path).delete(ONE)  # what must go needs none
    with pytest.raises(FileNotFoundError):
        folder.files.measure(ONE)


async def test_what_was_held_to_the_end_or_never_bridged_is_deleted(folder):
    held, told, empty = folder.write(ONE), folder.write(TWO), folder.write("dla-" + "3" * 26, seconds=0)
    await folder.record.add(*(Moment(attempt, NOW, What.HELD, "engine") for attempt in (ONE, TWO)))
    await folder.record.add(Moment(TWO, NOW + SECOND, What.TOLD, "anna"))
    await folder.collecting.look()
    assert [held.exists(), empty.exists()] == [False, False]
    assert [folder.files.find(path.stem) is None for path in (held, told, empty)] == [True, False, True]
    assert {moment.what for moment in await folder.record.moments(ONE)} == {What.HELD, What.DISCARDED}
    assert [one.attempt for one in await folder.record.recordings()] == [TWO]


async def test_what_cannot_be_deleted_is_said_to_be_discarded_once_and_goes_when_it_can(folder, monkeypatch):
    held = folder.write(ONE)
    await folder.record.add(Moment(ONE, NOW, What.HELD, "engine"))

    def not_ours(_):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(folder.files, "delete", not_ours)
        for _ in range(3):
            await folder.collecting.look()
    assert held.exists()
    await folder.collecting.look()
    assert not held.exists()
    assert [moment.what for moment in await folder.record.moments(ONE)].count(What.DISCARDED) == 1


def test_check_tells_of_a_folder_that_is_not_ours_to_write_with_the_line_that_makes_it(tmp_path, monkeypatch):
    config = tmp_path / "dialer.toml"
    config.write_text('[recordings]\nfolder = "monitor"\n')

    def checked():
        (finding,) = [one for one in check._local(settings.load(config)) if one.what == "recordings"]
        return finding

    folder = tmp_path / "monitor"
    assert checked().well  # Asterisk makes it
    folder.mkdir()
    assert checked().well
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == folder and mode & os.W_OK))
    finding = checked()
    assert not finding.well
    assert f"install -d -m 2770 -o asterisk -g asterisk {folder}" in finding.remedy


@pytest.mark.parametrize("name", ["../etc/passwd", "dla-1", "dls-" + "1" * 26, ""])
def test_only_an_attempts_id_names_a_file(folder, name):
    with pytest.raises(InputError):
        folder.files.find(name)


def test_the_room_is_that_of_the_disk_also_before_the_folder_is_there(folder):
    there = folder.files.free_bytes()
    missing = RecordingFiles(folder.path / "monitor/dialer").free_bytes()
    assert there > 0
    assert abs(missing - there) < there / 2
    file = folder.path / "file"
    file.touch()
    assert RecordingFiles(file / "x").free_bytes() == 0  # no folder can be there: in doubt no room
