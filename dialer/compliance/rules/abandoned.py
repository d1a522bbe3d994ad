"""What happens to an answered call that no agent takes: it travels with the originate, the dialplan does it."""

from dataclasses import dataclass
from typing import Literal

from dialer.compliance.facts import Facts
from dialer.compliance.strict import STRICT
from dialer.compliance.verdict import Refusal

DIALPLAN_MARGIN_SECONDS = 0.4
"""From the last claim to the leg being down, or to the first word of the message, at the debtor's end: 2 to 30 ms on a
quiet machine, 245 ms seen on one whose two cores were both taken (make bench-abandoned)."""


@dataclass(frozen=True, slots=True)
class AbandonTreatment:
    """Within `within_seconds` of the answer the leg is down (`drop`) or the message has started (`message`).

    comfort_noise: the line isn't silent from the answer on.
    """

    __pydantic_config__ = STRICT
    kind: Literal["abandon_treatment"]
    id: Literal["abandon-treatment"]
    source: str
    treatment: Literal["drop", "message"]
    within_seconds: float
    comfort_noise: bool
    language: str = "en"

    def __post_init__(self) -> None:
        if not DIALPLAN_MARGIN_SECONDS < self.within_seconds <= 10:
            msg = f"within_seconds = {self.within_seconds:g}: must lie between {DIALPLAN_MARGIN_SECONDS:g} and 10"
            raise ValueError(msg)

    @property
    def claim_seconds(self) -> float:
        """How long after the answer an agent may still be bridged."""
        return self.within_seconds - DIALPLAN_MARGIN_SECONDS

    def check(self, facts: Facts) -> Refusal | None:  # noqa: ARG002 -- it refuses nothing: it binds what follows
        return None
