"""What every rule has, and how a rule chooses the past contacts that it counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dialer.compliance.entry import EVENTS, Channel, Entry, EntryResult
from dialer.compliance.facts import Facts
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal

Refusals = tuple[Refusal, ...]
ALLOWED: Refusals = ()

_NEVER = datetime.max.replace(tzinfo=UTC)

Confidence = Literal["V1", "V2", "G", "H"]
"""V1 the primary text was read, V2 a secondary source, G general knowledge (confirm it), H a house default."""
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
Key = Literal["debtor", "debt", "number", "household", "campaign", "collector"]
_FINDS = frozenset({"debtor", "debt", "number", "household"})


def _is_event(name: str) -> str:
    if name not in EVENTS and name not in list(EntryResult):
        msg = f"no such event; known: {', '.join(dict.fromkeys((*EVENTS, *EntryResult)))}"
        raise ValueError(msg)
    return name


Event = Annotated[str, AfterValidator(_is_event)]
"""A group of results from `EVENTS`, or one result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a pack.

    id: the reason that it gives. source: the text behind it. confidence: how sure the number is.
    note: what a reader must know beside it.
    """

    __pydantic_config__ = STRICT
    id: RuleId
    source: Annotated[str, Field(min_length=3)]
    confidence: Confidence
    note: str = ""

    def check(self, facts: Facts) -> Refusals:  # noqa: ARG002 -- a rule that only binds what follows refuses nothing
        """The reasons against the call, none where the rule allows it."""
        return ALLOWED


@dataclass(frozen=True, slots=True, kw_only=True)
class Choosing(Rule):
    """A rule that looks at past contacts.

    event: which results. key: with whom; `campaign` and `collector` narrow it down. direction: who began it.
    channels: by which ways; a call only, unless the rule says more. workplace_only: only at the workplace, and only for
    calls to it. A contact whose debtor, number, debts, campaign or collector isn't known counts for each.
    """

    event: Event
    key: tuple[Key, ...]
    direction: Literal["outbound", "inbound", "any"] = "outbound"
    channels: tuple[Channel, ...] = (Channel.CALL,)
    workplace_only: bool = False

    def __post_init__(self) -> None:
        if not _FINDS.intersection(self.key):
            msg = "key: must name one of debtor, debt, number, household"
            raise ValueError(msg)

    def binds(self, facts: Facts) -> bool:
        """Whether the rule speaks of this call at all."""
        return not self.workplace_only or facts.intent.workplace

    def chosen(self, facts: Facts) -> Iterator[tuple[int | None, list[Entry]]]:
        """The past contacts that count, oldest first: one list, or one for each debt that the call is about."""
        entries = self._entries(facts)
        if "debt" not in self.key or not facts.intent.debts:
            yield None, entries
            return
        for debt in facts.intent.debts:
            yield debt, [entry for entry in entries if entry.debts is None or not entry.debts or debt in entry.debts]

    def lasts(self, facts: Facts) -> Iterator[datetime]:
        """When the last contact was, once for each debt that isn't waived and had one."""
        if self.binds(facts):
            for debt, entries in self.chosen(facts):
                if entries and (self.id, debt) not in facts.waived:
                    yield entries[-1].at

    def _entries(self, facts: Facts) -> list[Entry]:
        """The entries of this event with whom the key says: rules that ask the same share them."""
        asked = (self.event, self.key, self.direction, self.channels, self.workplace_only)
        if asked not in facts.chosen:
            results = EVENTS.get(self.event) or (self.event,)
            facts.chosen[asked] = [
                entry
                for entry in self._concerning(facts)
                if entry.result in results
                and self.direction in ("any", entry.direction)
                and entry.channel in self.channels
            ]
        return facts.chosen[asked]

    def _concerning(self, facts: Facts) -> Sequence[Entry]:
        """The entries with whom the key says, whatever happened."""
        asked = (self.key, self.workplace_only)
        if asked not in facts.chosen:
            intent, entries = facts.intent, list(facts.past)
            here = (None, intent.debtor_id)
            if "household" in self.key:
                # the household's calls, about the debt too, whoever of them was called
                home = intent.household
                entries = [entry for entry in entries if entry.debtor_id in here or (home and entry.household == home)]
            elif "debtor" in self.key or "debt" in self.key:
                entries = [entry for entry in entries if entry.debtor_id in here]
            if "number" in self.key:
                entries = [entry for entry in entries if entry.number in (None, intent.number)]
            if "campaign" in self.key:
                entries = [entry for entry in entries if entry.campaign in ("", intent.campaign)]
            if "collector" in self.key and intent.collector:
                entries = [entry for entry in entries if entry.collector in ("", intent.collector)]
            if self.workplace_only:
                entries = [entry for entry in entries if entry.workplace]
            facts.chosen[asked] = entries
        return facts.chosen[asked]


def latest(found: list[Refusal]) -> Refusals:
    """Of one rule's refusals, one for each debt, the one that ends last: before that the call isn't legal."""
    return (max(found, key=lambda refusal: refusal.not_before or _NEVER),) if found else ALLOWED
