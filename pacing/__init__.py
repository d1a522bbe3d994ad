"""How many calls to place now: pure mathematics on frozen values.

`size(floor, target, memory)` is the whole interface. The same input gives the same output: there is no clock,
no chance and no I/O in this package, and the caller keeps the memory.
"""

from dataclasses import replace

from pacing import governor, memory, progressive
from pacing.abandonment import Account
from pacing.burst import Burst, Limit
from pacing.floor import Floor, Happening, What
from pacing.memory import Memory, carried_over
from pacing.target import Mode, Target

__all__ = [
    "Account",
    "Burst",
    "Floor",
    "Happening",
    "Limit",
    "Memory",
    "Mode",
    "Target",
    "What",
    "carried_over",
    "memory",
    "size",
]


def size(floor: Floor, target: Target, memory: Memory) -> tuple[Burst, Memory]:
    """Say how many calls to place on this floor now, and what to remember for the next decision."""
    burst, trunk = governor.limit(progressive.wanted(floor), floor, target, memory.governor)
    return burst, replace(memory, governor=trunk)
