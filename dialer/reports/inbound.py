"""Who rang us, whether an agent took it, and how long they waited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from dialer.calls.inbound import InboundResult
from dialer.reports.report import (
    GROUPS,
    PERIOD,
    About,
    Asked,
    Filter,
    Report,
    count,
    longest,
    ratio,
    seconds,
    share,
    text,
    total,
)


@dataclass(frozen=True, slots=True)
class InboundCalls:
    """Calls to one campaign's numbers, counted. waited_seconds: of the connected ones, together."""

    campaign: str
    calls: int
    unidentified: int
    results: Mapping[InboundResult, int]
    call_backs: int
    call_backs_planned: int
    waited_seconds: float
    longest_wait_seconds: float | None


@dataclass(frozen=True, slots=True)
class InboundLine:
    """One campaign's callers."""

    campaign: Annotated[str, text("the campaign whose number was rung; empty: a number that is no campaign's")]
    calls: Annotated[int, count("calls that came in")]
    unidentified: Annotated[int, count("of these, nobody said whose call it was")]
    connected: Annotated[int, count("an agent talked to the caller")]
    hung_up: Annotated[int, count("the caller left before an agent came")]
    unserved: Annotated[int, count("no agent was free within `inbound_wait_seconds`")]
    closed: Annotated[int, count("nobody was at work for the campaign")]
    away: Annotated[int, count("the engine was away: the PBX took the call alone")]
    not_ours: Annotated[int, count("the number is no campaign's: announced")]
    unknown: Annotated[int, count("nobody knows")]
    call_backs: Annotated[int, count("callers who asked to be called back")]
    call_backs_planned: Annotated[int, count("of these, with an instant at which the gate foresees that it is legal")]
    waited_seconds: Annotated[float, seconds("from the arrival to the agent, of the connected ones together")]
    longest_wait_seconds: Annotated[float | None, longest("the longest of those waits, and of those in vain")]

    @property
    def served(self) -> Annotated[float | None, share("connected ÷ calls to a campaign's number")]:
        return ratio(self.connected, self.calls - self.not_ours)

    @property
    def mean_wait_seconds(self) -> Annotated[float | None, seconds("arrival to agent ÷ connected")]:
        return ratio(self.waited_seconds, self.connected)


ABOUT = About(
    "inbound",
    "Who rang us, who got an agent, and after what wait?",
    InboundLine,
    PERIOD | (GROUPS - {Filter.CREDITOR}),
    (
        "A call belongs to the instant at which it came in.",
        "None of these is an attempt of ours: no other report counts them, and no cap on abandoned calls knows them.",
    ),
)


def report(asked: Asked, calls: Iterable[InboundCalls]) -> Report:
    """One line for each campaign."""
    lines = [
        InboundLine(
            campaign=one.campaign,
            calls=one.calls,
            unidentified=one.unidentified,
            **{result.value: count for result, count in one.results.items()},
            call_backs=one.call_backs,
            call_backs_planned=one.call_backs_planned,
            waited_seconds=one.waited_seconds,
            longest_wait_seconds=one.longest_wait_seconds,
        )
        for one in calls
    ]
    return Report(ABOUT, asked, tuple(lines), total(lines))
