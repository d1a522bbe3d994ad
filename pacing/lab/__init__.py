"""The laboratory: a floor simulated in virtual time, to measure pacers on.

Chance is seeded: the same scenario, team and seed give the same day, and every pacer meets the same public.
"""

from pacing.lab.day import Pacer, run_day
from pacing.lab.result import Result
from pacing.lab.scenario import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Pacer", "Result", "Scenario", "run_day"]
