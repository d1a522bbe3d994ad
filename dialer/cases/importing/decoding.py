"""The text of a file from an office: byte-order mark, else strict UTF-8, else Windows-1252.

Guessing libraries call short Italian files cp1250 and spoil them; this ladder doesn't. The file is read twice, piece by
piece: whether it is UTF-8 throughout is known at its end.
"""

import codecs
import io
from typing import BinaryIO, TextIO

from dialer.kernel.errors import InputError

_PIECE_BYTES = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
AGAIN = "export it again as CSV UTF-8"


def decoded(file: BinaryIO) -> tuple[TextIO, str]:
    """The file's text from its begin, and the encoding's name. Raises InputError."""
    start = file.read(4)
    encoding = next((name for mark, name in _MARKS if start.startswith(mark)), "")
    if encoding:
        if not _is(file, encoding):
            raise InputError(f"the file claims to be {encoding} and isn't", AGAIN)
    else:
        encoding = next((name for name in ("utf-8", "cp1252") if _is(file, name)), "")
        if not encoding:
            raise InputError("neither UTF-8 nor Windows-1252", AGAIN)
    file.seek(0)
    return io.TextIOWrapper(file, encoding, newline=""), encoding


def _is(file: BinaryIO, encoding: str) -> bool:
    """Whether every byte can be read so. Raises InputError for what is text in no encoding."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while piece := file.read(_PIECE_BYTES):
            if "\0" in decoder.decode(piece):
                raise InputError("the file holds NUL characters: a spreadsheet or a binary file?", AGAIN)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True
