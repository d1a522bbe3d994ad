"""Who may pace a simulated floor, by name: Cadenza's own code, and the rivals."""

from collections.abc import Callable
from functools import partial

import pacing
from pacing import progressive
from pacing.floor import Floor
from pacing.lab.day import Pacer
from pacing.lab.rivals.erlang import ErlangRate
from pacing.lab.rivals.issabel import Issabel
from pacing.lab.rivals.omnileads import OmniLeads
from pacing.lab.rivals.ratio import FixedRatio
from pacing.lab.rivals.vicidial import Adapt, VicidialAdapt, VicidialRatio
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
    "ratio-2": partial(FixedRatio, 2.0),
    "ratio-3": partial(FixedRatio, 3.0),
    "vicidial-ratio": partial(VicidialRatio, 1.5),
    "vicidial-hard-limit": partial(VicidialAdapt, Adapt.HARD_LIMIT),
    "vicidial-average": partial(VicidialAdapt, Adapt.AVERAGE),
    "vicidial-tapered": partial(VicidialAdapt, Adapt.TAPERED),
    "issabel": partial(Issabel, over_commit=False),
    "issabel-over-commit": partial(Issabel, over_commit=True),
    "omnileads": OmniLeads,
    "erlang": ErlangRate,
}
"""Makes a pacer for one day, by name."""
