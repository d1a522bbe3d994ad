"""What an agent may say of a call: outcomes as data, the shipped set and an agency's own."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from dialer.compliance.entry import EntryResult
from dialer.compliance.strict import STRICT, MisfitError
from dialer.kernel import toml
from dialer.kernel.errors import InputError
from dialer.kernel.texted import TextEnum

SHIPPED = resources.files("dialer.outcomes") / "outcomes.toml"
MOST_HOURS = 24 * 366
Name = Annotated[str, Field(min_length=2, max_length=80)]
Said = Literal[
    EntryResult.MACHINE,
    EntryResult.MACHINE_MESSAGE_LEFT,
    EntryResult.HUNG_UP,
    EntryResult.THIRD_PARTY,
    EntryResult.CONVERSATION,
    EntryResult.UNKNOWN,
]
"""What a call with an agent can count as: of the others the PBX tells."""


class Blank(TextEnum):
    """A field of the agent's form, with what it asks for."""

    AMOUNT = "amount", "what is promised, or was paid, as 150,00"
    PAY_BY = "pay_by", "the day by which it, or its first instalment, will be paid, as 2026-12-05"
    INSTALMENTS = "instalments", "how many, one a month"
    CALL_BACK_AT = (
        "call_back_at",
        "when to call back, as 2026-12-01T17:30; without an offset it is the debtor's own time",
    )
    DEBT = "debt", "the creditor's reference of the one debt that it is about"
    PAID_ON = "paid_on", "the day on which it was paid"
    PAYMENT_REFERENCE = "payment_reference", "of the transfer, card or POS receipt: never a card's number"
    LANGUAGE = "language", "what is spoken, in two letters, as ro"
    EVIDENCE = "evidence", "who or what says so: the lawyer's name, a court's reference, a document"
    OFFERS = "offers", "what was offered, and what the debtor answered"


class Do(TextEnum):
    """What can come next, with its meaning."""

    RETRY = "retry", "called again after `after_hours`, at a legal time"
    CALL_BACK = "call_back", "called at the agreed instant, or the first legal one after it"
    PROMISE = "promise", "called once what was promised is due, its days of grace are over, and it isn't paid"
    LETTER = "letter", "a letter is written; no call meanwhile"
    ESCALATE = "escalate", "a person decides; no call meanwhile"
    STOP = "stop", "the case is closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagging:
    """The flag that an outcome sets. days: how long it stands; unset: until somebody lifts it."""

    __pydantic_config__ = STRICT
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{1,40}$")]
    on: Literal["debtor", "number", "debt"]
    days: Annotated[int, Field(ge=1, le=3_660)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What comes next by default.

    after_hours: the spacing; it doubles each time that the same is said in a row, up to eight times.
    number: which one is tried first. most: so often in a row, and then `beyond` comes, as it does where no other number
    is left to be tried and this one is flagged.
    """

    __pydantic_config__ = STRICT
    do: Do
    after_hours: Annotated[float, Field(ge=0, le=MOST_HOURS)] = 0
    number: Literal["any", "same", "another"] = "any"
    most: Annotated[int, Field(ge=1, le=100)] | None = None
    beyond: Literal[Do.LETTER, Do.ESCALATE, Do.STOP] | None = None

    def __post_init__(self) -> None:
        if self.most is not None and self.beyond is None:
            msg = "most: says how often, but not what comes then; add beyond"
            raise MisfitError(msg, "most")
        spaced = self.after_hours or self.number != "any" or self.beyond
        if spaced and self.do in (Do.CALL_BACK, Do.PROMISE):
            msg = f"{self.do.value} knows its time and its number: only retry has spacing, number and an end"
            raise MisfitError(msg, "do")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One thing that an agent may say.

    code: as record and interface have it. it, en: its names. right_party: the agent talked to the debtor, or to who may
    speak for the debtor. counts_as: for the gate. needs, may: fields of the form that must, or can, be filled.
    """

    __pydantic_config__ = STRICT
    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,40}$")]
    it: Name
    en: Name
    right_party: bool
    counts_as: Said
    needs: tuple[Blank, ...] = ()
    may: tuple[Blank, ...] = ()
    flag: Flagging | None = None
    next: Next

    def __post_init__(self) -> None:
        if self.right_party and self.counts_as is not EntryResult.CONVERSATION:
            msg = "with the right party it is a conversation"
            raise MisfitError(msg, "counts_as")
        twice = set(self.needs) & set(self.may)
        if twice:
            msg = f"{min(twice).value} is needed already"
            raise MisfitError(msg, "may")
        for do, blanks in _ASKS.items():
            missing = set(blanks) - set(self.needs)
            if self.next.do is do and missing:
                msg = f"{do.value} needs the field {min(missing).value}"
                raise MisfitError(msg, "needs")

    @property
    def blanks(self) -> tuple[Blank, ...]:
        """Every field that the form may bring."""
        return self.needs + self.may


