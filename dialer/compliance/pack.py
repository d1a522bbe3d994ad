"""A pack: one jurisdiction's rules, as a TOML file."""

import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from dialer.compliance import rules
from dialer.compliance.rules import AbandonCap, AbandonTreatment, AnswerToAgentMax, AnyRule, MinCadence
from dialer.compliance.rules.base import Rule
from dialer.compliance.strict import STRICT
from dialer.kernel import toml
from dialer.kernel.errors import InputError

SHIPPED = resources.files("dialer.compliance") / "packs"
_T = TypeVar("_T")
_WAIVED = (rules.Count, rules.CoolOff, rules.MinGap)
_BINDING = (AnswerToAgentMax, AbandonTreatment, AbandonCap, MinCadence, rules.Agreed, rules.Consented)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One jurisdiction's rules.

    overlay: it only adds to another pack; a campaign that names it names a full one too.
    applies_to: countries and their parts (`IT`, `US-MA`) to whose debtors it applies by itself.
    retention_days: how long decisions and calls are kept at least.
    digest: of the file's text, so that the record says exactly which law was applied.
    """

    __pydantic_config__ = STRICT
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,30}$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,30}$")]
    title: Annotated[str, Field(min_length=3)]
    reviewed_by: str
    sources: Annotated[tuple[Annotated[str, Field(min_length=3)], ...], Field(min_length=1)]
    overlay: bool = False
    applies_to: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,4}){0,2}$")], ...] = ()
    retention_days: Annotated[int, Field(ge=30, le=7_305)]
    rule: Annotated[tuple[Annotated[AnyRule, Field(discriminator="kind")], ...], Field(min_length=1)]
    digest: str = field(init=False, default="")
    checks: tuple[Rule, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        ids = [rule.id for rule in self.rule]
        doubled = next((id_ for id_ in ids if ids.count(id_) > 1), None)
        if doubled:
            msg = f"two rules have the id {doubled!r}: each reason has its own rule"
            raise ValueError(msg)
        for rule in self.rule:
            unknown = set(getattr(rule, "exempts", ())).difference(ids)
            if unknown:
                msg = f"rule {rule.id!r} exempts {min(unknown)!r}, which is no rule of this pack"
                raise ValueError(msg)
            fixed = set(getattr(rule, "exempts", ())) - {other.id for other in self.rule if isinstance(other, _WAIVED)}
            if fixed:
                msg = (
                    f"rule {rule.id!r} exempts {min(fixed)!r}, which nobody can waive: only count, cool_off and min_gap"
                )
                raise ValueError(msg)
        if not self.overlay:
            for kind in (rules.Hours, rules.Concurrency, AnswerToAgentMax, AbandonTreatment):
                if not any(isinstance(rule, kind) for rule in self.rule):
                    msg = f"no rule of the kind {_kind(kind)!r}: add one, or set overlay = true"
                    raise ValueError(msg)
        object.__setattr__(self, "checks", tuple(rule for rule in self.rule if not isinstance(rule, _BINDING)))

    @property
    def label(self) -> str:
        """Name, version and the first characters of the file's digest."""
        return f"{self.name} {self.version} {self.digest[:12]}"

    def of_kind(self, kind: type[_T]) -> list[_T]:
        """Its rules of one kind."""
        return [rule for rule in self.rule if isinstance(rule, kind)]


_ADAPTER = TypeAdapter(Pack)


class Shelf:
    """The packs that ship, and those in an agency's own folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._files: dict[str, Traversable | Path] = {
            file.name.removesuffix(".toml"): file for file in SHIPPED.iterdir() if file.name.endswith(".toml")
        }
        if folder is None:
            return
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder", "create it, or correct [compliance] pack_folder")
        for file in sorted(folder.glob("*.toml")):
            if file.stem in self._files:
                raise InputError(
                    f"{file}: a pack of the name {file.stem!r} ships", "give your own pack another name, and name both"
                )
            self._files[file.stem] = file

    @property
    def names(self) -> list[str]:
        return sorted(self._files)

    def load(self, name: str) -> Pack:
        """One pack by its name. Raises InputError."""
        file = self._files.get(name)
        if file is None:
            raise InputError(f"no pack is named {name!r}", f"name one of {', '.join(self.names)}")
        return read(file, name)

    def load_for(self, names: Iterable[str]) -> list[Pack]:
        """The packs of one campaign: at least one of them is complete. Raises InputError."""
        packs = [self.load(name) for name in names]
        if all(pack.overlay for pack in packs):
            raise InputError(
                f"{', '.join(pack.name for pack in packs)}: only adds to another pack",
                "name the country's pack beside it",
            )
        return packs


def read(file: Traversable | Path, name: str) -> Pack:
    """Read one file. Raises InputError with each error as `file:line: key: what`."""
    shown = str(file) if isinstance(file, Path) else f"packs/{file.name}"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{shown}: can't be read: {error}", "check the file's rights and its encoding (UTF-8)"
        ) from None
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = toml.line_of_syntax(error)
        raise InputError(f"{shown}:{line}: not TOML: {error}", "correct this line") from None
    try:
        pack = _ADAPTER.validate_python(values)
    except ValidationError as error:
        lines = [_explain(shown, text, values, dict(item)) for item in error.errors(include_url=False)]
        raise InputError(
            "\n".join(lines), "correct these lines; docs/reference/packs.md has every kind of rule with its keys"
        ) from None
    if pack.name != name:
        raise InputError(
            f"{shown}:{toml.line_of(text, ['name'])}: name: is {pack.name!r}, the file's name is {name!r}",
            "give the pack the name of its file",
        )
    object.__setattr__(pack, "digest", hashlib.sha256(text.encode()).hexdigest())
    return pack


def _explain(file: str, text: str, values: dict[str, Any], error: dict[str, Any]) -> str:
    loc = list(error["loc"])
    if len(loc) > 2 and loc[0] == "rule" and loc[2] == values["rule"][loc[1]].get("kind"):
        del loc[2]
    return toml.explain(file, text, error | {"loc": tuple(loc)}, lambda where: _suggestion(values, where))


def _suggestion(values: dict[str, Any], where: toml.Where) -> str:
    known: Iterable[str] = (name for name in Pack.__dataclass_fields__ if name not in ("digest", "checks"))
    if len(where) > 1 and where[0] == "rule":
        kind = values["rule"][where[1]].get("kind")
        model = next((kind_ for kind_ in AnyRule.__args__ if _kind(kind_) == kind), None)
        known = model.__dataclass_fields__ if model else ()
    return f"; known here: {', '.join(known)}" if known else ""


def _kind(model: type) -> str:
    literal = model.__annotations__["kind"]
    return str(getattr(literal, "__args__", [literal])[0])
