"""Many days: cells of scenario, team and pacer, over the same seeds, on as many processes as the machine can spare."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context

from pacing import carried_over
from pacing.lab.day import TARGET, Pacer, run_day
from pacing.lab.optimum import KnownLaws, tuned
from pacing.lab.pacers import PACERS, Cadenza
from pacing.lab.result import Result
from pacing.lab.scenario import Scenario
from pacing.lab.table import OPTIMUM
from pacing.target import Target

WARM = "cadenza-warm"
"""Ours, with what it carried over from a day like this one."""
YESTERDAY_SEED = 1_000_000
"""Added to a day's seed for the day before."""
EVERY = (OPTIMUM, WARM, *PACERS)
"""What a cell may name as its pacer."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One pacer on one floor for some days.

    pacer: of `PACERS`; or the optimum, whose threshold is tuned on all these days; or ours as it begins the day after
        another one.
    """

    scenario: Scenario
    agents: int
    pacer: str
    seeds: tuple[int, ...]
    target: Target = TARGET


def run(cell: Cell) -> list[Result]:
    """Simulate the cell's days."""
    if cell.pacer == OPTIMUM:
        return tuned(lambda threshold: _at_threshold(cell, threshold), cell.target.max_abandonment)
    return [_day(cell, seed, _pacer(cell, seed)) for seed in cell.seeds]


def cells(
    scenarios: Iterable[Scenario],
    teams: Iterable[int],
    pacers: Iterable[str],
    seeds: Iterable[int],
    target: Target = TARGET,
) -> list[Cell]:
    """Every combination, with the same seeds."""
    days = tuple(seeds)
    return [Cell(*chosen, days, target) for chosen in product(scenarios, teams, pacers)]


def run_all(cells: Iterable[Cell], processes: int = 1) -> Iterator[list[Result]]:
    """Simulate every cell; the results come in the order of the cells, whatever the number of processes."""
    if processes == 1:
        yield from map(run, cells)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, cells)


def _pacer(cell: Cell, seed: int) -> Pacer:
    if cell.pacer != WARM:
        return PACERS[cell.pacer]()
    yesterday = Cadenza()
    _day(cell, seed + YESTERDAY_SEED, yesterday)
    return Cadenza(carried_over(yesterday.memory))


def _at_threshold(cell: Cell, threshold: float) -> list[Result]:
    return [_day(cell, seed, KnownLaws(cell.scenario, threshold)) for seed in cell.seeds]


def _day(cell: Cell, seed: int, pacer: Pacer) -> Result:
    return run_day(cell.scenario, cell.agents, seed, pacer, target=cell.target, pacer_name=cell.pacer)
