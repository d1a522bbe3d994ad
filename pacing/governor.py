"""What no mode may exceed: channels, calls per second, halt, a sick trunk."""

from dataclasses import dataclass

from pacing.burst import Burst, Limit, sentence
from pacing.floor import Floor
from pacing.target import Target

BURST_SECONDS = 0.25
"""How much unused rate may be saved up: enough for one tick, so that the trunk sees a smooth flow."""
SICK_AFTER_FAILURES = 5
"""Calls in a row that never left our side, after which the trunk is only probed."""
PROBE_SECONDS = 10.0
"""Time between two probes of a sick trunk."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the governor remembers between two decisions.

    tokens: calls that the rate allows now (token bucket).
    since_probe_seconds: since the last call into a sick trunk.
    """

    tokens: float = 1.0
    since_probe_seconds: float = PROBE_SECONDS


def limit(wanted: int, floor: Floor, target: Target, memory: Memory) -> tuple[Burst, Memory]:
    """Cut what a mode wants down to what may be placed now, and say what cut it.

    The rate is a token bucket: tokens grow by `calls_per_second` times the elapsed time, up to the worth of
    `BURST_SECONDS` and one call more, and each call takes one. So no second sees more than
    `calls_per_second * (1 + BURST_SECONDS) + 1` calls.
    """
    most = target.calls_per_second * BURST_SECONDS + 1.0
    tokens = min(most, memory.tokens + target.calls_per_second * floor.elapsed_seconds)
    since_probe = memory.since_probe_seconds + floor.elapsed_seconds
    sick = floor.trunk_failures >= SICK_AFTER_FAILURES

    # in the order in which a supervisor would want to hear of them
    bounds = [(0 if floor.halted else wanted, Limit.HALT)]
    if sick:
        bounds.append((1 if since_probe >= PROBE_SECONDS and not floor.dialling else 0, Limit.TRUNK))
    if floor.cases is not None:
        bounds.append((floor.cases, Limit.CASES))
    bounds += [
        (wanted, Limit.AGENTS),
        (max(0, target.channels - floor.channels_in_use), Limit.CHANNELS),
        (int(tokens), Limit.RATE),
    ]
    calls = min(bound for bound, _ in bounds)
    limited_by = Limit.HALT if floor.halted else next(by for bound, by in bounds[1:] if bound == calls)
    burst = Burst(
        calls=calls,
        wanted=wanted,
        risk_last=0.0,
        risk_next=1.0 if calls >= wanted else 0.0,
        limit=limited_by,
        sentence=sentence(
            limited_by,
            idle=len(floor.idle),
            dialling=len(floor.dialling) + len(floor.waiting) + calls,
            in_use=floor.channels_in_use,
            channels=target.channels,
            rate=target.calls_per_second,
            failures=floor.trunk_failures,
        ),
    )
    return burst, Memory(tokens - calls, 0.0 if sick and calls else since_probe)
