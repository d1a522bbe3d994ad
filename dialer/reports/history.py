"""All that happened in one case, in order: for the debtor's own request, or for a court."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from dialer.cases.history import Moment
from dialer.reports.report import About, Asked, Filter, Report, instant, text


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One moment of the case."""

    at: Annotated[datetime, instant("when it happened; of a payment or a written fact, when it came on record")]
    kind: Annotated[str, text("attempt, not_called, contact, letter, message, visit, note, promise, offer, payment, …")]
    who: Annotated[str, text("the agent or the system that did or told it; of not_called the cell that decided")]
    what: Annotated[str, text("in words; not_called has the reasons of the gate")]
    note: Annotated[str, text("what the agent wrote about a call")]
    reference: Annotated[str, text("the attempt's id, or the key under which it was told")]


ABOUT = About(
    "history",
    "What happened in a case, in order, and why was it not called?",
    HistoryLine,
    frozenset({Filter.CASE}),
    ("Who asks for it is on record (`dialer case views`).", "The oldest moment comes first."),
    needs=frozenset({Filter.CASE}),
)


def report(asked: Asked, moments: Iterable[Moment]) -> Report:
    """The moments, the newest of which comes first, the other way round."""
    lines = [
        HistoryLine(
            moment.at,
            moment.kind.value,
            moment.who,
            moment.what,
            str(moment.details.get("note") or ""),
            str(moment.details.get("attempt") or moment.details.get("reference") or ""),
        )
        for moment in moments
    ]
    return Report(ABOUT, asked, tuple(reversed(lines)))
