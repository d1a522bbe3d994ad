"""Pictures of simulated days, as SVG: occupancy against team size, abandonment over the day, the budget."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate
from math import log10

from pacing.lab.result import Result
from pacing.lab.table import Line

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 40, 45
COLOURS = ("#0b6e4f", "#c0392b", "#2e6fb7", "#b8860b", "#7d3c98", "#16a085", "#7f8c8d", "#d35400", "#34495e", "#e377c2", "#8c564b", "#bcbd22", "#17becf")  # fmt: skip
TICKS = 5


@dataclass(frozen=True, slots=True)
class Series:
    """One curve and its name."""

    name: str
    points: tuple[tuple[float, float], ...]


def occupancy_by_team(lines: Iterable[Line], scenario: str) -> str:
    """How busy the agents are against the size of the team, one curve a pacer."""
    curves: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        if line.scenario == scenario:
            curves.setdefault(line.pacer, []).append((line.agents, 100 * line.occupancy))
    series = [Series(name, tuple(sorted(points))) for name, points in curves.items()]
    return chart(f"{scenario}: occupancy, %", "agents", series, logarithmic=True)


def abandonment_over_day(results: Iterable[Result], cap: float) -> str:
    """The share abandoned so far, through the first day of each pacer, beside the cap."""
    series = [
        Series(day.pacer, _over_day(day, lambda answered, lost: 100 * lost / answered if answered else 0.0))
        for day in _first_days(results)
    ]
    hours = max(x for curve in series for x, _ in curve.points)
    series.append(Series("cap", ((0.0, 100 * cap), (hours, 100 * cap))))
    return chart("abandoned so far, % of the live answers", "hours", series)


def budget_over_day(results: Iterable[Result], cap: float) -> str:
    """Calls that may still be abandoned, through the first day of each pacer: below zero it is overdrawn."""
    series = [
        Series(day.pacer, _over_day(day, lambda answered, lost: cap * answered - lost)) for day in _first_days(results)
    ]
    return chart("budget: calls that may still be abandoned", "hours", series)


def chart(title: str, across: str, series: Sequence[Series], *, logarithmic: bool = False) -> str:
    """Curves in one frame, with ticks and a legend."""
    scale: Callable[[float], float] = log10 if logarithmic else float
    xs = [scale(x) for curve in series for x, _ in curve.points]
    ys = [y for curve in series for _, y in curve.points]
    left, right = _range(xs)
    low, high = _range([0.0, *ys] if min(ys) >= 0 else ys)

    def x_at(x: float) -> float:
        return LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT)

    def y_at(y: float) -> float:
        return HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        _text(LEFT, TOP - 15, title, "font-size='15'"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, across, "text-anchor='middle'"),
    ]
    for step in range(TICKS + 1):
        y = low + (high - low) * step / TICKS
        parts.append(f'<path d="M{LEFT} {y_at(y):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y_at(y) + 4, f"{y:.3g}", "text-anchor='end'"))
    marks = sorted({x for curve in series for x, _ in curve.points}) if logarithmic else _steps(left, right)
    parts += [_text(x_at(scale(x)), HEIGHT - BOTTOM + 16, f"{x:g}", "text-anchor='middle'") for x in marks]
    for index, curve in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join(f"{x_at(scale(x)):.1f},{y_at(y):.1f}" for x, y in curve.points)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(_text(WIDTH - RIGHT + 12, TOP + 16 * index + 8, curve.name, f"fill='{colour}'"))
    return "\n".join([*parts, "</svg>", ""])


def _first_days(results: Iterable[Result]) -> list[Result]:
    first: dict[str, Result] = {}
    for day in results:
        first.setdefault(day.pacer, day)
    return list(first.values())


def _over_day(day: Result, of: Callable[[int, int], float]) -> tuple[tuple[float, float], ...]:
    answered = accumulate(answers for answers, _ in day.minutes)
    lost = accumulate(lost for _, lost in day.minutes)
    return tuple((minute / 60, of(*sums)) for minute, sums in enumerate(zip(answered, lost, strict=True), start=1))


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _steps(left: float, right: float) -> list[float]:
    return [round(left + (right - left) * step / TICKS, 1) for step in range(TICKS + 1)]


def _text(x: float, y: float, text: str, more: str) -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' {more}>{escape(text)}</text>"
