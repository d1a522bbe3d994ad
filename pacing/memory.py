"""What a pacer remembers between two decisions, and from one day to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pacing.governor import Memory as Trunk


@dataclass(frozen=True, slots=True)
class Memory:
    """governor: of the trunk, so that all campaigns of a cell share it; the rest is one campaign's own."""

    governor: Trunk = field(default_factory=Trunk)


def dump(memory: Memory) -> dict[str, object]:  # noqa: ARG001 -- nothing is learnt yet
    """What is worth keeping over a restart, as JSON can hold it: what was learnt, not the state of the trunk."""
    return {}


def load(values: Mapping[str, object]) -> Memory:
    """The memory again. Raises ValueError for what it doesn't know."""
    if values:
        msg = f"not known: {', '.join(sorted(values))}"
        raise ValueError(msg)
    return Memory()


def carried_over(memory: Memory) -> Memory:
    """What of yesterday's memory still says something today."""
    return memory
