"""Changes of single keys of `dialer.toml`: comments, order and all the rest stay as they are."""

import copy
import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from dialer.kernel.errors import InputError

Key = tuple[str, ...]
SECRETS: tuple[Key, ...] = (
    ("pbx", "secret"),
    ("api", "token"),
    ("store", "password"),
    ("ledger", "password"),
    ("recordings", "key"),
)


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


def without_secrets(text: str) -> str:
    """The text with every secret that stands in it blank. Raises InputError."""
    values = tomllib.loads(text)
    blank: dict[Key, Any] = {key: "" for key in SECRETS if key[1] in values.get(key[0], {})}
    scheme, _, rest = str(values.get("ledger", {}).get("url", "")).partition("://")
    signed, at, server = rest.rpartition("@")
    if at:
        blank["ledger", "url"] = f"{scheme}://{signed.partition(':')[0]}@{server}"
    return edited(text, blank)


def write(path: Path, text: str, *, instead_of: str) -> None:
    """Replace the file's text, at once and as a whole. Raises InputError where it says something else by now, or can't be."""
    target = path.resolve()  # a link stays one
    new = None
    try:
        if target.read_text(encoding="utf-8") != instead_of:
            raise InputError(f"{path} was changed meanwhile", "look at it, and say it again")
        was = target.stat()
        handle, new = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 -- a handle
            _give(file.fileno(), was)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(new).replace(target)
        new = None
        _sync(target.parent)
    except OSError as error:
        raise InputError(f"{path}: can't be written: {error.strerror}", "run it as a user who may write it") from None
    finally:
        if new is not None:
            Path(new).unlink(missing_ok=True)


def _give(handle: int, was: os.stat_result) -> None:
    """The draft's owner, group and mode are the file's: who reads the one reads the other. Raises OSError where it isn't allowed."""
    draft = os.fstat(handle)
    if (draft.st_uid, draft.st_gid) != (was.st_uid, was.st_gid):
        os.fchown(handle, was.st_uid, was.st_gid)
    os.fchmod(handle, was.st_mode & 0o7777)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
