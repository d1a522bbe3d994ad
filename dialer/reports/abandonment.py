"""Abandoned calls under each legal definition: in each window of each cap, as the daemon counts them when it dials."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated

from dialer.reports.report import (
    PERIOD,
    About,
    Asked,
    Filter,
    Meant,
    Report,
    Unit,
    count,
    ratio,
    seconds,
    share,
    text,
)

MEASURES = {
    "answered": "answered by a person, or of unknown end",
    "abandoned_and_live": "abandoned, put through with a person, or of unknown end",
    "connected": "put through to an agent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonmentLine:
    """One window of one cap on one campaign's calls."""

    campaign: Annotated[str, text("the campaign")]
    pack: Annotated[str, text("whose law it is")]
    rule: Annotated[str, text("its rule")]
    window: Annotated[str, text("what the law counts together: local_day, calendar_month, tumbling_days:N, campaign")]
    first_day: Annotated[date, Meant(Unit.DAY, "its first day, where the debtors are")]
    last_day: Annotated[date | None, Meant(Unit.DAY, "its last day there; empty: it has no end")]
    answered: Annotated[
        int, count("answered by a person, as far as anybody said; of these, no machine that an agent found")
    ]
    live: Annotated[int, count("of those, put through to an agent")]
    connected: Annotated[int, count("put through to an agent, whatever answered")]
    silent: Annotated[int, count("answered, and nobody spoke: no agent in time, or the gate refused the bridge")]
    unknown: Annotated[int, count("nobody knows how they ended")]
    abandoned: Annotated[int, count("what counts as abandoned: silent + unknown")]
    divided_by: Annotated[str, text("what the pack divides by")]
    of: Annotated[int, count("how many those are")]
    cap: Annotated[float, share("the largest share allowed: the pack's, or the house's where that is stricter")]
    below: Annotated[bool, Meant(Unit.YES, "the share must stay below the cap; else it may reach it")]
    slowest_seconds: Annotated[float | None, seconds("from an answer to the agent's bridge, the slowest of the window")]

    @property
    def abandoned_share(self) -> Annotated[float | None, share("abandoned ÷ what the pack divides by")]:
        return ratio(self.abandoned, self.of)

    @property
    def kept(self) -> Annotated[bool, Meant(Unit.YES, "the cap was kept, or is so far")]:
        allowed = Fraction(str(self.cap)) * self.of
        return not self.abandoned or (self.abandoned < allowed if self.below else self.abandoned <= allowed)

    @property
    def calls_left(self) -> Annotated[int, count("that may still be abandoned before anything more is answered")]:
        allowed = Fraction(str(self.cap)) * self.of
        most = math.ceil(allowed) - 1 if self.below else math.floor(allowed)
        return max(0, most - self.abandoned)


ABOUT = About(
    "abandonment",
    "How many calls were abandoned, by each law's own definition, and what is left of each budget?",
    AbandonmentLine,
    PERIOD | {Filter.CAMPAIGN},
    (
        "Windows that hold a day of the period are told, always whole: the law knows them no other way.",
        "The figures are those of the accounts that limit the dialling; a call of unknown end counts as abandoned.",
        "A law whose pack is gone is not told. Machines are not detected: what an agent says is all that is known.",
        "What the person heard isn't on record; the dialplan plays what the pack demands.",
    ),
    shown=("campaign", "pack", "window", "first_day", "abandoned", "of", "divided_by", "abandoned_share", "cap", "kept",
           "calls_left"),
)  # fmt: skip


def report(asked: Asked, lines: Iterable[AbandonmentLine]) -> Report:
    """The windows that hold a day of the period. There is no total: the definitions differ."""
    first, last = asked.first_day, asked.last_day
    told = [
        line
        for line in lines
        if line.first_day <= last and (first is None or line.last_day is None or line.last_day >= first)
    ]
    return Report(ABOUT, asked, tuple(told))
