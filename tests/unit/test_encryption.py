"""Files under a key: what goes in comes out, in any stretch, and nothing else does."""

import base64
import io
import os

import pytest

from dialer.adapters.encryption import HEADER_BYTES, PART_BYTES, TAG_BYTES, DamagedError, Decrypting, Keys, encrypt
from dialer.kernel.errors import InputError

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
KEYS = Keys(NEW, "keys")
SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES, 3 * PART_BYTES + 5]


def encrypted(plain, keys=KEYS, name="one"):
    target = io.BytesIO()
    encrypt(io.BytesIO(plain), target, keys, name)
    return target.getvalue()


def decrypted(sealed, keys=KEYS, name="one", start=0, stop=None):
    file = Decrypting(io.BytesIO(sealed), keys, name)
    return b"".join(file.read(start, file.size_bytes if stop is None else stop))


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out_and_its_size_is_known(size):
    plain = os.urandom(size)
    sealed = encrypted(plain)
    assert Decrypting(io.BytesIO(sealed), KEYS, "one").size_bytes == size
    assert decrypted(sealed) == plain
    assert plain[:16] not in sealed or size < 4


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (PART_BYTES - 1, PART_BYTES + 1), (5, 3 * PART_BYTES), (2 * PART_BYTES, 2 * PART_BYTES + 9), (7, 7)],
)
def test_any_stretch_can_be_read(start, stop):
    plain = os.urandom(3 * PART_BYTES + 100)
    assert decrypted(encrypted(plain), start=start, stop=stop) == plain[start:stop]


def test_two_files_with_the_same_content_differ():
    assert encrypted(b"sound")[HEADER_BYTES:] != encrypted(b"sound")[HEADER_BYTES:]


@pytest.mark.parametrize("place", [0, 9, 20, HEADER_BYTES, HEADER_BYTES + PART_BYTES + 3, -1])
def test_one_changed_bit_is_noticed(place):
    sealed = bytearray(encrypted(os.urandom(2 * PART_BYTES + 5)))
    sealed[place] ^= 1
    with pytest.raises((DamagedError, InputError)):
        decrypted(bytes(sealed))


def test_parts_cannot_be_cut_off_swapped_or_given_another_name():
    sealed, part = encrypted(os.urandom(3 * PART_BYTES)), PART_BYTES + TAG_BYTES
    first, second = sealed[HEADER_BYTES:][:part], sealed[HEADER_BYTES + part :][:part]
    for wrong in (
        sealed[:-part],
        sealed[:-1],
        sealed[:HEADER_BYTES] + second + first + sealed[HEADER_BYTES + 2 * part :],
    ):
        with pytest.raises(DamagedError):
            decrypted(wrong)
    with pytest.raises(DamagedError):
        decrypted(sealed, name="two")
    for short in (b"", sealed[: HEADER_BYTES - 1], b"RIFF" + bytes(100)):
        with pytest.raises(DamagedError):
            decrypted(short)


def test_what_was_cut_off_is_noticed_before_its_first_bytes_are_read():
    sealed = encrypted(os.urandom(3 * PART_BYTES))
    for cut in (1, PART_BYTES + TAG_BYTES):
        with pytest.raises(DamagedError):
            Decrypting(io.BytesIO(sealed[:-cut]), KEYS, "one")


def test_a_new_first_key_encrypts_and_the_old_one_still_reads():
    old, both = encrypted(b"before", Keys(OLD, "keys")), Keys(f"{NEW}\n{OLD}\n", "keys")
    assert decrypted(old, both) == b"before"
    assert decrypted(encrypted(b"after", both), KEYS) == b"after"
    with pytest.raises(InputError, match="isn't among those"):
        decrypted(old)


@pytest.mark.parametrize("text", ["", "\n", "not base64!", base64.b64encode(bytes(31)).decode(), f"{NEW}\n{NEW[:-4]}"])
def test_what_is_no_key_is_refused_and_not_quoted(text):
    with pytest.raises(InputError) as refused:
        Keys(text, "recordings.key_file x")
    assert "recordings.key_file x" in str(refused.value)
    assert not text.strip() or text.split()[-1] not in str(refused.value)
