"""Abandoned calls in every window of every cap, also those that are over, counted as the accounts count the present one."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from dialer.compliance.pack import Pack
from dialer.compliance.rules import AbandonCap
from dialer.live.abandoned import NONE, Counts, Portion
from dialer.live.accounts import counted, local_day, window_of


@dataclass(frozen=True, slots=True)
class Window:
    """One window of one cap on one campaign's calls.

    window: as the pack has it. first, last: its days, numbered from year 1 on; last: None = it has no end. counts: of all
    its calls. abandoned, of: as the pack counts and divides. cap: the house's own, where that is stricter.
    """

    campaign: str
    pack: str
    rule: AbandonCap
    window: str
    first: int
    last: int | None
    counts: Counts
    abandoned: int
    of: int
    cap: float


def windows(
    portions: Iterable[Portion], packs: Mapping[str, Pack], house: Mapping[str, float | None]
) -> Iterator[Window]:
    """Each window in which a call counts, by campaign, pack and rule. house: its own cap, by campaign."""
    books: dict[tuple[str, str], dict[int, Counts]] = defaultdict(dict)
    for portion in portions:
        day = local_day(portion.begun, portion.zone)
        for pack in portion.packs:
            book = books[portion.campaign, pack]
            book[day] = book.get(day, NONE) + portion.counts
    for (campaign, name), days in sorted(books.items()):
        for rule in packs[name].of_kind(AbandonCap) if name in packs else ():
            cap = min(rule.cap, house.get(campaign) or rule.cap)
            for window in rule.window:
                for first, last in sorted({window_of(window, day, min(days)) for day in days}):
                    counts = counted(days, first, last)
                    abandoned, of = counts.ratio_of(rule.of)
                    end = None if last == date.max.toordinal() else last
                    yield Window(
                        campaign, name, rule, window, max(first, min(days) if end is None else first), end, counts,
                        abandoned, of, cap,
                    )  # fmt: skip
