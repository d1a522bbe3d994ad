"""Scripts: what an agent says, in parts, with fields of the case; some parts are compulsory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dialer.cases.model import CaseCard
from dialer.cases.promises import Promise
from dialer.kernel import toml
from dialer.kernel.errors import InputError
from dialer.kernel.money import Money
from dialer.texts import fields, template, wording
from dialer.texts.fields import Agency, DebtField, ItemField
from dialer.texts.template import TextFile

SHIPPED = resources.files("dialer.texts") / "shipped" / "scripts"
FIELDS = (*fields.COMMON, "agent", "attempts", "promise", "offer")
_SEALED = ("debts", "total", "promise", "offer", "creditor", "debtor_reference", "how_to_pay", "licence")
"""Fields that nobody but the debtor may hear, nor guess the debt from."""
_Text = Annotated[str, Field(min_length=1)]


class PartFile(BaseModel):
    """compulsory: the law or the house wants it said in every call. debtor_only: once it is sure who listens."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: Annotated[str, Field(min_length=1, max_length=80)]
    text: _Text
    compulsory: bool = False
    debtor_only: bool = False


class ScriptFile(BaseModel):
    """name: for people. part: in the order in which they are said. unconfirmed: what becomes of an outcome with the
    debtor where the agent doesn't confirm that every compulsory part was said: it is recorded with what lacks, or refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1, max_length=80)]
    unconfirmed: Literal["record", "refuse"] = "record"
    part: Annotated[tuple[PartFile, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Said:
    """One part of a script, for one case."""

    title: str
    text: str
    compulsory: bool
    debtor_only: bool


@dataclass(frozen=True, slots=True)
class RenderedScript:
    """A script for one case. version: of its file, as the history keeps it."""

    version: str
    parts: tuple[Said, ...]


class Script:
    """One script, as `it.toml`. Raises InputError, with file and line, where it can't be said."""

    def __init__(self, file: Traversable | Path, language: str) -> None:
        text = TextFile.read(file)
        known = text.as_model(ScriptFile)
        self.language, self.version = language, f"{language} {known.name} {text.version}"
        self.refuses_unconfirmed = known.unconfirmed == "refuse"
        self._parts = [(part, text.template(part.text, "part", at, "text")) for at, part in enumerate(known.part)]
        for part, said in self._parts:
            said.check(FIELDS)
            if not part.debtor_only:
                said.check(set(FIELDS) - set(_SEALED), "only in a part with debtor_only = true")
        if not any(part.compulsory for part in known.part):
            raise InputError(f"{text.shown}:1: part: none is compulsory", "mark who calls, for whom and why")
        titles: set[str] = set()
        for at, part in enumerate(known.part):
            if not part.compulsory:
                continue
            if part.title in titles:
                line = toml.line_of(text.raw, ("part", at, "title"))
                raise InputError(
                    f"{text.shown}:{line}: part.{at}.title: another compulsory part has the title {part.title!r}",
                    "give each its own: the agent confirms them by their titles",
                )
            titles.add(part.title)
        self._said(_sample(language))

    def compulsory(self, *, to_debtor: bool) -> tuple[str, ...]:
        """The titles of what must be said to the debtor, or to somebody else."""
        return tuple(part.title for part, _ in self._parts if part.compulsory and (to_debtor or not part.debtor_only))

    def render(self, card: CaseCard, agency: Agency, agent: str, today: date) -> RenderedScript:
        """What is said in one case. Raises InputError where a text fails."""
        debts = fields.debt_fields(card.statements, self.language)
        given = fields.common(
            agency, card.creditor, card.debtor_name, card.debtor_reference, debts, card.left, today, self.language
        )
        offer = wording.offer(card.offers[-1].terms, self.language) if card.offers else ""
        given |= {"agent": agent, "attempts": card.attempts, "promise": self._promise(card.promises), "offer": offer}
        return RenderedScript(self.version, self._said(given))

    def _said(self, given: Mapping[str, object]) -> tuple[Said, ...]:
        return tuple(
            Said(part.title, said.render(given), part.compulsory, part.debtor_only) for part, said in self._parts
        )

    def _promise(self, promises: Sequence[Promise]) -> str:
        """The last one's first instalment: how much by when; empty where nothing was promised."""
        if not promises:
            return ""
        first = promises[-1].instalments[0]
        return f"{wording.amount(first.amount, self.language)}, {wording.day(first.due_on, self.language)}"


@dataclass(frozen=True, slots=True)
class Scripts:
    """The scripts of a campaign by language. Those of an agency's own folder win over the shipped ones."""

    scripts: Mapping[str, Script]
    fallback: str

    @classmethod
    def read(cls, folder: Path | None, fallback: str) -> "Scripts":
        """Every script; fallback: the language where there is none in the debtor's. Raises InputError."""
        folders: list[Traversable | Path] = [folder, SHIPPED] if folder else [SHIPPED]
        found = {}
        for language in sorted({of for one in folders for of in _languages(one)}):
            file = template.first_of(folders, f"{language}.toml")
            assert file is not None
            found[language] = Script(file, language)
        if fallback not in found:
            where = folder or "script_folder"
            raise InputError(
                f"{where}: no script is named {fallback}.toml", "write it, or correct the campaign's language"
            )
        return cls(found, fallback)

    def pick(self, language: str) -> Script:
        """In the debtor's language, where there is one."""
        return self.scripts.get(language, self.scripts[self.fallback])


@cache
def shipped_scripts() -> Scripts:
    """The scripts that ship; Italian where none is in the debtor's language."""
    return Scripts.read(None, "it")


def _languages(folder: Traversable | Path) -> Iterable[str]:
    try:
        names = [file.name for file in folder.iterdir() if file.name.endswith(".toml")]
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}", "correct script_folder") from None
    for name in names:
        language = name.removesuffix(".toml")
        if len(language) != 2 or not language.islower() or not language.isascii():
            raise InputError(f"{folder / name}: not the name of a script", "name it by its language, as it.toml")
        yield language


def _sample(language: str) -> dict[str, object]:
    item = ItemField("capitale", "fattura 881", "110,11 €", "1/2/2021")
    debt = DebtField("F-771", "110,11 €", "1/2/2021", (item,), "20,00 €", "90,11 €")
    agency = Agency("Agenzia", "via", "tel", "TULPS", None, "IBAN")
    left = (Money(9011),)
    given = fields.common(agency, "Creditore", "Debitore", "D-773", (debt,), left, date(2026, 11, 24), language)
    return {**given, "agent": "anna", "attempts": 3, "promise": "", "offer": ""}
