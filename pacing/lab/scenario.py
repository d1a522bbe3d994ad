"""Scenarios: what a day on the floor is like, as data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pacing.lab.public import LogNormal, Public, Recorded

HOUR = 3600.0
MINUTE = 60.0
DAY_SECONDS = 8 * HOUR
USUAL_PUBLIC = Public()


class Outage(StrEnum):
    """What can go wrong between us and the public."""

    SILENT = "silent"
    """Every call rings out."""
    FAILING = "failing"
    """The network ends every call at once."""
    TRUNK = "trunk"
    """No call leaves our side."""


@dataclass(frozen=True, slots=True)
class Pace:
    """A talker's speed: factors on the drawn talk and wrap-up; kind: its name as the pacer may hear it."""

    talk: float = 1.0
    wrap: float = 1.0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Shift:
    """When an agent is there; told so long ahead."""

    start_seconds: float = 0.0
    end_seconds: float = float("inf")
    told_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Churn:
    """Agents who come and go: exponential times there and away.

    told_share: of the leaves that are announced, `told_seconds` ahead; the others happen on the spot, after the call if
        there is one.
    vanish_share: of the leaves that cut the call off (a phone or a line that dies).
    """

    there_seconds: float = 45 * MINUTE
    away_seconds: float = 8 * MINUTE
    told_share: float = 0.7
    told_seconds: float = 60.0
    vanish_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of day.

    rates: the answer rate from each instant on (seconds, rate), in order; with `slope` it runs straight between them.
    jumps: instants after which the pacer is looked at closely; a step of the rate by default.
    outages: from, until, what.
    paces, shifts: dealt to the agents in turn. A pacer hears an agent's pace where it has a kind.
    inbound_per_agent_hour: calls that come in, from each instant on; served before ours.
    callbacks_per_agent_hour: calls due at a fixed time, known `callback_told_seconds` ahead; served before ours.
    """

    name: str
    rates: tuple[tuple[float, float], ...]
    slope: bool = False
    public: Public | Recorded = USUAL_PUBLIC
    outages: tuple[tuple[float, float, Outage], ...] = ()
    paces: tuple[Pace, ...] = (Pace(),)
    shifts: tuple[Shift, ...] = (Shift(),)
    churn: Churn | None = None
    inbound_per_agent_hour: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    callbacks_per_agent_hour: float = 0.0
    callback_told_seconds: float = 120.0
    seconds: float = DAY_SECONDS
    jumps: tuple[float, ...] = field(default=())

    def answer_rate(self, at_seconds: float) -> float:
        """The chance that a call placed at this instant is answered, were there no outage."""
        return _at(self.rates, at_seconds, slope=self.slope)

    def outage(self, at_seconds: float) -> Outage | None:
        """What is wrong at this instant."""
        return next((what for start, end, what in self.outages if start <= at_seconds < end), None)

    def jump_instants(self) -> tuple[float, ...]:
        """The given jumps, or the steps of the answer rate."""
        return self.jumps or (() if self.slope else tuple(at for at, _ in self.rates[1:]))


def _at(points: Sequence[tuple[float, float]], at_seconds: float, *, slope: bool) -> float:
    before = points[0]
    for after in points[1:]:
        if after[0] > at_seconds:
            if not slope:
                break
            share = (at_seconds - before[0]) / (after[0] - before[0])
            return before[1] + share * (after[1] - before[1])
        before = after
    return before[1]


def _steps(*rates: float, every_seconds: float) -> tuple[tuple[float, float], ...]:
    """The rates in turn, over and over for a day."""
    return tuple(
        (index * every_seconds, rates[index % len(rates)]) for index in range(int(DAY_SECONDS / every_seconds))
    )


def _spikes(base: float, peak: float, *, every_seconds: float, seconds: float) -> tuple[tuple[float, float], ...]:
    points = [(0.0, base)]
    for index in range(1, int(DAY_SECONDS / every_seconds)):
        start = index * every_seconds
        points += [(start, peak), (start + seconds, base)]
    return tuple(points)


_USUAL = ((0.0, 0.25),)
_DAILY = (
    (0.0, 0.18),
    (HOUR, 0.24),
    (2 * HOUR, 0.28),
    (3.5 * HOUR, 0.22),
    (4.5 * HOUR, 0.30),
    (6 * HOUR, 0.34),
    (8 * HOUR, 0.42),
)
_OUTAGES_AT = (1.5 * HOUR, 4 * HOUR, 6.5 * HOUR)


def _outages(what: Outage) -> tuple[tuple[float, float, Outage], ...]:
    return tuple((at, at + 6 * MINUTE, what) for at in _OUTAGES_AT)


def _after_outages() -> tuple[float, ...]:
    return tuple(at + 6 * MINUTE for at in _OUTAGES_AT)


_ALL = (
    Scenario("constant-10", ((0.0, 0.10),)),
    Scenario("constant-25", _USUAL),
    Scenario("constant-40", ((0.0, 0.40),)),
    Scenario("step-up", ((0.0, 0.15), (4 * HOUR, 0.40))),
    Scenario("step-down", ((0.0, 0.40), (4 * HOUR, 0.15))),
    Scenario("steps", _steps(0.15, 0.40, every_seconds=HOUR)),
    Scenario("ramp", ((0.0, 0.10), (DAY_SECONDS, 0.45)), slope=True),
    Scenario("daily", _DAILY, slope=True),
    Scenario("lists", _steps(0.12, 0.38, every_seconds=10 * MINUTE)),
    Scenario("spikes", _spikes(0.12, 0.45, every_seconds=40 * MINUTE, seconds=2 * MINUTE)),
    Scenario("outage-silent", _USUAL, outages=_outages(Outage.SILENT), jumps=_after_outages()),
    Scenario("outage-failing", _USUAL, outages=_outages(Outage.FAILING), jumps=_after_outages()),
    Scenario("outage-trunk", _USUAL, outages=_outages(Outage.TRUNK), jumps=_after_outages()),
    Scenario("mixed-agents", _USUAL, paces=(Pace(0.5, 0.5), Pace(), Pace(1.0, 3.0), Pace(2.0, 1.0))),
    Scenario("known-agents", _USUAL, paces=(Pace(0.5, 0.5, "quick"), Pace(kind="usual"), Pace(1.0, 3.0, "thorough"), Pace(2.0, 1.0, "patient"))),
    Scenario("churn", _USUAL, churn=Churn()),
    Scenario("vanishing", _USUAL, churn=Churn(told_share=0.4, vanish_share=0.5)),
    Scenario("shifts", _USUAL, shifts=(Shift(), Shift(HOUR, 5 * HOUR), Shift(0.0, 4 * HOUR), Shift(4 * HOUR))),
    Scenario("early-end", _USUAL, shifts=(Shift(end_seconds=3 * HOUR),)),
    Scenario("short-calls", _USUAL, public=Public(short_share=0.9, short=LogNormal(5.0, 0.3), wrap_seconds=10.0)),
    Scenario("long-calls", _USUAL, public=Public(short_share=0.1, long=LogNormal(420.0, 0.5))),
    Scenario("long-ring", _USUAL, public=Public(ring=LogNormal(13.0, 0.5))),
    Scenario("inbound", _USUAL, inbound_per_agent_hour=((0.0, 1.0), (2 * HOUR, 6.0), (3 * HOUR, 1.0), (6 * HOUR, 8.0), (6.5 * HOUR, 2.0))),
    Scenario("call-backs", _USUAL, callbacks_per_agent_hour=3.0),
)  # fmt: skip

SCENARIOS = {scenario.name: scenario for scenario in _ALL}
"""Every scenario by its name."""
