"""The gate's answer, and the question."""

from dataclasses import dataclass
from datetime import datetime

from dialer.compliance.reasons import Reason
from dialer.kernel.phone import PhoneNumber


@dataclass(frozen=True, slots=True)
class Intent:
    """We would like to ring this number of this debtor for this case now.

    zones: where the debtor may be (IANA names); empty = unknown.
    packs: names of the packs that apply; all of them must allow.
    ring_max_seconds: ringing must be over before the hours are.
    """

    campaign: str
    case_id: int
    debtor_id: int
    number: PhoneNumber
    zones: tuple[str, ...]
    packs: tuple[str, ...]
    ring_max_seconds: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason against the call.

    pack: whose rule says so, empty where the engine itself lacks something.
    not_before: earliest instant at which this rule allows the same call if nothing else happens; None = unknown.
    facts: what the rule saw, in words.
    """

    reason: Reason
    pack: str = ""
    not_before: datetime | None = None
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every reason against the call; none means that it may be placed."""

    refusals: tuple[Refusal, ...] = ()

    @property
    def allowed(self) -> bool:
        return not self.refusals

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons, sorted, each once."""
        return tuple(sorted({refusal.reason for refusal in self.refusals}))

    @property
    def not_before(self) -> datetime | None:
        """When the last of the reasons falls away, None where one of them doesn't know."""
        instants = [refusal.not_before for refusal in self.refusals]
        known = [instant for instant in instants if instant is not None]
        return max(known) if known and len(known) == len(instants) else None
