"""Changes of single keys of `dialer.toml`: comments, order and all the rest stay as they are."""

import copy
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dialer.kernel.errors import InputError

Key = tuple[str, ...]


def edited(text: str, changes: Mapping[Key, Any]) -> str:
    """The text with these values, None: without the key. Raises InputError where a key's section isn't there."""
    document = tomlkit.parse(text)
    wanted = copy.deepcopy(tomllib.loads(text))
    for key, value in changes.items():
        for sections in (document, wanted):
            _change(sections, key, value)
    try:
        new = tomlkit.dumps(document)
        same = tomllib.loads(new) == wanted
    except (TOMLKitError, tomllib.TOMLDecodeError):
        same = False
    if not same:  # a form of the file that the library doesn't edit well: nobody's file is spoilt
        raise InputError("the file can't be edited as it is written", "change it by hand, then dialer reload")
    return new


def write(path: Path, text: str, *, instead_of: str) -> None:
    """Replace the file's text, at once and as a whole. Raises InputError where it says something else by now, or can't be."""
    target = path.resolve()  # a link stays one
    new = target.with_name(f".{target.name}.new")
    try:
        if target.read_text(encoding="utf-8") != instead_of:
            raise InputError(f"{path} was changed meanwhile", "look at it, and say it again")
        mode = target.stat()
        with new.open("w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode.st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise InputError(f"{path}: can't be written: {error.strerror}", "run it as a user who may write it") from None


def _change(sections: Any, key: Key, value: Any) -> None:
    *where, name = key
    for part in where:
        if not isinstance(sections, dict) or part not in sections:
            raise InputError(f"{'.'.join(key)}: there is no section {part!r} in the file", "name one that is there")
        sections = sections[part]
    if not isinstance(sections, dict):
        raise InputError(f"{'.'.join(key)}: no key of a section", "name a key, as trunk.channels")
    if value is None:
        sections.pop(name, None)
    else:
        sections[name] = value
