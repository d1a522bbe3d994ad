"""A call that came in, on the agent's screen: who may it be, and whose it is once the agent has asked."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dialer.calls.inbound import InboundCall
from dialer.cases.book import CaseBook
from dialer.web.access import Holder


class IdentifyBody(BaseModel):
    """case: whose call it is."""

    model_config = ConfigDict(extra="forbid")

    case: int = Field(ge=1, le=2**31 - 1)


async def shown(
    call: InboundCall | None, book: CaseBook, holder: Holder, now: datetime, seen: Callable[[int], Awaitable[None]]
) -> dict[str, Any] | None:
    """What the agent sees of it; None where the call didn't come in. Raises AwayError.

    candidates: whose number it may be, as long as nobody said who it is: those the token may see. seen: puts on record
    that a case was shown.
    """
    if call is None:
        return None
    candidates = []
    for case_id in call.candidates if call.case_id is None else ():
        if holder.sees(await book.creditor_of(case_id)):
            await seen(case_id)
            card = await book.card(case_id, now)
            named = {"debtor_name": card.debtor_name, "debtor_reference": card.debtor_reference}
            candidates.append({"case": case_id, "creditor": card.creditor, **named})
    return {
        "number": call.caller,
        "called": call.called,
        "campaign": call.campaign,
        "waited_seconds": call.waited_seconds,
        "candidates": candidates,
    }
