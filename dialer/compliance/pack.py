"""A pack: one jurisdiction's rules, as a TOML file."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from dialer.compliance.rules import AbandonTreatment, Rule
from dialer.compliance.strict import STRICT
from dialer.kernel.errors import InputError

PACKS = resources.files("dialer.compliance") / "packs"


@dataclass(frozen=True, slots=True)
class Pack:
    """One jurisdiction's rules. A pack without a treatment of abandoned calls or without hours is refused."""

    __pydantic_config__ = STRICT
    name: str
    version: str
    title: str
    reviewed_by: str
    sources: tuple[str, ...]
    rule: tuple[Annotated[Rule, Field(discriminator="kind")], ...]

    def __post_init__(self) -> None:
        ids = [rule.id for rule in self.rule]
        for needed in ("hours", "in-flight", "do-not-call", "abandon-treatment"):
            if ids.count(needed) != 1:
                msg = f"a pack has exactly one rule {needed!r}, this one has {ids.count(needed)}"
                raise ValueError(msg)

    @property
    def treatment(self) -> AbandonTreatment:
        return next(rule for rule in self.rule if isinstance(rule, AbandonTreatment))


_ADAPTER = TypeAdapter(Pack)


def load(name: str) -> Pack:
    """Read one of the packs that come with the dialer. Raises InputError."""
    file = PACKS / f"{name}.toml"
    if not name.replace("-", "").isalnum() or not file.is_file():
        known = ", ".join(sorted(entry.name.removesuffix(".toml") for entry in PACKS.iterdir()))
        raise InputError(f"no pack is named {name!r}", f"name one of {known}")
    try:
        return _ADAPTER.validate_python(tomllib.loads(file.read_text()))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise InputError(f"pack {name}: {error}", "correct the pack's file") from error
