"""What is logged while something is done about an attempt says which one it is, and of which campaign."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from structlog.contextvars import bound_contextvars

from dialer.calls.attempt import Attempt

_Owner = TypeVar("_Owner")
_Result = TypeVar("_Result")
_Rest = ParamSpec("_Rest")


def about_the_attempt(
    work: Callable[Concatenate[_Owner, Attempt, _Rest], _Result],
) -> Callable[Concatenate[_Owner, Attempt, _Rest], _Result]:
    """For a method whose first argument is the attempt; the tasks that it starts go on saying it."""

    @wraps(work)
    def told(owner: _Owner, attempt: Attempt, /, *rest: _Rest.args, **named: _Rest.kwargs) -> _Result:
        with bound_contextvars(attempt=attempt.id, campaign=attempt.campaign):
            return work(owner, attempt, *rest, **named)

    return told
