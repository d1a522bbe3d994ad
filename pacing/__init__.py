"""How many calls to place now: pure mathematics on frozen values.

`size(floor, target, memory)` is the whole interface. The same input gives the same output: there is no clock,
no chance and no I/O in this package, and the caller keeps the memory.
"""

from pacing import governor, learning, memory, predictive, progressive
from pacing.abandonment import Account
from pacing.burst import Burst, Limit
from pacing.expecting import Expected, answers
from pacing.floor import Floor, Happening, What
from pacing.memory import Memory, carried_over
from pacing.target import Mode, Target

__all__ = [
    "Account",
    "Burst",
    "Expected",
    "Floor",
    "Happening",
    "Limit",
    "Memory",
    "Mode",
    "Target",
    "What",
    "answers",
    "carried_over",
    "memory",
    "size",
]


def size(floor: Floor, target: Target, memory: Memory) -> tuple[Burst, Memory]:
    """Say how many calls to place on this floor now, and what to remember for the next decision.

    What happened is learnt before the decision; what calls teach by ringing on, only after it: so that, all else
    equal, one more call in flight can't raise the burst.
    """
    memory = learning.from_happenings(memory, floor, target)
    room = governor.room(floor, target, memory.governor)
    wish = progressive.wish(floor)
    if target.mode is Mode.PREDICTIVE:
        wish, memory = predictive.wish(floor, target, memory, wish, room.most)
    burst, left = governor.limit(wish, room, floor, target)
    return burst, learning.from_time(memory, floor, burst, wish, left)
