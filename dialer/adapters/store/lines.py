"""Debtors' numbers, and how they were used."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, case, func, literal, select

from dialer.adapters.store.among import among
from dialer.adapters.store.schema import attempts, numbers, outcomes
from dialer.calls.results import Result
from dialer.cases.debtor import NumberKind, Provenance
from dialer.cases.model import NumberLine, Try
from dialer.kernel.phone import PhoneNumber

MOST_TRIES = 60
"""Of so many past calls, the last ones, a case's next one is planned."""
_LINE = ("debtor_id", "number", "position", "kind", "provenance", "best_hours")


def hours_of(text: str) -> tuple[int, ...]:
    """The hours of a day, as they are kept."""
    return tuple(int(hour) for hour in text.split(",") if hour)


_OF_NUMBER = (
    (attempts.c.debtor_id == numbers.c.debtor_id)
    & (attempts.c.number == numbers.c.number)
    # what never left our side was no attempt at anybody
    & attempts.c.result.is_distinct_from(Result.TRUNK_FAILURE.value)
)
_DEAD = attempts.c.result == Result.NOT_IN_SERVICE.value
_LINES = (
    select(
        *(numbers.c[name] for name in _LINE),
        func.count(attempts.c.cleared_at).label("tried"),
        func.max(attempts.c.cleared_at).label("last_tried_at"),
    )
    .outerjoin(attempts, _OF_NUMBER)
    .where(among(numbers.c.debtor_id, "debtor_ids"))
    .group_by(*(numbers.c[name] for name in _LINE))
    .order_by(numbers.c.debtor_id, numbers.c.position)
)
LINES = _LINES.add_columns(*(literal(0).label(name) for name in ("answered", "reached", "dead")))
"""The numbers of `debtor_ids`, in their order, each with its calls counted: an index has all that is asked of calls."""
LINES_BY_RESULT = _LINES.outerjoin(outcomes, outcomes.c.attempt_id == attempts.c.id).add_columns(
    func.count(attempts.c.answered_at).label("answered"),
    func.count(case((outcomes.c.right_party, 1))).label("reached"),
    func.count(case((_DEAD, 1))).label("dead"),
)
"""And how many calls were answered, reached the right party, or found it out of service."""
TRIES = (
    select(
        attempts.c.number, attempts.c.cleared_at, attempts.c.answered_at, outcomes.c.right_party, _DEAD.label("dead")
    )
    .outerjoin(outcomes, outcomes.c.attempt_id == attempts.c.id)
    .where(attempts.c.debtor_id == bindparam("debtor_id"), attempts.c.ended_at.is_not(None))
    .where(attempts.c.result.is_distinct_from(Result.TRUNK_FAILURE.value))
    .order_by(attempts.c.cleared_at.desc())
    .limit(MOST_TRIES)
)
"""The last calls of `debtor_id`, the latest first."""


def by_debtor(rows: Iterable[Any], tries: Iterable[Any] = ()) -> dict[int, tuple[NumberLine, ...]]:
    """The lines of each debtor; tries: those of one."""
    past: dict[str, list[Try]] = {}
    for one in tries:
        made = Try(one.cleared_at, one.answered_at is not None, bool(one.right_party), bool(one.dead))
        past.setdefault(one.number, []).append(made)
    found: dict[int, tuple[NumberLine, ...]] = {}
    for row in rows:
        line = NumberLine(
            PhoneNumber(row.number),
            row.tried,
            row.last_tried_at,
            NumberKind(row.kind),
            Provenance(row.provenance),
            hours_of(row.best_hours),
            row.answered,
            row.reached,
            tuple(past.get(row.number, ())),
            row.dead,
        )
        found[row.debtor_id] = (*found.get(row.debtor_id, ()), line)
    return found
