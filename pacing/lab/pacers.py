"""Who may pace a simulated floor, by name: Cadenza's own code, and the rivals."""

from collections.abc import Callable

import pacing
from pacing import progressive
from pacing.floor import Floor
from pacing.lab.day import Pacer
from pacing.target import Target


class Cadenza:
    """The very code that dials, keeping its memory from one decision to the next."""

    def __init__(self, memory: pacing.Memory | None = None) -> None:
        """Begin cold, or with what was learnt before."""
        self.memory = memory or pacing.Memory()

    def decide(self, floor: Floor, target: Target) -> int:
        """How many calls to place now."""
        burst, self.memory = pacing.size(floor, target, self.memory)
        return burst.calls


class Progressive:
    """One line for each free agent."""

    def decide(self, floor: Floor, target: Target) -> int:  # noqa: ARG002 it has no choice
        """Free agents less the lines that may need them."""
        return progressive.wish(floor).calls


PACERS: dict[str, Callable[[], Pacer]] = {
    "cadenza": Cadenza,
    "progressive": Progressive,
}
"""Makes a pacer for one day, by name."""
