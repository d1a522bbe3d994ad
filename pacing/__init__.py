"""How many calls to place now: pure mathematics on frozen values.

`size(floor, target, memory)` is the whole interface. The same input gives the same output: there is no clock,
no chance and no I/O in this package, and the caller keeps the memory.
"""

from pacing import governor, progressive
from pacing.burst import Burst, Limit
from pacing.floor import Floor
from pacing.governor import Memory
from pacing.target import Mode, Target

__all__ = ["Burst", "Floor", "Limit", "Memory", "Mode", "Target", "size"]


def size(floor: Floor, target: Target, memory: Memory) -> tuple[Burst, Memory]:
    """Say how many calls to place on this floor now, and what to remember for the next decision."""
    match target.mode:
        case Mode.PROGRESSIVE | Mode.RESERVED:
            wanted = progressive.wanted(floor)
    return governor.limit(wanted, floor, target, memory)
