"""Results of many days as a table for people."""

from collections.abc import Iterable
from itertools import groupby
from statistics import mean

from pacing.lab.result import Result

FEW_ANSWERS = 34
"""Below so many live answers a day can't hold one abandoned call under a cap of 3 %."""

HEAD = ("scenario", "agents", "pacer", "occupancy", "abandoned", "worst day", "days over", "days", "idle s/call", "worst hour", "first 10 min", "after jumps", "launches", "few", "vanished")  # fmt: skip


def rows(results: Iterable[Result], cap: float) -> list[tuple[str, ...]]:
    """One row for each scenario, team and pacer: means over its days, days above the cap, the worst.

    Days with fewer than `FEW_ANSWERS` live answers are counted under `few` instead of under `over`, and abandoned calls
    that a vanished agent would have taken don't put a day over; both are shown.
    """

    def cell(result: Result) -> tuple[str, int, str]:
        return result.scenario, result.agents, result.pacer

    return [
        _row(*key, list(days), cap)
        for key, days in groupby(sorted(results, key=lambda result: (*cell(result), result.seed)), cell)
    ]


def text(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """The table in Markdown, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]

    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), line("-" * width for width in widths), *map(line, lines)])


def _row(scenario: str, agents: int, pacer: str, days: list[Result], cap: float) -> tuple[str, ...]:
    full = [day for day in days if day.answered >= FEW_ANSWERS]
    over = sum(day.own_ratio > cap for day in full)
    few = len(days) - len(full)
    return (
        scenario,
        str(agents),
        pacer,
        f"{100 * mean(day.occupancy for day in days):.2f} %",
        f"{100 * mean(day.ratio for day in days):.2f} %",
        f"{100 * max((day.own_ratio for day in full), default=0.0):.2f} %",
        str(over),
        str(len(days)),
        f"{mean(day.idle_seconds_per_call for day in days):.1f}",
        f"{100 * max(day.worst_hour for day in days):.1f} %",
        f"{100 * mean(day.first_ten_minutes for day in days):.1f} %",
        f"{100 * mean(day.after_jumps for day in days):.1f} %",
        str(round(mean(day.launches for day in days))),
        str(few),
        str(sum(day.vanished for day in days)),
    )
