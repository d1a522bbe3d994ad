"""One line for each attempt: who was called, when, why, and what became of it."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from dialer.kernel.percentiles import percentiles


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt of the report. Times are UTC; seconds are measured by the PBX's own clock."""

    attempt: str
    campaign: str
    creditor: str
    debtor_reference: str
    number: str
    caller_id: str
    trunk: str
    packs: str
    cleared_at: datetime
    dialled_at: datetime | None
    rang_at: datetime | None
    answered_at: datetime | None
    bridged_at: datetime | None
    abandoned_at: datetime | None
    ended_at: datetime | None
    agent: str | None
    result: str | None
    cause: int | None
    sip: int | None
    refusals: str
    outcome: str | None
    note: str | None

    @property
    def ring_seconds(self) -> float | None:
        return _between(self.rang_at, self.answered_at or self.ended_at)

    @property
    def answer_to_agent_seconds(self) -> float | None:
        return _between(self.answered_at, self.bridged_at)

    @property
    def talk_seconds(self) -> float | None:
        return _between(self.bridged_at, self.ended_at)

    def as_json(self) -> dict[str, Any]:
        """The line with its derived seconds, times as ISO 8601."""
        fields = asdict(self)
        fields |= {
            "ring_seconds": self.ring_seconds,
            "answer_to_agent_seconds": self.answer_to_agent_seconds,
            "talk_seconds": self.talk_seconds,
        }
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in fields.items()}


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
