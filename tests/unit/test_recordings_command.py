"""`dialer recordings` where a file can't be read, or isn't what was written."""

import base64
import os
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from dialer.adapters.encryption import PART_BYTES, DamagedError, Keys
from dialer.adapters.recordings import RecordingFiles
from dialer.calls.recording import Recording
from dialer.cli import app
from dialer.kernel.errors import InputError

CALL = "dla-" + "1" * 26
KEY = base64.b64encode(bytes(32)).decode()
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
DELETED = Recording(CALL, NOW, NOW, 44, "ab" * 32, deleted_at=NOW, cell="cell1")


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Runs a command on a folder of its own, where the record says that the call's file was deleted."""
    (tmp_path / "dialer.toml").write_text(f'[recordings]\nfolder = "monitor"\nkey = "{KEY}"\n')
    (tmp_path / "monitor").mkdir()
    monkeypatch.setattr("dialer.cli.recordings.with_record", lambda *_: [DELETED])
    return lambda *words: CliRunner().invoke(app, ["recordings", *map(str, words), "-c", str(tmp_path / "dialer.toml")])


@pytest.mark.parametrize("words", [("verify",), ("fetch", CALL, "-o", "copy.wav")])
def test_a_folder_that_may_not_be_read_is_told_by_its_name(ask, monkeypatch, words):
    def not_ours(*_):
        raise PermissionError(13, "Permission denied", "/spool/kept")

    monkeypatch.setattr(RecordingFiles, "find", not_ours)
    said = ask(*words)
    assert isinstance(said.exception, InputError)
    assert str(said.exception) == "/spool/kept: Permission denied"


def test_of_a_damaged_recording_no_copy_is_left(ask, tmp_path):
    files, copy = RecordingFiles(tmp_path / "monitor", Keys(KEY, "key")), tmp_path / "copy.wav"
    (tmp_path / "monitor" / f"{CALL}.wav").write_bytes(os.urandom(3 * PART_BYTES))
    files.keep(CALL)
    assert ask("fetch", CALL, "-o", copy).exit_code == 0
    assert copy.stat().st_size == 3 * PART_BYTES
    path = files.find(CALL)
    sealed = bytearray(path.read_bytes())
    sealed[PART_BYTES + PART_BYTES // 2] ^= 1  # in the second part
    path.write_bytes(sealed)
    assert isinstance(ask("fetch", CALL, "-o", copy).exception, DamagedError)
    assert not copy.exists()
