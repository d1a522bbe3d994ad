"""Many days: cells of scenario, team and pacer, over the same seeds, on as many processes as the machine can spare."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

from pacing.lab.day import TARGET, run_day
from pacing.lab.pacers import PACERS
from pacing.lab.result import Result
from pacing.lab.scenario import SCENARIOS


@dataclass(frozen=True, slots=True)
class Cell:
    """One pacer on one floor for one day, by names, so that a process can be told.

    hours: the day is cut to this length; None: as the scenario says.
    """

    scenario: str
    agents: int
    pacer: str
    seed: int
    hours: float | None = None


def run(cell: Cell) -> Result:
    """Simulate the cell's day."""
    scenario = SCENARIOS[cell.scenario]
    if cell.hours is not None:
        scenario = replace(scenario, seconds=cell.hours * 3600.0)
    return run_day(scenario, cell.agents, cell.seed, PACERS[cell.pacer](), target=TARGET, pacer_name=cell.pacer)


def run_all(cells: Iterable[Cell], processes: int = 1) -> Iterator[Result]:
    """Simulate every cell; the results come in the order of the cells, whatever the number of processes."""
    if processes == 1:
        yield from map(run, cells)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run, cells)
