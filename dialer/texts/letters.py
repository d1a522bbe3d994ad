"""Templates of letters: what each must say is checked when it is read, and once more in every letter.

What a letter of collection must say (Italy): for whom and about which debts, each with its parts; who collects and under
which licence (TULPS art. 115: full information about who collects); by when to pay, how, and where to ask; what
becomes of the personal data (GDPR artt. 13 and 14). One that shall interrupt limitation must demand payment formally
(artt. 1219 and 2943 c.c.).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dialer.kernel.errors import InputError
from dialer.texts import fields, template
from dialer.texts.fields import Agency, DebtField, ItemField
from dialer.texts.template import TextFile

SHIPPED = resources.files("dialer.texts") / "shipped" / "letters"
REMINDER, DEMAND = "reminder", "demand"
NAMES = (REMINDER, DEMAND)
"""What a template is for: an informal reminder, or a formal demand that interrupts limitation once it is received."""
FIELDS = (*fields.COMMON, "reference", "pay_within_days", "privacy_notice", "demand")
_ALWAYS = (
    "date", "creditor", "debtor", "total", "collector", "collector_contact", "licence", "how_to_pay", "reference",
    "pay_within_days", "privacy_notice",
)  # fmt: skip
_SAMPLE_DAYS = 83
_Text = Annotated[str, Field(min_length=1)]


class LetterFile(BaseModel):
    """name: for people. demand: the sentence of a formal demand; a reminder has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: Annotated[str, Field(min_length=1, max_length=80)]
    subject: _Text
    body: _Text
    privacy_notice: _Text
    demand: _Text | None = None


class Gap(Exception):  # noqa: N818 -- no error of the program: what a letter lacks
    """A letter lacks what it must say: the message names it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter's words."""

    subject: str
    body: str


class LetterTemplate:
    """One template, as `demand.it.toml`. Raises InputError, with file and line, where it can't be a letter."""

    def __init__(self, file: Traversable | Path, name: str, language: str) -> None:
        text = TextFile.read(file)
        known = text.as_model(LetterFile)
        self.name, self.language, self.version = f"{name}.{language}", language, text.version
        self._formal = name == DEMAND
        if self._formal != (known.demand is not None):
            remedy = "add it" if self._formal else "take it out: a reminder demands nothing formally"
            raise InputError(f"{text.shown}:1: demand: {'missing' if self._formal else 'not in a reminder'}", remedy)
        self._subject = text.template(known.subject, "subject")
        self._body = text.template(known.body, "body")
        self._sentences = {"privacy_notice": text.template(known.privacy_notice, "privacy_notice")}
        if known.demand is not None:
            self._sentences["demand"] = text.template(known.demand, "demand")
        self._subject.check(set(FIELDS) - {"privacy_notice", "demand"})
        self._body.check(set(FIELDS) - ({"demand"} - self._sentences.keys()))
        for sentence in self._sentences.values():
            sentence.check((*fields.COMMON, "reference", "pay_within_days"))
        try:
            self.render(_sample(language), "17-1", _SAMPLE_DAYS)
        except Gap as gap:
            raise self._body.error(1, f"a letter must say {gap}", f"write {{{{ {gap} }}}} where it belongs") from None

    def render(self, given: Mapping[str, Any], reference: str, pay_within_days: int) -> Rendered:
        """The letter's words. Raises Gap where it lacks what it must say, InputError where the template fails."""
        known = {**given, "reference": reference, "pay_within_days": str(pay_within_days)}
        known |= {name: sentence.render(known) for name, sentence in self._sentences.items()}
        rendered = Rendered(template.words(self._subject.render(known)), self._body.render(known))
        said = f"{rendered.subject} {template.words(rendered.body)}"
        for name, value in _must_say(known, formal=self._formal):
            wanted = re.escape(template.words(value))
            if not wanted or not re.search(rf"(?<!\w){wanted}(?!\w)", said):
                raise Gap(name)
        return rendered


@dataclass(frozen=True, slots=True)
class LetterShelf:
    """Templates by name and language. Those of an agency's own folder win over the shipped ones."""

    templates: Mapping[tuple[str, str], LetterTemplate]

    @classmethod
    def read(cls, folder: Path | None) -> "LetterShelf":
        """Every template. Raises InputError with each one's errors."""
        folders: list[Traversable | Path] = [folder, SHIPPED] if folder else [SHIPPED]
        if folder is not None:
            _check(folder)
        found = {}
        for name, language in sorted({of for one in folders for of in _names(one)}):
            file = template.first_of(folders, f"{name}.{language}.toml")
            assert file is not None
            found[name, language] = LetterTemplate(file, name, language)
        return cls(found)

    def pick(self, name: str, languages: Sequence[str]) -> LetterTemplate | None:
        """The template in the first of the languages that has one."""
        return next((self.templates[name, of] for of in languages if (name, of) in self.templates), None)


def _must_say(known: Mapping[str, Any], *, formal: bool) -> Iterable[tuple[str, str]]:
    for name in (*_ALWAYS, *(["demand"] if formal else [])):
        yield name, known[name]
    if not known["debts"]:
        raise Gap("debts")
    for debt in known["debts"]:
        yield "debts: each one's reference", debt.reference
        yield "debts: what is left of each", debt.left
        for item in debt.items:
            yield "debts: the amount of each of their items", item.amount


def _check(folder: Path) -> None:
    remedy = f"name it as {REMINDER}.it.toml or {DEMAND}.ro.toml, or take it out"
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder}: {error.strerror}", "correct letter_folder") from None
    for file in files:
        if file.suffix == ".toml" and _name_of(file.name) is None:
            raise InputError(f"{file}: not the name of a letter's template", remedy)


def _names(folder: Traversable | Path) -> Iterable[tuple[str, str]]:
    return [of for file in folder.iterdir() if (of := _name_of(file.name)) is not None]


def _name_of(file: str) -> tuple[str, str] | None:
    parts = file.split(".")
    fits = len(parts) == 3 and parts[0] in NAMES and len(parts[1]) == 2 and parts[1].islower() and parts[2] == "toml"
    return (parts[0], parts[1]) if fits else None


def _sample(language: str) -> dict[str, object]:
    """A case in which each field has a value of its own, so that one that isn't printed is missed."""
    items = (ItemField("capitale", "fattura 881", "110,11 €", "1/2/2021"), ItemField("interessi", "", "12,22 €", ""))
    debts = (
        DebtField("F-771", "122,33 €", "1/2/2021", items, "20,00 €", "102,33 €"),
        DebtField("F-772", "55,44 €", "", (ItemField("", "F-772", "55,44 €", ""),), "", "55,44 €"),
    )
    agency = Agency("Agenzia Z9", "via Z9 1", "tel. Z9", "TULPS Z9", None, "IBAN Z9")
    known = fields.common(agency, "Creditore Z9", "Debitore Z9", "D-773", debts, (), date(2026, 11, 24), language)
    return {**known, "total": "157,77 €"}
