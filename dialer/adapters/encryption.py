"""Files under a key: AES-256-GCM in parts, so that any stretch of one can be read without the rest.

A file begins with MAGIC, the key's id and a salt; the file's own key is derived from key and salt (HKDF, RFC 5869). Then
come parts of 64 KiB, each with its tag. A part's nonce is its number and whether it is the last one (STREAM, as age uses it:
https://age-encryption.org/v1), so none can be cut off, moved or repeated; and each is bound to the file's name.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dialer.kernel.errors import DialerError, InputError

MAGIC = b"CADENZA1"
KEY_BYTES, KEY_ID_BYTES, SALT_BYTES, TAG_BYTES = 32, 8, 16, 16
PART_BYTES = 1 << 16
HEADER_BYTES = len(MAGIC) + KEY_ID_BYTES + SALT_BYTES
REMEDY = "write 32 bytes in base64 on each line, as openssl rand -base64 32 does; the first key encrypts, all decrypt"


class DamagedError(DialerError):
    """What was read isn't what was written under this name and this key."""


class Keys:
    """The first encrypts, each decrypts what was encrypted with it. Raises InputError, which never quotes a key."""

    def __init__(self, text: str, where: str) -> None:
        keys: list[bytes] = []
        for number, line in enumerate(text.split(), start=1):
            try:
                key = base64.b64decode(line, validate=True)
            except (binascii.Error, ValueError):
                raise InputError(f"{where}: key {number} isn't base64", REMEDY) from None
            if len(key) != KEY_BYTES:
                raise InputError(f"{where}: key {number} has {len(key)} bytes, not {KEY_BYTES}", REMEDY)
            keys.append(key)
        if not keys:
            raise InputError(f"{where}: no key", REMEDY)
        self.first = keys[0]
        self._by_id = {_id_of(key): key for key in reversed(keys)}

    def find(self, id_: bytes) -> bytes:
        """The key with this id. Raises InputError."""
        if id_ not in self._by_id:
            raise InputError(f"the key {id_.hex()} isn't among those configured", "add it below the present one")
        return self._by_id[id_]


def encrypt(source: BinaryIO, target: BinaryIO, keys: Keys, name: str) -> None:
    """Write what `source` holds from here on. Raises OSError."""
    salt = os.urandom(SALT_BYTES)
    target.write(MAGIC + _id_of(keys.first) + salt)
    cipher, number, part = _cipher(keys.first, salt), 0, source.read(PART_BYTES)
    while True:
        following = source.read(PART_BYTES)
        target.write(cipher.encrypt(_nonce(number, last=not following), part, name.encode()))
        if not following:
            return
        number, part = number + 1, following


class Decrypting:
    """An encrypted file, of which nothing was cut off. Raises DamagedError, InputError, OSError."""

    def __init__(self, file: BinaryIO, keys: Keys, name: str) -> None:
        header = file.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
            raise DamagedError(f"{name}: no encrypted file of ours", "restore it from a backup")
        salt = header[-SALT_BYTES:]
        self._cipher = _cipher(keys.find(header[len(MAGIC) : -SALT_BYTES]), salt)
        self._file, self._name = file, name
        body_bytes = file.seek(0, os.SEEK_END) - HEADER_BYTES
        self._parts = max(1, -(-body_bytes // (PART_BYTES + TAG_BYTES)))
        self.size_bytes = max(0, body_bytes - self._parts * TAG_BYTES)
        self._part(self._parts - 1)  # only the last one says that nothing was cut off

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """What stands in the bytes [start, stop), in pieces."""
        for number in range(start // PART_BYTES, min(self._parts, -(-stop // PART_BYTES))):
            offset = number * PART_BYTES
            yield self._part(number)[max(0, start - offset) : stop - offset]

    def _part(self, number: int) -> bytes:
        self._file.seek(HEADER_BYTES + number * (PART_BYTES + TAG_BYTES))
        sealed = self._file.read(PART_BYTES + TAG_BYTES)
        try:
            return self._cipher.decrypt(_nonce(number, last=number == self._parts - 1), sealed, self._name.encode())
        except InvalidTag:
            raise DamagedError(f"{self._name}: changed since it was encrypted", "restore it from a backup") from None


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"id of " + key).digest()[:KEY_ID_BYTES]


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, MAGIC).derive(key))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes((last,))
