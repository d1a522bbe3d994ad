"""What each agent did, by name: no ranking."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from dialer.agents.session import Work
from dialer.kernel.money import Money
from dialer.reports.portfolio import PromiseFigures, amount
from dialer.reports.report import (
    GROUPS,
    PERIOD,
    About,
    Asked,
    Filter,
    Meant,
    Report,
    Unit,
    count,
    each,
    money,
    ratio,
    seconds,
    share,
    text,
    total,
)

HOUR_SECONDS = 3_600


@dataclass(frozen=True, slots=True)
class AgentCalls:
    """One agent's calls. wrapped: those with a wrap-up."""

    agent: str
    calls: int
    talk_seconds: float
    wrap_seconds: float
    wrapped: int
    contacts: int
    right_party: int


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent."""

    agent: Annotated[str, text("the agent's name, in its order: this is no ranking")]
    calls: Annotated[int, count("calls that were put through to the agent")]
    talk_hours: Annotated[float, Meant(Unit.HOURS, "from bridge to end, all together")]
    wrap_hours: Annotated[float, Meant(Unit.HOURS, "from end to outcome, where that came within 600 s, all together")]
    wrapped: Annotated[int, count("calls with such a wrap-up")]
    contacts: Annotated[int, count("calls in which a person was talked to, as the outcome says")]
    right_party: Annotated[int, count("calls with the debtor, or with who may speak for one")]
    promises: Annotated[int, count("promises and plans given in the period")]
    promised: Annotated[Money, money("all that was promised")]
    due: Annotated[
        int, count("of those promises: their time is over, or an instalment is missed; none that was replaced")
    ]
    kept: Annotated[int, count("of the due ones: paid in full, each instalment by its day and the days of grace")]
    cash: Annotated[Money, money("what came for those promises so far, late or not, less what was taken back")]
    logged_in_hours: Annotated[float | None, Meant(Unit.HOURS, "from log-in to log-out, all together")]
    break_hours: Annotated[float | None, Meant(Unit.HOURS, "of these: paused, whatever the reason, which isn't kept")]
    idle_hours: Annotated[
        float | None, Meant(Unit.HOURS, "of these: ready and waiting, or held for a call that nobody answered yet")
    ]

    @property
    def occupancy(self) -> Annotated[float | None, share("talk and wrap-up ÷ time logged in that was no break")]:
        if self.logged_in_hours is None or self.break_hours is None or self.idle_hours is None:
            return None
        at_work = self.logged_in_hours - self.break_hours
        return ratio(at_work - self.idle_hours, at_work)

    @property
    def mean_talk_seconds(self) -> Annotated[float | None, seconds("talk ÷ calls")]:
        return ratio(self.talk_hours * HOUR_SECONDS, self.calls)

    @property
    def mean_wrap_seconds(self) -> Annotated[float | None, seconds("wrap-up ÷ calls with one")]:
        return ratio(self.wrap_hours * HOUR_SECONDS, self.wrapped)

    @property
    def right_party_rate(self) -> Annotated[float | None, share("right party ÷ contacts")]:
        return ratio(self.right_party, self.contacts)

    @property
    def promise_rate(self) -> Annotated[float | None, share("promises ÷ right party")]:
        return ratio(self.promises, self.right_party)

    @property
    def kept_rate(self) -> Annotated[float | None, share("kept ÷ due")]:
        return ratio(self.kept, self.due)

    @property
    def cash_per_hour(self) -> Annotated[Money | None, money("cash ÷ hours of talk and wrap-up")]:
        return each(self.cash, self.talk_hours + self.wrap_hours)


ABOUT = About(
    "agents",
    "What did each agent do: calls, time, contacts, promises, and what became of them?",
    AgentLine,
    PERIOD | GROUPS | {Filter.CURRENCY},
    (
        "Calls belong to the instant at which they were cleared, promises to that at which they were given.",
        "Time logged in, breaks, idle time and occupancy are told of all campaigns and creditors together alone.",
        "They are kept by quarters of an hour, for [collector] working_times_days; a daemon that stands counts nothing.",
        "Promises in another currency are left out.",
    ),
)


def report(
    asked: Asked,
    calls: Iterable[AgentCalls],
    promises: Iterable[PromiseFigures],
    times: Mapping[str, Mapping[Work, float]],
) -> Report:
    """Each agent who had a call, or a promise, or was logged in. times: seconds at each kind of work."""
    done = {one.agent: one for one in calls}
    given: dict[str, list[PromiseFigures]] = defaultdict(list)
    for promise in promises:
        given[promise.judged.promise.agent].append(promise)
    lines = [
        _line(asked, done.get(name) or AgentCalls(name, 0, 0.0, 0.0, 0, 0, 0), given[name], times.get(name))
        for name in sorted({*done, *given, *times})
    ]
    return Report(ABOUT, asked, tuple(lines), total(lines))


def _line(
    asked: Asked, calls: AgentCalls, promises: list[PromiseFigures], times: Mapping[Work, float] | None
) -> AgentLine:
    def hours(*works: Work) -> float | None:
        return None if times is None else sum(times.get(work, 0.0) for work in works) / HOUR_SECONDS

    return AgentLine(
        agent=calls.agent,
        calls=calls.calls,
        talk_hours=calls.talk_seconds / HOUR_SECONDS,
        wrap_hours=calls.wrap_seconds / HOUR_SECONDS,
        wrapped=calls.wrapped,
        contacts=calls.contacts,
        right_party=calls.right_party,
        promises=len(promises),
        promised=amount((one.judged.promise.amount.cents for one in promises), asked),
        due=sum(one.due for one in promises),
        kept=sum(one.kept for one in promises),
        cash=amount((one.judged.paid.cents for one in promises), asked),
        logged_in_hours=hours(*Work),
        break_hours=hours(Work.PAUSED),
        idle_hours=hours(Work.READY, Work.RESERVED),
    )
