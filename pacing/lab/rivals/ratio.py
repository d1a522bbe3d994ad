"""So many lines for each free agent, and nothing else."""

from pacing.floor import Floor
from pacing.target import Target


class FixedRatio:
    """Lines for each free agent, less the lines that ring or wait: Wombat's boost, Genesys' progressive formula."""

    def __init__(self, lines: float) -> None:
        """lines: for each free agent."""
        self._lines = lines

    def decide(self, floor: Floor, target: Target) -> int:  # noqa: ARG002 it looks at no cap
        """How many calls to place now."""
        return max(0, int(self._lines * len(floor.idle)) - len(floor.dialling) - len(floor.waiting))
