"""Many days: cells of scenario, team and pacer, over the same seeds, on as many processes as the machine can spare."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context

from pacing.lab.day import TARGET, run_day
from pacing.lab.optimum import KnownLaws, tuned
from pacing.lab.pacers import PACERS
from pacing.lab.result import Result
from pacing.lab.scenario import SCENARIOS, Scenario
from pacing.lab.table import OPTIMUM


@dataclass(frozen=True, slots=True)
class Cell:
    """One pacer on one floor for some days, by names, so that a process can be told.

    pacer: of `PACERS`, or the optimum, whose threshold is tuned on all these days.
    hours: the day is cut to this length; None: as the scenario says.
    """

    scenario: str
    agents: int
    pacer: str
    seeds: tuple[int, ...]
    hours: float | None = None


def run(cell: Cell) -> list[Result]:
    """Simulate the cell's days."""
    scenario = SCENARIOS[cell.scenario]
    if cell.hours is not None:
        scenario = replace(scenario, seconds=cell.hours * 3600.0)
    if cell.pacer == OPTIMUM:
        return tuned(lambda threshold: _at_threshold(scenario, cell, threshold), TARGET.max_abandonment)
    return [run_day(scenario, cell.agents, seed, PACERS[cell.pacer](), pacer_name=cell.pacer) for seed in cell.seeds]


def cells(
    scenarios: Iterable[str],
    teams: Iterable[int],
    pacers: Iterable[str],
    seeds: Iterable[int],
    hours: float | None = None,
) -> list[Cell]:
    """Every combination, with the same seeds."""
    days = tuple(seeds)
    return [Cell(*names, days, hours) for names in product(scenarios, teams, pacers)]


def run_all(cells: Iterable[Cell], processes: int = 1) -> Iterator[list[Result]]:
    """Simulate every cell; the results come in the order of the cells, whatever the number of processes."""
    if processes == 1:
        yield from map(run, cells)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, cells)


def _at_threshold(scenario: Scenario, cell: Cell, threshold: float) -> list[Result]:
    return [
        run_day(scenario, cell.agents, seed, KnownLaws(scenario, threshold), pacer_name=OPTIMUM) for seed in cell.seeds
    ]
