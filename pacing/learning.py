"""From what happens on the floor to what is remembered."""

from dataclasses import replace

from pacing import abandonment, answering, handling
from pacing.burst import Burst, Wish
from pacing.floor import Floor, What
from pacing.governor import Rate
from pacing.memory import Memory
from pacing.target import Target


def from_happenings(memory: Memory, floor: Floor, target: Target) -> Memory:
    """What ended since the last decision."""
    known = answering.sized(memory.answering, target.ring_timeout_seconds)
    talk, wrap, answers, abandoned = memory.talk, memory.wrap, 0, 0
    if floor.happened:
        known = answering.learn_ends(known, floor.happened, floor.elapsed_seconds)
        talk = handling.learn(talk, [(one.seconds, one.kind) for one in floor.happened if one.what is What.TALK_ENDED])
        wrap = handling.learn(wrap, [(one.seconds, one.kind) for one in floor.happened if one.what is What.WRAP_ENDED])
        answers = sum(one.what is What.ANSWERED for one in floor.happened)
        abandoned = sum(one.what is What.ABANDONED for one in floor.happened)
    spending = abandonment.seen(memory.spending, answers, abandoned, floor.agents, floor.elapsed_seconds)
    return replace(memory, answering=known, talk=talk, wrap=wrap, spending=spending)


def from_time(memory: Memory, floor: Floor, burst: Burst, wish: Wish, left: Rate) -> Memory:
    """What time itself teaches (calls that ring on), and what was decided."""
    return replace(
        memory,
        governor=left,
        answering=answering.learn_ringing(memory.answering, floor),
        spending=abandonment.placed(
            memory.spending, floor.agents, wish.risks[: burst.calls], wish.answer_chance, wish.threshold
        ),
    )
