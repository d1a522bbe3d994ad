"""Results of many days, one line for each scenario, team and pacer: as a table for people, as CSV for programs."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields, replace
from itertools import groupby
from statistics import mean

from pacing.lab.result import Result

FEW_ANSWERS = 34
"""Below so many live answers a day can't hold one abandoned call under a cap of 3 %."""
OPTIMUM = "optimum"
"""The pacer that the others are measured by."""


@dataclass(frozen=True, slots=True)
class Line:
    """Means over the days of a cell, unless the name says worst. Ratios and shares are parts of one.

    share: of the optimum's occupancy on the same days; None where it wasn't simulated.
    days_over: days above the cap, apart from those with few answers; worst_day: the highest ratio of them. Neither counts
        calls that a vanished agent would have taken: those are summed in vanished.
    few: days with fewer than `FEW_ANSWERS` live answers.
    first_ten, after_jumps: the ratio in the first ten minutes, and in the ten minutes after each jump.
    """

    scenario: str
    agents: int
    pacer: str
    days: int
    occupancy: float
    share: float | None
    abandoned: float
    days_over: int
    worst_day: float
    worst_hour: float
    first_ten: float
    after_jumps: float
    idle_seconds_per_call: float
    launches: int
    few: int
    vanished: int


def lines(results: Iterable[Result], cap: float) -> list[Line]:
    """One line for each scenario, team and pacer, in their order of first appearance."""
    results = list(results)
    order = {cell: index for index, cell in enumerate(dict.fromkeys(map(_cell, results)))}
    grouped = groupby(sorted(results, key=lambda result: order[_cell(result)]), _cell)
    made = [_line(list(days), cap) for _, days in grouped]
    best = {(line.scenario, line.agents): line.occupancy for line in made if line.pacer == OPTIMUM}
    return [
        replace(line, share=line.occupancy / bound if (bound := best.get((line.scenario, line.agents))) else None)
        for line in made
    ]


def text(made: list[Line]) -> str:
    """A table in Markdown, its columns aligned."""
    head = ("scenario", "agents", "pacer", "days", "occupancy", "of optimum", "abandoned", "over cap", "worst day", "worst hour", "first 10 min", "after jumps", "idle s/call", "calls", "few", "vanished")  # fmt: skip
    rows = [
        (
            line.scenario, str(line.agents), line.pacer, str(line.days),
            *map(_percent, (line.occupancy, line.share, line.abandoned)), str(line.days_over),
            *map(_percent, (line.worst_day, line.worst_hour, line.first_ten, line.after_jumps)),
            f"{line.idle_seconds_per_call:.1f}", str(line.launches), str(line.few), str(line.vanished),
        )
        for line in made
    ]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def row(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([row(head), row("-" * width for width in widths), *map(row, rows)])


def as_csv(made: list[Line]) -> str:
    """The same as CSV, with the names of `Line`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(field.name for field in fields(Line))
    writer.writerows(astuple(line) for line in made)
    return out.getvalue()


def _cell(result: Result) -> tuple[str, int, str]:
    return result.scenario, result.agents, result.pacer


def _line(days: list[Result], cap: float) -> Line:
    full = [day for day in days if day.answered >= FEW_ANSWERS]
    scenario, agents, pacer = _cell(days[0])
    return Line(
        scenario=scenario,
        agents=agents,
        pacer=pacer,
        days=len(days),
        occupancy=mean(day.occupancy for day in days),
        share=None,
        abandoned=mean(day.ratio for day in days),
        days_over=sum(day.own_ratio > cap for day in full),
        worst_day=max((day.own_ratio for day in full), default=0.0),
        worst_hour=max(day.worst_hour for day in days),
        first_ten=mean(day.first_ten_minutes for day in days),
        after_jumps=mean(day.after_jumps for day in days),
        idle_seconds_per_call=mean(day.idle_seconds_per_call for day in days),
        launches=round(mean(day.launches for day in days)),
        few=len(days) - len(full),
        vanished=sum(day.vanished for day in days),
    )


def _percent(part: float | None) -> str:
    return "" if part is None else f"{100 * part:.2f} %"