_ASKS = {Do.CALL_BACK: (Blank.CALL_BACK_AT,), Do.PROMISE: (Blank.AMOUNT, Blank.PAY_BY)}
Catalogue = Mapping[str, Outcome]
"""The outcomes by their codes, in the order in which they are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    __pydantic_config__ = STRICT
    outcome: Annotated[tuple[Outcome, ...], Field(min_length=1)]
    shipped: Catalogue = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        codes = [outcome.code for outcome in self.outcome]
        doubled = next((index for index, code in enumerate(codes) if code in codes[:index]), None)
        if doubled is not None:
            msg = f"two outcomes have the code {codes[doubled]!r}"
            raise MisfitError(msg, "outcome", doubled, "code")


_ADAPTER = TypeAdapter(_File)


@cache
def shipped() -> Catalogue:
    """The outcomes that ship."""
    return {outcome.code: outcome for outcome in _read(SHIPPED, "outcomes.toml")[0]}


def with_own(known: Catalogue, file: Path, flags: Collection[str]) -> Catalogue:
    """What is known, and what an agency's own file adds or words anew. Raises InputError with each error's line.

    flags: what the packs know; any other would stop nothing. What a known outcome counts as, and the flag that it sets, stay: the law doesn't change with the wording.
    """
    outcomes, text = _read(file, str(file))
    for index, outcome in enumerate(outcomes):
        before = known.get(outcome.code)
        if before is None and outcome.flag is not None and outcome.flag.name not in flags:
            line = toml.line_of(text, ["outcome", index, "flag", "name"])
            raise InputError(
                f"{file}:{line}: outcome.{index}.flag.name: no pack knows the flag {outcome.flag.name!r}",
                f"name one of {', '.join(sorted(flags))}",
            )
        for key in ("right_party", "counts_as", "flag"):
            if before is not None and getattr(before, key) != getattr(outcome, key):
                line = toml.line_of(text, ["outcome", index, key])
                raise InputError(
                    f"{file}:{line}: outcome.{index}.{key}: {outcome.code!r} is known, and its {key} can't be changed",
                    f"write it as it is ({_shown(getattr(before, key))}), or give your own outcome another code",
                )
    return {**known, **{outcome.code: outcome for outcome in outcomes}}


def _read(file: Traversable | Path, shown: str) -> tuple[Sequence[Outcome], str]:
    text = toml.text_of(file, shown, "write [[outcome]] tables; docs/reference/outcomes.md has their keys")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{shown}:{toml.line_of_syntax(error)}: not TOML: {error}", "correct this line") from None
    try:
        return _ADAPTER.validate_python(values).outcome, text
    except ValidationError as error:
        lines = [_explain(shown, text, dict(item)) for item in error.errors(include_url=False)]
        raise InputError(
            "\n".join(lines), "correct these lines; docs/reference/outcomes.md has every key of an outcome"
        ) from None


def _explain(file: str, text: str, error: dict[str, Any]) -> str:
    changes: dict[str, Any] = {}
    if error["type"] == "unexpected_keyword_argument":
        changes["type"] = "extra_forbidden"
    if error["type"] == "tuple_type":
        changes["msg"] = "must be a list; each outcome begins with [[outcome]]" if error["loc"] == ("outcome",) else (
            "must be a list"
        )  # fmt: skip
    if isinstance(misfit := error.get("ctx", {}).get("error"), MisfitError):
        changes["loc"] = (*error["loc"], *misfit.where)
    return toml.explain(file, text, error | changes, _suggestion)


def _suggestion(where: toml.Where) -> str:
    model: Any = {1: _File, 3: Outcome}.get(len(where)) or {"flag": Flagging, "next": Next}.get(str(where[-2]))
    return f"; known here: {', '.join(item.name for item in fields(model) if item.init)}" if model else ""


def _shown(value: Any) -> str:
    return "none" if value is None else str(getattr(value, "value", value))
