"""What no mode may exceed: channels, calls per second, halt, a sick trunk."""

import math
from dataclasses import dataclass

from pacing.burst import Burst, Limit, Wish, sentence
from pacing.floor import Floor
from pacing.target import Target

BURST_SECONDS = 0.25
"""How much unused rate may be saved up: enough for one tick, so that the trunk sees a smooth flow."""
SICK_AFTER_FAILURES = 5
"""Calls in a row that never left our side, after which the trunk is only probed."""
PROBE_SECONDS = 10.0
"""Time between two probes of a sick trunk."""
LATE_SECONDS = 0.5
"""A PBX that takes longer to accept a call, or tells of events later than that, is given fewer: half at twice the time."""
RAMP_BEGINS = 0.1
"""Share of the rate with which a ramp begins."""
FIRST = frozenset({Limit.HALT, Limit.TRUNK, Limit.HOURS, Limit.CASES})
"""These are told even where the mode itself wants no more."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What the governor remembers between two decisions.

    tokens: calls that the rate allows now (token bucket).
    since_probe_seconds: since the last call into a sick trunk.
    running_seconds: since dialling was possible again (a start, a reconnect).
    """

    tokens: float = 1.0
    since_probe_seconds: float = PROBE_SECONDS
    running_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What may be placed now: the tightest bounds first, for those who ask why; and what the rate allows."""

    bounds: tuple[tuple[int, Limit], ...]
    tokens: float
    calls_per_second: float
    sick: bool
    since_probe_seconds: float
    running_seconds: float

    @property
    def most(self) -> int:
        return min(bound for bound, _ in self.bounds)


def room(floor: Floor, target: Target, memory: Rate) -> Room:
    """How many calls may be placed now, whatever a mode wants.

    The rate is a token bucket: tokens grow by `calls_per_second` times the elapsed time, up to the worth of
    `BURST_SECONDS` and one call more, and each call takes one. So no second sees more than
    `calls_per_second * (1 + BURST_SECONDS) + 1` calls. After a start the rate grows in a straight line for
    `ramp_seconds`, and a PBX that falls behind is given fewer calls.
    """
    trunk_seconds = floor.elapsed_seconds if floor.trunk_seconds is None else floor.trunk_seconds
    running = 0.0 if floor.halted else memory.running_seconds + floor.elapsed_seconds
    ramp = min(1.0, max(RAMP_BEGINS, running / target.ramp_seconds)) if target.ramp_seconds > 0 else 1.0
    late = max(floor.acknowledgement_seconds, floor.lag_seconds)
    rate = target.calls_per_second * min(ramp, LATE_SECONDS / late if late > LATE_SECONDS else 1.0)
    why = Limit.RATE if rate >= target.calls_per_second else Limit.RAMP if ramp * late < LATE_SECONDS else Limit.LATE
    most = rate * BURST_SECONDS + 1.0
    tokens = min(most, memory.tokens + rate * trunk_seconds)
    since_probe = memory.since_probe_seconds + trunk_seconds
    sick = floor.trunk_failures >= SICK_AFTER_FAILURES
    # in the order in which a supervisor would want to hear of them
    bounds = []
    if floor.halted:
        bounds.append((0, Limit.HALT))
    if sick:
        bounds.append((1 if since_probe >= PROBE_SECONDS and not floor.dialling else 0, Limit.TRUNK))
    if floor.cases is not None:
        bounds.append((floor.cases, Limit.CASES if floor.opens_in_seconds is None else Limit.HOURS))
    bounds += [(max(0, target.channels - floor.channels_in_use), Limit.CHANNELS), (int(tokens), why)]
    return Room(tuple(bounds), tokens, rate, sick, since_probe, running)


def limit(wish: Wish, room: Room, floor: Floor, target: Target) -> tuple[Burst, Rate]:
    """Cut what a mode wants down to what may be placed now, and say what cut it."""
    calls = min(wish.calls, room.most)
    first = [by for bound, by in room.bounds if bound == calls and by in FIRST]
    rest = [by for bound, by in ((wish.calls, wish.limit), *room.bounds) if bound == calls]
    limited_by = (first or rest)[0]
    risk_next = wish.risks[calls] if calls < len(wish.risks) else float(calls >= wish.calls)
    burst = Burst(
        calls=calls,
        wanted=wish.calls,
        risk_last=wish.risks[calls - 1] if 0 < calls <= len(wish.risks) else 0.0,
        risk_next=risk_next,
        limit=limited_by,
        sentence=sentence(
            limited_by,
            risky=wish.threshold > 0,
            idle=len(floor.idle),
            dialling=len(floor.dialling) + len(floor.waiting) + calls,
            in_use=floor.channels_in_use,
            channels=target.channels,
            rate=room.calls_per_second,
            opens_in=_hours(floor.opens_in_seconds or 0.0),
            late_seconds=max(floor.acknowledgement_seconds, floor.lag_seconds),
            failures=floor.trunk_failures,
            budget=wish.budget,
            account=wish.account or "no pack has a cap",
            threshold=wish.threshold,
            risk_next=risk_next,
        ),
        risk_limit=wish.threshold,
        budget_calls=wish.budget,
        answer_chance=wish.answer_chance,
    )
    since_probe_seconds = 0.0 if room.sick and calls else room.since_probe_seconds
    return burst, Rate(room.tokens - calls, since_probe_seconds, room.running_seconds)


def _hours(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
