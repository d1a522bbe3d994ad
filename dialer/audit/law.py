"""The packs as the auditor reads them: the file itself, by its own minimal reading of the keys that it recounts."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from dialer.kernel import toml
from dialer.kernel.errors import InputError

SHIPPED = resources.files("dialer.compliance") / "packs"
_ABOUT = {"kind", "id", "source", "confidence", "note"}
_CHOOSING = {"event", "key", "direction", "channels", "workplace_only"}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# a key that isn't here may change what a rule means: such a rule isn't judged, and that is told
_KEYS: Mapping[str, set[str]] = {
    "flag": {"flags"},
    "require": {"fact", "must", "days", "when"},
    "hours": {*WEEKDAYS, "closing_margin_seconds", "workplace_only"},
    "holiday": {"calendars", "subdivisions", "by_parts"},
    "inconvenient": set(),
    "concurrency": {"key"},
    "cool_off": {*_CHOOSING, "local_days", "hours"},
    "count": {*_CHOOSING, "window", "max"},
    "max_total": {"max"},
    "min_gap": {*_CHOOSING, "minutes"},
    "lockout": {*_CHOOSING, "hours", "wall_clock_days"},
    "mode": {"allowed", "after"},
    "ring_min": {"seconds"},
    "ring_max": {"seconds"},
    "answer_to_agent_max": {"seconds", "clock"},
    "abandon_treatment": {"treatment", "comfort_noise", "language"},
    "abandon_cap": {"counts", "of", "window", "cap", "comparison", "target"},
    "agreement": {"exempts"},
    "consent": {"exempts", "local_days"},
    "min_cadence": {"event", "days"},
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one pack. unread: what of it the auditor doesn't understand."""

    pack: str
    id: str
    kind: str
    values: Mapping[str, Any]
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Law:
    """One pack in one version; `label` is how a decision names it."""

    name: str
    label: str
    retention_days: int
    rules: tuple[Rule, ...]

    def of_kind(self, kind: str) -> list[Rule]:
        return [rule for rule in self.rules if rule.kind == kind]


@dataclass(slots=True)
class Library:
    """The packs by name, as they stand; and by label, also earlier versions that somebody kept."""

    by_name: dict[str, Law] = field(default_factory=dict)
    by_label: dict[str, Law] = field(default_factory=dict)

    @classmethod
    def read(cls, own: Path | None = None, earlier: Path | None = None) -> "Library":
        """The shipped packs, an agency's own, and earlier versions in any folder below `earlier`. Raises InputError."""
        library = cls()
        shipped = [file for file in SHIPPED.iterdir() if file.name.endswith(".toml")]
        for file in (*shipped, *(sorted(own.glob("*.toml")) if own else ())):
            law = read(file)
            library.by_name[law.name] = library.by_label[law.label] = law
        if earlier is not None:
            if not earlier.is_dir():
                raise InputError(f"{earlier}: no such folder", "name the folder that keeps earlier packs")
            for path in sorted(earlier.rglob("*.toml")):
                law = read(path)
                library.by_label.setdefault(law.label, law)
        return library

    def of(self, name: str, label: str | None) -> Law | None:
        """The pack in the version that a decision names; without a decision the present one."""
        return self.by_name.get(name) if label is None else self.by_label.get(label)


def read(file: Traversable | Path) -> Law:
    """Read one file. Raises InputError."""
    shown = str(file) if isinstance(file, Path) else f"packs/{file.name}"
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{shown}: can't be read: {error}", "check the file's rights and its encoding") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown}:{toml.line_of_syntax(error)}: not TOML: {error}", "correct this line") from None
    try:
        name, version = str(values["name"]), str(values["version"])
        rules = tuple(_rule(name, item) for item in values["rule"])
        retention = int(values["retention_days"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{shown}: not a pack: {error}", "dialer packs check tells each error with its line") from None
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Law(name, f"{name} {version} {digest[:12]}", retention, rules)


def _rule(pack: str, values: Mapping[str, Any]) -> Rule:
    kind = str(values["kind"])
    known = _KEYS.get(kind)
    unread = f"the kind {kind}" if known is None else ", ".join(sorted(set(values) - _ABOUT - known))
    return Rule(pack, str(values["id"]), kind, values, unread)


def names_of(laws: Iterable[Law]) -> str:
    return ", ".join(law.name for law in laws)
