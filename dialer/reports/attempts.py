"""One line for each attempt: who was called, when, why, and what became of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from dialer.kernel.percentiles import percentiles
from dialer.kernel.phone import mask
from dialer.reports.printing import as_object
from dialer.reports.report import (
    GROUPS,
    PERIOD,
    About,
    Meant,
    Unit,
    columns_of,
    count,
    instant,
    ratio,
    seconds,
    share,
    text,
)

LONGEST_WRAP_UP_SECONDS = 600.0
"""An outcome recorded later than this after the call was recorded after a break, not after a wrap-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLine:
    """One attempt of the report. Times are UTC; seconds are measured by the PBX's own clock."""

    attempt: Annotated[str, text("the attempt's id, as in the PBX's channel list and in the chain of decisions")]
    case_id: Annotated[int, text("the case's id")]
    campaign: Annotated[str, text("the campaign that called")]
    creditor: Annotated[str, text("who assigned the case")]
    debtor_reference: Annotated[str, text("the creditor's own reference of the debtor")]
    number: Annotated[str, text("the number called; without --numbers its last two digits")]
    caller_id: Annotated[str, text("the number that the debtor saw")]
    trunk: Annotated[str, text("the trunk that carried it")]
    mode: Annotated[str, text("how it was placed: progressive, predictive, preview, reserved")]
    packs: Annotated[str, text("the packs whose rules all allowed it; `dialer audit` judges by the version of the day")]
    cleared_at: Annotated[datetime, instant("the gate let it through")]
    dialled_at: Annotated[datetime | None, instant("the PBX began to dial")]
    rang_at: Annotated[datetime | None, instant("the far end rang (180)")]
    answered_at: Annotated[datetime | None, instant("a person or a machine answered")]
    bridged_at: Annotated[datetime | None, instant("it was put through to an agent")]
    abandoned_at: Annotated[datetime | None, instant("it was answered, and let go as no agent came in time")]
    ended_at: Annotated[datetime | None, instant("it was over")]
    agent: Annotated[str | None, text("who talked, or was held for it")]
    result: Annotated[str | None, text("how it ended (docs/reference/call-results.md); empty: under way")]
    cause: Annotated[int | None, text("the Q.850 cause of its end")]
    sip: Annotated[int | None, text("the SIP answer that ended it")]
    refusals: Annotated[str, text("why the gate refused the bridge at the answer")]
    outcome: Annotated[str | None, text("what the agent said of it (docs/reference/outcomes.md)")]
    right_party: Annotated[bool | None, Meant(Unit.YES, "the agent talked to the debtor, or to who may speak for one")]
    note: Annotated[str | None, text("the agent's own words; only with --numbers")]
    recorded_at: Annotated[datetime | None, instant("the outcome came on record, the last word of it")]

    @property
    def ring_seconds(self) -> Annotated[float | None, seconds("from the first ring to the answer, or to the end")]:
        return _between(self.rang_at, self.answered_at or self.ended_at)

    @property
    def answer_to_agent_seconds(self) -> Annotated[float | None, seconds("from the answer to the agent's bridge")]:
        return _between(self.answered_at, self.bridged_at)

    @property
    def talk_seconds(self) -> Annotated[float | None, seconds("from the bridge to the end")]:
        return _between(self.bridged_at, self.ended_at)

    @property
    def wrap_seconds(
        self,
    ) -> Annotated[float | None, seconds("from the end to the outcome; none where that came over 600 s later")]:
        after = _between(self.ended_at, self.recorded_at) if self.bridged_at else None
        return None if after is None or after > LONGEST_WRAP_UP_SECONDS else max(0.0, after)

    def as_json(self) -> dict[str, Any]:
        """The line with its derived seconds, times as ISO 8601."""
        return as_object(self, columns_of(AttemptLine))


@dataclass(frozen=True, slots=True)
class AttemptTotals:
    """All attempts of the report, counted by the database."""

    attempts: Annotated[int, count("calls that the gate cleared")]
    dialled: Annotated[int, count("of those, dialled")]
    answered: Annotated[int, count("whatever answered, person or machine")]
    bridged: Annotated[int, count("put through to an agent")]
    abandoned: Annotated[
        int, count("answered, and let go as no agent came in time; the law's ratios: report abandonment")
    ]
    hung_up: Annotated[int, count("answered, and the far end hung up before an agent could be there")]
    waited_seconds: Annotated[float, seconds("from answer to bridge, all bridged calls together")]
    slowest_seconds: Annotated[float | None, seconds("from answer to bridge, the slowest")]
    talk_seconds: Annotated[float, seconds("from bridge to end, all together")]

    @property
    def answer_rate(self) -> Annotated[float | None, share("answered ÷ dialled")]:
        return ratio(self.answered, self.dialled)


ABOUT = About(
    "attempts",
    "Which calls were made, when, by whom, and what became of each?",
    AttemptLine,
    PERIOD | GROUPS,
    (
        "An attempt belongs to the instant at which the gate cleared it.",
        "Numbers are masked and notes left out; --numbers shows them, and puts on record that you saw these cases.",
        "Not on record: who hung up, recordings, a machine's detection.",
    ),
    shown=("cleared_at", "number", "result", "ring_seconds", "answer_to_agent_seconds", "talk_seconds", "agent",
           "outcome"),
    totals=AttemptTotals,
)  # fmt: skip


def masked(line: AttemptLine) -> AttemptLine:
    """The line as somebody may see it who isn't put on record for it."""
    return replace(line, number=mask(line.number), note=None)


@dataclass(frozen=True, slots=True)
class Summary:
    """The totals of the report.

    attempts: calls that the gate cleared. answered: whatever answered, person or machine.
    bridged: put through to an agent. abandoned: answered, and no agent in time.
    abandoned_ratio: abandoned ÷ answered; None without an answer.
    answer_to_agent_seconds: percentiles 50, 95, 99 and the maximum, of the bridged.
    """

    attempts: int
    answered: int
    bridged: int
    abandoned: int
    hung_up: int
    results: dict[str, int]
    outcomes: dict[str, int]
    abandoned_ratio: float | None
    answer_to_agent_seconds: dict[str, float]


def summarise(lines: list[AttemptLine]) -> Summary:
    """Count the lines."""
    answered = sum(line.answered_at is not None for line in lines)
    abandoned = sum(line.abandoned_at is not None for line in lines)
    waits = sorted(seconds for line in lines if (seconds := line.answer_to_agent_seconds) is not None)
    return Summary(
        attempts=len(lines),
        answered=answered,
        bridged=sum(line.bridged_at is not None for line in lines),
        abandoned=abandoned,
        hung_up=sum(line.result == "hung_up" for line in lines),
        results=_tally(line.result or "under way" for line in lines),
        outcomes=_tally(line.outcome for line in lines if line.outcome),
        abandoned_ratio=abandoned / answered if answered else None,
        answer_to_agent_seconds=percentiles(waits),
    )


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


def _tally(values: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
