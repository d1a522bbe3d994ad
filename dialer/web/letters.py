"""What the interface takes for letters: what became of them."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from dialer.cases.letter import MOST_TRACKING_CHARACTERS, LetterDates, Letters, parse_letter_id
from dialer.cases.payment import refuse_card_numbers
from dialer.kernel.errors import InputError, UnknownNameError

MOST_LETTERS = 200
_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class LetterBody(BaseModel):
    """letter: as 17-1. What isn't told stays; another day corrects what was told."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    letter: Annotated[str, Field(max_length=20)]
    sent_on: date | None = None
    received_on: date | None = None
    returned_on: date | None = None
    tracking: Annotated[str, Field(max_length=MOST_TRACKING_CHARACTERS)] | None = None


class LettersBody(BaseModel):
    """`by` tells them, as the service that posts them."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    by: _Name
    letters: Annotated[tuple[LetterBody, ...], Field(min_length=1, max_length=MOST_LETTERS)]


async def take(port: Letters, body: Any, now: datetime, admit: Callable[[int], Awaitable[None]]) -> Any:
    """Put on record what became of letters, one after the other: those before a wrong one count.

    admit: raises where nothing may be told of a case. Raises ValidationError, InputError, UnknownNameError: told again,
    what was told already changes nothing.
    """
    known = LettersBody.model_validate(body)
    for one in known.letters:
        with suppress(LookupError):  # told below, with its place
            await admit(parse_letter_id(one.letter)[0])
    refuse_card_numbers("by", known.by)
    answers = []
    for number, one in enumerate(known.letters):
        try:
            dates = LetterDates(one.sent_on, one.received_on, one.returned_on, None, one.tracking)
            letter, changed = await port.tell(one.letter, dates, known.by, now)
        except LookupError:
            raise UnknownNameError(f"letters.{number}.letter: there is none", "write it as its PDF has it") from None
        except InputError as error:
            raise InputError(f"letters.{number}.{error}", error.remedy) from None
        answers.append({"letter": letter.id, "state": letter.state, "changed": changed})
    return {"letters": answers}
