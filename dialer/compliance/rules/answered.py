"""What binds an answered call: it travels with the originate, and the dialplan does it even if the engine is dead."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from dialer.compliance.rules.base import Event, Rule

DIALPLAN_MARGIN_SECONDS = 0.4
"""From the last claim to the leg being down, or to the first word of the message, at the debtor's end: 2 to 30 ms on a
quiet machine, 245 ms seen on one whose two cores were both taken (make bench-abandoned)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerToAgentMax(Rule):
    """Within `seconds` of the answer an agent is there, or the call is treated as abandoned.

    clock: the law counts from the answer, or from the end of the person's greeting; the engine always counts from
    the answer, which is the stricter.
    """

    kind: Literal["answer_to_agent_max"]
    seconds: Annotated[float, Field(gt=DIALPLAN_MARGIN_SECONDS, le=10)]
    clock: Literal["answer", "greeting"] = "answer"

    @property
    def claim_seconds(self) -> float:
        """How long after the answer an agent may still be bridged."""
        return self.seconds - DIALPLAN_MARGIN_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonTreatment(Rule):
    """What an abandoned call gets: the recorded message, or the line is dropped.

    comfort_noise: the line isn't silent from the answer on.
    """

    kind: Literal["abandon_treatment"]
    treatment: Literal["drop", "message"]
    comfort_noise: bool
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonCap(Rule):
    """How many of a campaign's calls may be abandoned: its definition, which pacing keeps and the auditor recounts.

    The ratio is abandoned ÷ `of` in each window: `answered` by a person; `abandoned_and_live`; `connected` to an agent.
    window: `tumbling_days:N` from the campaign's first call on, `local_day`, or `campaign`. Below `cap`, or up to it.
    """

    kind: Literal["abandon_cap"]
    counts: Event = "abandoned"
    of: Literal["answered", "abandoned_and_live", "connected"]
    window: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(tumbling_days:[1-9][0-9]?|local_day|calendar_month|campaign)$")], ...],
        Field(min_length=1),
    ]
    cap: Annotated[float, Field(gt=0, lt=1)]
    comparison: Literal["below", "up_to"]
    target: Annotated[float, Field(gt=0, lt=1)] | None = None
