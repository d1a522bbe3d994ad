"""Errors in TOML files, told with their line: `file:line: key: what`."""

import re
from collections.abc import Callable, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from dialer.kernel.errors import InputError

Where = Sequence[str | int]


def explain(
    file: str, text: str, error: dict[str, Any], suggest: Callable[[Where], str], *, secret: bool = False
) -> str:
    """One error of pydantic as a line. `suggest` adds to an unknown key; a `secret` value isn't shown."""
    where = [part for part in error["loc"] if part != "[key]"]
    key = ".".join(str(part) for part in where)
    what = {"extra_forbidden": "unknown key" + suggest(where), "missing": "missing"}.get(
        error["type"], error["msg"].removeprefix("Value error, ")
    )
    hidden = error["type"] in ("missing", "extra_forbidden") or not where or secret
    value = "" if hidden or isinstance(error["input"], dict | list) else f" (is {str(error['input'])[:60]!r})"
    return f"{file}:{line_of(text, where)}: {key + ': ' if key else ''}{what}{value}"


def text_of(file: Traversable | Path, shown: str, remedy: str) -> str:
    """The text of a file as TOML counts its lines. Raises InputError; `remedy`: what to do about an empty one."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{shown}: no such file", "correct its name where it is named") from None
    except OSError as error:
        raise InputError(f"{shown}: can't be read: {error.strerror}", "check the file's rights") from None
    try:
        # a byte-order mark and the line ends of Windows are no part of it
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{shown}:{line}: not UTF-8", "save the file in UTF-8") from None
    if not text.strip():
        raise InputError(f"{shown}:1: the file is empty", remedy)
    return text


def line_of(text: str, where: Where) -> int:
    """The line on which a key stands, or the nearest above it that does: TOML keeps no positions."""
    for depth in range(len(where), 0, -1):
        table: tuple[Any, ...] = ()
        counts: dict[tuple[Any, ...], int] = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if array := re.match(r"\s*\[\[\s*(.+?)\s*\]\]", line):
                name = _path(array[1])
                counts[name] = counts.get(name, -1) + 1
                table = (*name, counts[name])
            elif header := re.match(r"\s*\[\s*([^\[].*?)\s*\]\s*(#.*)?$", line):
                table = _path(header[1])
            elif key := re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line):
                if (*table, *_path(key[1])) == tuple(where[:depth]):
                    return number
                continue
            else:
                continue
            if table == tuple(where[:depth]):
                return number
    return 1


def line_of_syntax(error: Exception) -> int:
    """The line that a TOML syntax error names."""
    found = re.search(r"at line (\d+)", str(error))
    return int(found[1]) if found else 1


def _path(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
