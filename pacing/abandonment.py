"""How many calls may still be abandoned: one account for each law that caps them, the tightest holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """The abandoned calls of one campaign as one law counts them, in the window that runs now.

    name: the pack and the rule.
    cap: largest share of abandoned calls that the law allows, 0.03 for 3 %.
    below: the share must stay below the cap; otherwise it may reach it.
    answered: what the law divides by, so far in the window (live answers, connected calls).
    abandoned: what it counts as abandoned, so far.
    left_seconds: until the window ends; None where it has no end that is known (rolling, the whole campaign).
    """

    name: str
    cap: float
    answered: int = 0
    abandoned: int = 0
    below: bool = False
    left_seconds: float | None = None
