"""What a setting would come to on a floor: simulated before anybody is called."""

from dataclasses import dataclass, replace

from pacing import Mode, Target, carried_over
from pacing.lab import Scenario
from pacing.lab.day import run_day
from pacing.lab.pacers import Cadenza
from pacing.lab.result import Result

MODES = frozenset({Mode.PROGRESSIVE, Mode.PREDICTIVE})
"""Those that the laboratory knows."""
SEEDS = (1, 2)
TAUGHT_SEED = 3
TAUGHT_SECONDS = 1_800.0
"""A predictive floor has learnt already: it begins with what so long on another day taught."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the same simulated days came to. abandonment: share of the live answers; occupancy: of the agents' time."""

    abandonment: float
    occupancy: float
    calls_per_hour: float
    answered: int


def outlook(floor: Scenario, agents: int, target: Target) -> Outlook:
    """Some days together, the same ones for every target."""
    taught = Cadenza()
    if target.mode is Mode.PREDICTIVE:
        run_day(replace(floor, seconds=TAUGHT_SECONDS), agents, TAUGHT_SEED, taught, target=target)
    days = [run_day(floor, agents, seed, Cadenza(carried_over(taught.memory)), target=target) for seed in SEEDS]
    answered = sum(day.answered for day in days)
    return Outlook(
        abandonment=_share(sum(day.abandoned for day in days), answered),
        occupancy=_share(sum(map(_busy_seconds, days)), sum(_busy_seconds(day) + day.idle_seconds for day in days)),
        calls_per_hour=sum(day.launches for day in days) / len(days) / (floor.seconds / 3_600.0),
        answered=answered,
    )


def _busy_seconds(day: Result) -> float:
    return day.talk_seconds + day.wrap_seconds


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
