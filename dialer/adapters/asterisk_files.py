"""What a PBX that is already there includes: our files, with the names of a configuration, and never over somebody's own."""

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dialer.kernel.errors import InputError, InUseError, RefusedError

PACKAGE = Path(__file__).parents[1]
# beside the package in a wheel, beside the packages in a checkout
CONF = next(path for path in (PACKAGE / "asterisk-conf", PACKAGE.parent / "asterisk-conf") if path.is_dir())
_MARK = "; written by dialer asterisk-conf, which replaces it as long as nobody changes it: "
_SCRIPT_MARK = _MARK.replace(";", "#", 1)
_SECRET = re.compile(r"[A-Za-z0-9_+/=.-]{12,}")
_OWN_TRANSPORT = "dialer-udp"
_LOOPBACK = "permit = 127.0.0.1/255.255.255.255"


class Kind(StrEnum):
    """Whose files include ours."""

    ASTERISK = "asterisk"
    FREEPBX = "freepbx"
    """It writes its own anew at every reload; those ending in _custom.conf are the house's."""


@dataclass(frozen=True, slots=True)
class Joining:
    """What is joined. transport: of the PBX's own, for SIP over UDP; None: it has none, and gets ours. carriers: the
    endpoints of trunks for which a template is written. permit: from which addresses the daemon logs in.
    """

    username: str
    secret: str
    transport: str | None
    carriers: Sequence[str]
    permit: Sequence[str]


@dataclass(frozen=True, slots=True)
class Include:
    """A line that somebody adds to a file of the PBX's own."""

    into: str
    line: str


_INCLUDES = {
    Kind.ASTERISK: ("extensions.conf", "manager.conf", "pjsip.conf", "musiconhold.conf"),
    Kind.FREEPBX: (
        "extensions_custom.conf", "manager_custom.conf", "pjsip.endpoint_custom.conf", "musiconhold_custom.conf",
    ),
}  # fmt: skip
_OURS = ("extensions_dialer.conf", "manager_dialer.conf", "pjsip_dialer.conf", "musiconhold_dialer.conf")

_SITE = frozenset({"pjsip_trunk.conf", "pjsip_transport.conf"})
"""Written once: what a site says in them is its own."""


def includes(kind: Kind) -> list[Include]:
    """What the PBX has to include, and in which of its own files."""
    return [Include(into, f'#include "{ours}"') for into, ours in zip(_INCLUDES[kind], _OURS, strict=True)]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the files. kept: the site's own, or as they should be already."""

    new: list[Path]
    replaced: list[Path]
    kept: list[Path]


def write(folder: Path, joining: Joining) -> Written:
    """Write all of them, or nothing where one would replace what isn't ours.

    Raises InputError for what Asterisk's files can't say, InUseError for somebody's own file, RefusedError.
    """
    wanted = {**_texts(joining), **_sounds()}
    written = Written([], [], [])
    try:
        for name, content in wanted.items():
            path = folder / name
            if not path.exists():
                written.new.append(path)
            elif name in _SITE or path.suffix in (".gsm", ".alaw") or path.read_bytes() == content:
                written.kept.append(path)
            elif _is_as_we_wrote_it(path):
                written.replaced.append(path)
            else:
                raise InUseError(f"{path}: not written by this command, or changed since", "move it away, or merge it")
        for path in (*written.new, *written.replaced):
            _put(path, wanted[str(path.relative_to(folder))], folder)
    except OSError as error:
        raise RefusedError(
            f"{error.filename or folder}: {error.strerror}", "run it as root, or name a folder of your own"
        ) from None
    return written


def _texts(joining: Joining) -> dict[str, bytes]:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", joining.username):
        raise InputError(f"pbx.username {joining.username!r} can't be a section's name", "use letters, digits, - and _")
    if not _SECRET.fullmatch(joining.secret):
        raise InputError(
            "pbx.secret is too short, or holds a sign that Asterisk's files give a meaning",
            "use 12 signs or more: letters, digits, _ + / = . -",
        )
    if joining.transport is not None and not re.fullmatch(r"[A-Za-z0-9_.-]+", joining.transport):
        raise InputError(
            f"--transport {joining.transport!r}: no section's name", "asterisk -rx 'pjsip show transports'"
        )
    for address in joining.permit:
        if not re.fullmatch(r"[0-9A-Fa-f.:]+(/[0-9.]+)?", address):
            raise InputError(f"--permit {address!r}: no address", "write it as 192.0.2.7, or 192.0.2.0/24")
    shipped = {name: (CONF / "pbx" / name).read_text() for name in _OURS}
    manager = shipped["manager_dialer.conf"]
    shipped["manager_dialer.conf"] = manager.replace("\n[dialer]\n", f"\n[{joining.username}]\n").replace(
        _LOOPBACK, "\n".join(f"permit = {address}" for address in joining.permit)
    )
    pjsip = shipped["pjsip_dialer.conf"]
    if joining.transport is None:
        for name in ("pjsip_global.conf", "pjsip_transport.conf"):
            shipped[name] = (CONF / "pbx" / name).read_text()
    else:
        for name in ("pjsip_global.conf", "pjsip_transport.conf"):
            pjsip = pjsip.replace(f'#tryinclude "{name}"\n', "")
        shipped["pjsip_dialer.conf"] = pjsip.replace(
            f"transport = {_OWN_TRANSPORT}\n", f"transport = {joining.transport}\n"
        )
    if joining.carriers:
        example = (CONF / "pbx/pjsip_trunk.conf").read_text()
        head, _, sections = example.partition("[trunk]")
        carriers = "\n".join(re.sub(r"\btrunk\b(?!\))", name, f"[trunk]{sections}") for name in joining.carriers)
        shipped["pjsip_trunk.conf"] = head + carriers
    shipped["manager_dialer_secret.conf"] = (
        f"; the one secret of the engine's AMI user; readable by Asterisk alone\nsecret = {joining.secret}\n"
    )
    texts = {name: text.encode() if name in _SITE else _marked(text, _MARK) for name, text in shipped.items()}
    script = (CONF / "agi/dialer-opt-out").read_text()
    first, _, rest = script.partition("\n")
    texts["agi-bin/dialer-opt-out"] = f"{first}\n".encode() + _marked(rest, _SCRIPT_MARK)
    return texts


def _sounds() -> dict[str, bytes]:
    folder = CONF / "sounds"
    return {
        f"sounds/{path.relative_to(folder)}": path.read_bytes()
        for path in sorted((folder / "dialer").rglob("*"))
        if path.is_file()
    }


def _marked(text: str, mark: str) -> bytes:
    return f"{mark}{_digest(text)}\n{text}".encode()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_as_we_wrote_it(path: Path) -> bool:
    text = path.read_text(errors="replace")
    if text.startswith("#!"):
        text = text.partition("\n")[2]
    first, _, rest = text.partition("\n")
    return any(first == f"{mark}{_digest(rest)}" for mark in (_MARK, _SCRIPT_MARK))


def _put(path: Path, content: bytes, folder: Path) -> None:
    """At once and whole, the folder's owner's, and nobody else's to read where it holds a secret."""
    mode = {"manager_dialer_secret.conf": 0o640, "dialer-opt-out": 0o755}.get(path.name, 0o644)
    owner = folder.stat()
    for parent in reversed(path.relative_to(folder).parents[:-1]):
        (folder / parent).mkdir(exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
