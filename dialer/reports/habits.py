"""How the public and the agents behaved on record: what a simulation of the same floor needs, without anybody's name."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from statistics import median

from dialer.calls.results import Result
from dialer.reports.attempts import LONGEST_WRAP_UP_SECONDS

FAILS = frozenset(
    {Result.BUSY, Result.REJECTED, Result.UNREACHABLE, Result.NOT_IN_SERVICE, Result.CONGESTION}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallTimes:
    """One dialled call: its instants, in UTC, its agent, how it ended, and when its outcome was recorded."""

    dialled_at: datetime
    answered_at: datetime | None
    bridged_at: datetime | None
    abandoned_at: datetime | None
    ended_at: datetime | None
    agent: str | None
    result: Result | None
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Habits:
    """What the record says of a campaign's floor. Durations are in seconds, hours are local ones of the day.

    calls, answered, abandoned: counted. answer_rates, agents: by hour, of the hours in which anything was dialled; agents
        is the mean over the days of those who talked in that hour.
    rings: dial to answer; failures: dial to the end of calls that the network or the debtor refused.
    failed_share: of those among all calls. ring_timeout_seconds: how long an unanswered call rang, by the median; None
        where none did.
    """

    calls: int
    answered: int
    abandoned: int
    answer_rates: dict[int, float]
    agents: dict[int, float]
    rings: tuple[float, ...]
    failures: tuple[float, ...]
    talks: tuple[float, ...]
    wraps: tuple[float, ...]
    failed_share: float
    ring_timeout_seconds: float | None


def habits(calls: Iterable[CallTimes], zone: tzinfo) -> Habits:
    """Count and measure. Calls that never left our side, and those whose fate nobody knows, say nothing."""
    told = [call for call in calls if call.result not in (None, Result.TRUNK_FAILURE, Result.UNKNOWN)]
    dialled: dict[int, int] = defaultdict(int)
    answered: dict[int, int] = defaultdict(int)
    days: dict[int, set[date]] = defaultdict(set)
    talked: dict[int, set[tuple[date, str]]] = defaultdict(set)
    for call in told:
        local = call.dialled_at.astimezone(zone)
        dialled[local.hour] += 1
        answered[local.hour] += call.answered_at is not None
        days[local.hour].add(local.date())
        if call.bridged_at and call.agent:
            talked[local.hour].add((local.date(), call.agent))
    failed = [call for call in told if call.result in FAILS]
    return Habits(
        calls=len(told),
        answered=sum(answered.values()),
        abandoned=sum(call.abandoned_at is not None for call in told),
        answer_rates={hour: answered[hour] / count for hour, count in sorted(dialled.items())},
        agents={hour: len(talked[hour]) / len(days[hour]) for hour in sorted(dialled)},
        rings=_seconds(told, lambda call: call.dialled_at, lambda call: call.answered_at),
        failures=_seconds(failed, lambda call: call.dialled_at, lambda call: call.ended_at),
        talks=_seconds(told, lambda call: call.bridged_at, lambda call: call.ended_at),
        wraps=tuple(
            seconds
            for seconds in _seconds(
                (call for call in told if call.bridged_at), lambda call: call.ended_at, lambda call: call.recorded_at
            )
            if seconds <= LONGEST_WRAP_UP_SECONDS
        ),
        failed_share=len(failed) / len(told) if told else 0.0,
        ring_timeout_seconds=_median(
            _seconds(
                (call for call in told if call.result is Result.NO_ANSWER),
                lambda call: call.dialled_at,
                lambda call: call.ended_at,
            )
        ),
    )


def _seconds(
    calls: Iterable[CallTimes],
    start: Callable[[CallTimes], datetime | None],
    end: Callable[[CallTimes], datetime | None],
) -> tuple[float, ...]:
    """From one instant to the other; an outcome recorded while the call was on left no wrap-up: 0."""
    spans = ((start(call), end(call)) for call in calls)
    return tuple(max(0.0, (until - since).total_seconds()) for since, until in spans if since and until)


def _median(seconds: tuple[float, ...]) -> float | None:
    return median(seconds) if seconds else None
