"""What every rule has, and how a rule chooses the past contacts that it counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from dialer.compliance.entry import EVENTS, Channel, Entry, EntryResult
from dialer.compliance.facts import Facts
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal

Refusals = tuple[Refusal, ...]
ALLOWED: Refusals = ()

Confidence = Literal["V1", "V2", "G", "H"]
"""V1 the primary text was read, V2 a secondary source, G general knowledge (confirm it), H a house default."""
RuleId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
Key = Literal["debtor", "debt", "number", "household", "campaign", "collector"]
_FINDS = frozenset({"debtor", "debt", "number", "household"})


def _is_event(name: str) -> str:
    if name not in EVENTS and name not in list(EntryResult):
        msg = f"no such event; known: {', '.join((*EVENTS, *EntryResult))}"
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
    calls to it. A contact whose debts, campaign or collector aren't known counts for each.
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
        results = EVENTS.get(self.event) or (self.event,)
        direction = None if self.direction == "any" else self.direction
        entries = [
            entry
            for entry in self._concerning(facts)
            if entry.result in results
            and (direction is None or entry.direction == direction)
            and entry.channel in self.channels
        ]
        if "debt" not in self.key or not facts.intent.debts:
            yield None, entries
            return
        for debt in facts.intent.debts:
            yield debt, [entry for entry in entries if entry.debts is None or not entry.debts or debt in entry.debts]

    def _concerning(self, facts: Facts) -> list[Entry]:
        """The entries with whom the key says: rules of one key share them."""
        wanted = (self.key, self.workplace_only)
        if wanted not in facts.concerning:
            facts.concerning[wanted] = [entry for entry in facts.past if self._concerns(entry, facts)]
        return facts.concerning[wanted]

    def _concerns(self, entry: Entry, facts: Facts) -> bool:
        intent = facts.intent
        for part in self.key:
            match part:
                case "debtor" | "debt":
                    here = entry.debtor_id is None or entry.debtor_id == intent.debtor_id
                case "number":
                    here = entry.number == intent.number
                case "household":
                    here = entry.debtor_id == intent.debtor_id or (
                        entry.household != "" and entry.household == intent.household
                    )
                case "campaign":
                    here = entry.campaign in ("", intent.campaign)
                case "collector":
                    here = entry.collector in ("", intent.collector) or not intent.collector
            if not here:
                return False
        return entry.workplace if self.workplace_only else True
