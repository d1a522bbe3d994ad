"""How many calls of a campaign were abandoned: each pack's own ratio, in each of its windows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction

from dialer.audit.instants import day
from dialer.audit.law import Library, Rule
from dialer.audit.record import Tally
from dialer.audit.report import CapLine

_MEASURES = {
    "answered": "answered by a person",
    "abandoned_and_live": "abandoned or put through to an agent",
    "connected": "connected to an agent",
}
WHOLE = ("campaign", "tumbling_days")


def needs_all(library: Library) -> bool:
    """Whether a window of any pack reaches back to a campaign's first call."""
    rules = (rule for law in library.by_name.values() for rule in law.of_kind("abandon_cap"))
    return any(window.partition(":")[0] in WHOLE for rule in rules for window in rule.values["window"])


def caps(tallies: Iterable[Tally], library: Library, since: int | None, until: int) -> Iterator[CapLine]:
    """Each cap in each of its windows that holds a day from `since` on; nothing is told of windows without a call."""
    groups: dict[tuple[str, str], list[Tally]] = defaultdict(list)
    for tally in tallies:
        for pack in tally.packs:
            groups[tally.campaign, pack].append(tally)
    for (campaign, pack), group in sorted(groups.items()):
        law = library.by_name.get(pack)
        for rule in law.of_kind("abandon_cap") if law else ():
            for window in rule.values["window"]:
                yield from _windows(campaign, rule, window, group, since, until)


def _windows(
    campaign: str, rule: Rule, window: str, group: list[Tally], since: int | None, until: int
) -> Iterator[CapLine]:
    dated = [(tally, day(tally.begun, tally.zone or "UTC")) for tally in group]
    first = min(number for _, number in dated)
    parts: dict[str, list[Tally]] = defaultdict(list)
    last_of: dict[str, int] = {}
    for tally, number in dated:
        name, last = _window_of(window, number, first)
        parts[name].append(tally)
        last_of[name] = last
    today, from_day = day(until, "UTC"), day(since, "UTC") if since is not None else 0
    for name, tallies in sorted(parts.items()):
        if last_of[name] >= from_day - 1:  # zones lie up to a day apart
            yield _line(campaign, rule, name, tallies, running=last_of[name] >= today)


def _window_of(window: str, number: int, first: int) -> tuple[str, int]:
    """The window in which a day lies, in words, and that window's last day."""
    kind, _, length = window.partition(":")
    if kind == "campaign":
        return "the whole campaign", 1 << 30
    if kind == "tumbling_days":
        begin = first + (number - first) // int(length) * int(length)
        return f"{date.fromordinal(begin)} and {length} days", begin + int(length) - 1
    when = date.fromordinal(number)
    if kind == "calendar_month":
        following = date(when.year + when.month // 12, when.month % 12 + 1, 1)
        return f"{when:%Y-%m}", following.toordinal() - 1
    return when.isoformat(), number


def _line(campaign: str, rule: Rule, name: str, tallies: list[Tally], *, running: bool) -> CapLine:
    abandoned = sum(tally.abandoned for tally in tallies)
    measure = str(rule.values["of"])
    of = {
        "answered": sum(tally.answered for tally in tallies),
        "abandoned_and_live": abandoned + sum(tally.live for tally in tallies),
        "connected": sum(tally.connected for tally in tallies),
    }[measure]
    cap = Fraction(str(rule.values["cap"]))
    below = rule.values["comparison"] == "below"
    unknown = sum(tally.unknown for tally in tallies)
    return CapLine(
        campaign,
        rule.pack,
        rule.id,
        name,
        abandoned,
        of,
        _MEASURES[measure],
        float(cap),
        str(rule.values["comparison"]),
        exceeded=_exceeds(abandoned, of, cap, below=below),
        running=running,
        unknown=unknown,
        in_doubt=_exceeds(abandoned + unknown, of + (0 if measure == "connected" else unknown), cap, below=below),
    )


def _exceeds(abandoned: int, of: int, cap: Fraction, *, below: bool) -> bool:
    """In whole numbers: three of a hundred are three per cent, not a hair more."""
    return abandoned > 0 and (abandoned >= cap * of if below else abandoned > cap * of)
