"""Cells simulated and told: a table as they come, and on demand a folder with CSV and pictures."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pacing.lab import plots, table
from pacing.lab.result import Result
from pacing.lab.runs import Cell, run_all


def simulate(cells: Sequence[Cell], processes: int, tell: Callable[[str], None]) -> list[Result]:
    """Simulate the cells and tell the table."""
    results = [day for days in run_all(cells, processes) for day in days]
    tell(table.text(table.lines(results, cells[0].target.max_abandonment)))
    return results


def write(results: list[Result], folder: Path, cap: float) -> None:
    """Write `table.csv`, `occupancy-<scenario>.svg`, and for each scenario and team the day's `abandonment` and `budget`."""
    made = table.lines(results, cap)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.csv").write_text(table.as_csv(made))
    for scenario in dict.fromkeys(line.scenario for line in made):
        (folder / f"occupancy-{scenario}.svg").write_text(plots.occupancy_by_team(made, scenario))
    for scenario, agents in dict.fromkeys((day.scenario, day.agents) for day in results):
        days = [day for day in results if (day.scenario, day.agents) == (scenario, agents)]
        (folder / f"abandonment-{scenario}-{agents}.svg").write_text(plots.abandonment_over_day(days, cap))
        (folder / f"budget-{scenario}-{agents}.svg").write_text(plots.budget_over_day(days, cap))
