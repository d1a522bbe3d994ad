"""The gate's question and its answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from dialer.kernel.phone import PhoneNumber


class CallMode(StrEnum):
    """How this one call is placed."""

    PREDICTIVE = "predictive"
    PROGRESSIVE = "progressive"
    PREVIEW = "preview"
    RESERVED = "reserved"
    """An agent is held from before the dial to the end of the call."""


@dataclass(frozen=True, slots=True)
class Intent:
    """We would like to ring this number of this debtor for this case now.

    number: empty where a debtor who rings us withholds it.
    zones: where the debtor may be (IANA names); empty = unknown.
    packs: names of the packs that apply; all of them must allow.
    ring_max_seconds: ringing must be over before the hours are.
    debts: which debts it is about; empty = not known, so what was done about any of them counts.
    caller_id, trunk: what is presented, and the name of the trunk that the call takes; None and empty where nobody chose.
    given: facts that a pack may require (`licence_valid_until`, `assigned_npl` …); what isn't given is not so.
    """

    campaign: str
    case_id: int
    debtor_id: int
    number: PhoneNumber
    zones: tuple[str, ...]
    packs: tuple[str, ...]
    ring_max_seconds: float
    debts: tuple[int, ...] = ()
    household: str = ""
    collector: str = ""
    mode: CallMode = CallMode.PROGRESSIVE
    workplace: bool = False
    ring_timeout_seconds: float | None = None
    caller_id: PhoneNumber | None = None
    trunk: str = ""
    given: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason against the call.

    reason: the rule's id, or a flag's name, or what the engine itself lacks.
    pack, rule: whose rule says so; empty where the engine itself lacks something.
    not_before: earliest instant at which this rule alone allows the same call; None = not by itself.
    facts: what the rule saw, in words. count, limit: what it counted, where it counts.
    """

    reason: str
    pack: str = ""
    not_before: datetime | None = None
    facts: str = ""
    rule: str = ""
    count: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every reason against the call; none means that it may be placed.

    not_before: earliest instant at which the same call becomes legal if nothing else happens; None = not known.
    versions: the packs that judged, as `name version`.
    """

    refusals: tuple[Refusal, ...] = ()
    not_before: datetime | None = None
    versions: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.refusals

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons, sorted, each once."""
        return tuple(sorted({refusal.reason for refusal in self.refusals}))
