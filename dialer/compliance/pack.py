"""A pack: one jurisdiction's rules, as a TOML file."""

import hashlib
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from dialer.compliance import rules
from dialer.compliance.rules import AbandonCap, AbandonTreatment, AnswerToAgentMax, AnyRule, MinCadence
from dialer.compliance.rules.abandoned import After
from dialer.compliance.rules.base import Rule
from dialer.compliance.strict import STRICT, MisfitError
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
    retention_days: how long decisions and calls are kept at least; not less than recordings_least_days.
    recording: what it needs before a call is recorded: nothing, the debtor's notice, or the debtor's consent. Not said
    is notice.
    recordings_least_days, recordings_most_days: how long after its call a recording must be kept, and may be; a least is a
    duty, which holds against every most. Not said is neither.
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
    recording: Literal["nothing", "notice", "consent"] = "notice"
    recordings_least_days: Annotated[int, Field(ge=0, le=7_305)] = 0
    recordings_most_days: Annotated[int, Field(ge=1, le=7_305)] | None = None
    rule: Annotated[tuple[Annotated[AnyRule, Field(discriminator="kind")], ...], Field(min_length=1)]
    digest: str = field(init=False, default="")
    checks: tuple[Rule, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        ids = [rule.id for rule in self.rule]
        doubled = next((index for index, id_ in enumerate(ids) if id_ in ids[:index]), None)
        if doubled is not None:
            msg = f"two rules have the id {ids[doubled]!r}: each reason has its own rule"
            raise MisfitError(msg, "rule", doubled, "id")
        for index, rule in enumerate(self.rule):
            unknown = set(getattr(rule, "exempts", ())).difference(ids)
            if unknown:
                msg = f"{min(unknown)!r} is no rule of this pack"
                raise MisfitError(msg, "rule", index, "exempts")
            fixed = set(getattr(rule, "exempts", ())) - {other.id for other in self.rule if isinstance(other, _WAIVED)}
            if fixed:
                msg = f"nobody can waive {min(fixed)!r}: only rules of the kinds count, cool_off and min_gap"
                raise MisfitError(msg, "rule", index, "exempts")
        most = self.recordings_most_days
        if most is not None and most < self.recordings_least_days:
            msg = f"is {most}, less than recordings_least_days"
            raise MisfitError(msg, "recordings_most_days")
        if self.retention_days < self.recordings_least_days:  # at the end of a mandate the recordings go, too
            msg = f"is {self.recordings_least_days}, more than the {self.retention_days} retention_days"
            raise MisfitError(msg, "recordings_least_days")
        if not self.overlay:
            for kind in (rules.Hours, rules.Concurrency, AnswerToAgentMax, AbandonTreatment):
                if not any(isinstance(rule, kind) for rule in self.rule):
                    msg = f"no rule of the kind {_kind(kind)!r}: add one, or set overlay = true"
                    raise MisfitError(msg, "rule")
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
    text = toml.text_of(file, shown, "write a pack; docs/reference/packs.md has its keys")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = toml.line_of_syntax(error)
        raise InputError(f"{shown}:{line}: not TOML: {error}", "correct this line") from None
    try:
        pack = _ADAPTER.validate_python(values)
    except ValidationError as error:
        found = [dict(item) for item in error.errors(include_url=False)]
        lines = [_explain(shown, text, values, item) for item in found if not _follows(item, found)]
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
    kind = _kind_at(values, loc)
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        what = "missing" if kind is None else f"no such kind of rule (is {str(kind)[:60]!r})"
        msg = f"{what}; known: {', '.join(KINDS)}"
        return toml.explain(file, text, error | {"loc": (*loc, "kind"), "msg": msg, "input": {}}, lambda _: "")
    if len(loc) > 2 and kind is not None and loc[2] == kind:
        del loc[2]
    changes: dict[str, Any] = {"loc": tuple(loc)}
    if error["type"] == "unexpected_keyword_argument":
        changes["type"] = "extra_forbidden"
    if error["type"] == "tuple_type":
        changes["msg"] = "must be a list; each rule begins with [[rule]]" if loc == ["rule"] else "must be a list"
    if isinstance(misfit := error.get("ctx", {}).get("error"), MisfitError):
        changes["loc"] = (*loc, *misfit.where)
    return toml.explain(file, text, error | changes, lambda where: _suggestion(kind, where))


def _follows(error: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    """Whether a list is only called too short because something in it is wrong."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(
        other["loc"][: len(loc)] == loc and len(other["loc"]) > len(loc) for other in found
    )


def _kind_at(values: dict[str, Any], loc: Sequence[Any]) -> Any:
    """The kind that the rule at this place says it is."""
    if len(loc) < 2 or loc[0] != "rule" or not isinstance(rule := values["rule"][loc[1]], dict):
        return None
    return rule.get("kind")


def _suggestion(kind: Any, where: toml.Where) -> str:
    model: Any = Pack if len(where) == 1 else KINDS.get(kind) if len(where) == 3 else None
    if len(where) == 5 and where[2] == "after":
        model = After
    return f"; known here: {', '.join(keys_of(model))}" if model else ""


def keys_of(model: Any) -> list[str]:
    """The keys that a table of this model may have."""
    return [item.name for item in fields(model) if item.init]


def _kind(model: type) -> str:
    literal = model.__annotations__["kind"]
    return str(getattr(literal, "__args__", [literal])[0])


KINDS: dict[Any, type[Rule]] = {_kind(model): model for model in AnyRule.__args__}
"""Every kind of rule by the word for it."""
