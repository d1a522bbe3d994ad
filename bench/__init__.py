"""Benchmarks: commands that print figures, never tests. Compare ratios within one run; the machine is noisy."""
