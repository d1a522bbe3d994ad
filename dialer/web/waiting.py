"""What the interface takes for a person's decision about a case."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dialer.cases.waiting import MOST_WHY_CHARACTERS, Course, Decided, Waiting
from dialer.kernel.errors import InputError, UnknownNameError

MOST_SHOWN = 1_000


class DecideBody(BaseModel):
    """by: a supervisor's name among the agents."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    course: Course
    why: Annotated[str, Field(max_length=MOST_WHY_CHARACTERS)]
    by: str


async def decide(port: Waiting, supervisors: Collection[str], case_id: int, body: Any, now: datetime) -> Decided:
    """Put it on record. Raises ValidationError, DialerError."""
    known = DecideBody.model_validate(body)
    if known.by not in supervisors:
        raise InputError("by: no supervisor has this name", "name an agent whose [[agents]] has supervisor = true")
    decided = Decided(case_id, known.course, known.why, known.by)
    try:
        await port.decide(decided, now)
    except LookupError:
        raise UnknownNameError(f"there is no case {case_id}", "dialer report attempts has the ids") from None
    return decided
