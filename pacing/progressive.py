"""Progressive: one line for each agent who is free, so that nobody who answers is left in silence."""

from pacing.burst import Limit, Wish
from pacing.floor import Floor


def wish(floor: Floor) -> Wish:
    """Lines to add: free agents, less the lines that may already need them.

    A call that is ringing or answered and not yet with an agent will need one, so each holds a free agent back, and so
    does what else is about to take one. Agents already promised (reserved) are not among the idle ones, and neither
    are the calls that they were promised to. The rule is VICIdial's ratio 1.0 over available agents
    (`auto_dial_level` 1 with the available-only tally), with the lines ringing taken off.
    """
    taken = (
        len(floor.dialling) + len(floor.waiting) + sum(due <= SOON_SECONDS for due in (*floor.leaving, *floor.claims))
    )
    return Wish(max(0, len(floor.idle) - taken), Limit.AGENTS)


SOON_SECONDS = 20.0
"""What takes an agent within a ring time holds one back."""
