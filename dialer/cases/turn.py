"""Where cases stand between their calls: what the record says of why one of them, or a whole campaign, isn't called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from dialer.cases.model import NOT_CALLED, CaseState

LOOKED_BACK = timedelta(days=30)
"""Refusals longer ago explain nothing of today."""


@dataclass(frozen=True, slots=True)
class CaseGroup:
    """Cases of a campaign that stand alike.

    due: their time has come. reasons: why the gate refused them last, where that is why they wait. next_at: when the first
    of them is due; None: none of them by itself.
    """

    state: CaseState
    due: bool
    reasons: tuple[str, ...]
    cases: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class LastCall:
    """The latest attempt of a case. result: None while it is under way."""

    at: datetime
    result: str | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One case in its campaign's order.

    due_at, why: when it is called next (None: not by itself), and the reason in words. before: due cases that come first,
    by the order of the choice; longest: those that are due longer; due: of the campaign, this one among them. All of them 0
    where it isn't due. calls: attempts so far. refused: how often the gate refused it since `LOOKED_BACK`, by reason;
    refusals: in how many decisions, the last of them at `refused_at`.
    """

    campaign: str
    creditor: str
    state: CaseState
    due_at: datetime | None
    why: str
    before: int = 0
    longest: int = 0
    due: int = 0
    calls: int = 0
    last_call: LastCall | None = None
    refused: Mapping[str, int] = field(default_factory=dict)
    refusals: int = 0
    refused_at: datetime | None = None


class Turns(Protocol):
    """Every method raises AwayError."""

    async def turn(self, case_id: int, now: datetime) -> Turn:
        """Where the case stands. Raises LookupError."""

    async def groups(self, campaign: str, now: datetime) -> Sequence[CaseGroup]:
        """How all cases of the campaign stand, those first that are due soonest."""


def reasons_of(why: str) -> tuple[str, ...]:
    """The gate's reasons in the words of why a case waits; none where it waits for something else."""
    return tuple(why.removeprefix(NOT_CALLED).split(",")) if why.startswith(NOT_CALLED) else ()
