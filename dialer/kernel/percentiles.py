"""Percentiles of measured times."""

from math import ceil

_RANKS = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}


def percentiles(ordered: list[float]) -> dict[str, float]:
    """The percentiles 50, 95 and 99 and the maximum of ascending values, by nearest rank; empty for none."""
    if not ordered:
        return {}
    return {name: ordered[max(0, ceil(len(ordered) * rank) - 1)] for name, rank in _RANKS.items()}
