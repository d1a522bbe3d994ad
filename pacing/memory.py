"""What a pacer remembers between two decisions, and from one day to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from pacing import abandonment, answering, handling
from pacing.abandonment import Spending
from pacing.answering import Answering
from pacing.governor import Rate
from pacing.handling import Duration
from pacing.laws import Laws

FORMAT = 1


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


def carried_over(memory: Memory) -> Memory:
    """The next day begins with it: the evidence counts for less, the laws are still the best guess."""
    return Memory(
        answering=answering.carried_over(memory.answering),
        talk=handling.carried_over(memory.talk),
        wrap=handling.carried_over(memory.wrap),
        spending=abandonment.carried_over(memory.spending),
    )


def dump(memory: Memory) -> dict[str, object]:
    """What of it is worth keeping over a restart, as JSON can hold it."""
    parts = {"answering": memory.answering, "talk": memory.talk, "wrap": memory.wrap, "spending": memory.spending}
    return {"format": FORMAT, **{name: _plain(part) for name, part in parts.items()}}


def load(values: Mapping[str, Any]) -> Memory:
    """The memory again. Raises ValueError for what it doesn't know."""
    try:
        if values["format"] != FORMAT:
            msg = f"format {values['format']!r}, not {FORMAT}"
            raise ValueError(msg)
        return Memory(
            answering=answering.shaped(_made(Answering, values["answering"])),
            talk=_made(Duration, values["talk"]),
            wrap=_made(Duration, values["wrap"]),
            spending=_made(Spending, values["spending"]),
        )
    except (KeyError, TypeError, IndexError) as error:
        msg = f"not a pacer's memory: {error!r}"
        raise ValueError(msg) from None


_DERIVED = {"shape", "grid", "failing_hazard"}


def _plain(part: Any) -> object:
    if isinstance(part, np.ndarray):
        return [float(value) for value in part]
    if hasattr(part, "__dataclass_fields__"):
        return {one.name: _plain(getattr(part, one.name)) for one in fields(part) if one.name not in _DERIVED}
    if isinstance(part, Mapping):
        return {name: list(pair) for name, pair in part.items()}
    return part


def _made(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """One part; whatever isn't a finite number where one should be is refused."""
    empty = kind(0.0) if kind is Duration else kind()
    known = {one.name for one in fields(kind)} - _DERIVED
    if set(values) != known:
        msg = f"{kind.__name__}: {sorted(set(values) ^ known)}"
        raise KeyError(msg)
    return replace(empty, **{name: _like(getattr(empty, name), value) for name, value in values.items()})


def _like(model: Any, value: Any) -> Any:
    if isinstance(model, np.ndarray):
        return np.array([_number(one) for one in value], dtype=float)
    if isinstance(model, bool):
        return bool(value)
    if isinstance(model, answering.Level):
        return answering.Level(_number(value["seen"]), _number(value["expected"]))
    if isinstance(model, Mapping):
        return {str(name): (_number(pair[0]), _number(pair[1])) for name, pair in value.items()}
    return _number(value)


def _number(value: Any) -> float:
    number = float(value)
    if not 0.0 <= number < float("inf"):
        msg = f"{value!r} isn't a number of what was seen"
        raise TypeError(msg)
    return number
