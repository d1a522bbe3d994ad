"""What a pacer remembers between two decisions, and from one day to the next."""

from dataclasses import dataclass, field

from pacing.abandonment import Spending
from pacing.answering import Answering
from pacing.governor import Rate
from pacing.handling import Duration
from pacing.laws import Laws


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """One campaign's.

    governor: the trunk's part, one for all campaigns of a cell.
    answering, talk, wrap: what was learnt. spending: of the abandonment budget.
    laws: what was made of it for the decisions, as long as it holds.
    """

    governor: Rate = field(default_factory=Rate)
    answering: Answering = field(default_factory=Answering)
    talk: Duration = field(default_factory=lambda: Duration(90.0))
    wrap: Duration = field(default_factory=lambda: Duration(30.0))
    spending: Spending = field(default_factory=Spending)
    laws: Laws | None = None


def dump(memory: Memory) -> dict[str, object]:  # noqa: ARG001 -- nothing is kept yet
    """What of it is worth keeping over a restart, as JSON can hold it."""
    return {}


def load(values: dict[str, object]) -> Memory:
    """The memory again. Raises ValueError for what it doesn't know."""
    if values:
        msg = f"not known: {', '.join(sorted(values))}"
        raise ValueError(msg)
    return Memory()


def carried_over(memory: Memory) -> Memory:
    """What of yesterday's memory still says something today."""
    return memory
