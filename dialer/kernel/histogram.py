"""Measured values, counted by size: what the parts of the daemon keep, and Prometheus reads."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Histogram:
    """Counts of values up to each bound, their number and their sum."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    count: int = 0
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * len(self.bounds)

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        for index, bound in enumerate(self.bounds):
            if value <= bound:
                self.counts[index] += 1
