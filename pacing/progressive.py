"""Progressive: one line for each agent who is free, so that nobody who answers is left in silence."""

from pacing.floor import Floor


def wanted(floor: Floor) -> int:
    """Lines to add: free agents, less the lines that may already need them.

    A call that is ringing or answered and not yet with an agent will need one, so each holds a free agent back.
    Agents already promised (reserved) are not among the idle ones, and neither are the calls that they were
    promised to. The rule is VICIdial's ratio 1.0 over available agents (`auto_dial_level` 1 with the
    available-only tally), with the lines ringing taken off.
    """
    return max(0, len(floor.idle) - len(floor.dialling) - len(floor.waiting))
