"""How often: counts, cool-offs, gaps, totals."""

from collections.abc import Iterator
from datetime import date

from dialer.audit.call import ALLOWED, LATE, NO, REVISED, Call, chosen, exempted, waiver
from dialer.audit.happened import Contact
from dialer.audit.instants import DAY, HOUR, MINUTE, day, shown
from dialer.audit.law import Rule
from dialer.audit.report import Finding, Unsure, Wrong


def count(rule: Rule, call: Call) -> Iterator[Finding]:
    """At most `max` in any of the windows, this call not counted."""
    limit, windows = int(rule.values["max"]), list(rule.values["window"])
    for debt, contacts in chosen(rule, call):
        inside = [one for one in contacts if any(_within(window, one, call) for window in windows)]
        if len(inside) < limit:
            continue
        counted = [one for one in inside if not exempted(rule, call, one)]
        if len(counted) >= limit:
            words = f"{len(counted)} {rule.values['event']} in {' or '.join(windows)} before it, {limit} allowed in all"
            yield from _unless_waived(
                rule, call, debt, Wrong(rule.id, words + _late(counted, call), len(counted), limit)
            )


def cool_off(rule: Rule, call: Call) -> Iterator[Finding]:
    """No call within days of the last, its own date being the first, nor within hours of it."""
    days, hours = int(rule.values.get("local_days", 0)), float(rule.values.get("hours", 0))
    for debt, contacts in chosen(rule, call):
        last = _last(contacts)
        if last is None:
            continue
        cold = (days and not call.zones) or any(day(call.at, zone) - day(last, zone) < days for zone in call.zones)
        if cold or call.at - last < hours * HOUR:
            ago = (call.at - last) / DAY
            bound = " and ".join(
                part for part in (f"{days} days" if days else "", f"{hours:g} h" if hours else "") if part
            )
            words = f"the last {rule.values['event']} ended {ago:.2f} days before, {bound} required"
            yield from _unless_waived(rule, call, debt, Wrong(rule.id, words + _late(contacts[-1:], call)))


def min_gap(rule: Rule, call: Call) -> Iterator[Finding]:
    """So many minutes from the end of the last."""
    minutes = int(rule.values["minutes"])
    for debt, contacts in chosen(rule, call):
        last = _last(contacts)
        if last is not None and call.at - last < minutes * MINUTE:
            gone = (call.at - last) / MINUTE
            words = f"the last ended {gone:.1f} minutes before ({shown(last)}), {minutes} required"
            yield from _unless_waived(rule, call, debt, Wrong(rule.id, words, None, minutes))


def max_total(rule: Rule, call: Call) -> Iterator[Finding]:
    """So many attempts of one case in all; what never left our side isn't one."""
    limit = int(rule.values["max"])
    if call.of_case >= limit:
        words = f"{call.of_case} attempts of the case before it, {limit} allowed in all"
        yield Wrong(rule.id, words, call.of_case, limit)


def _last(contacts: list[Contact]) -> int | None:
    return contacts[-1].at if contacts else None


def _within(window: str, contact: Contact, call: Call) -> bool:
    """Whether the window that holds the call holds the contact, by the calendar of any zone."""
    kind, _, length = window.partition(":")
    at = contact.at
    if at is None:
        return True
    if kind == "rolling_hours":
        return call.at - at < int(length) * HOUR
    if not call.zones:  # judged elsewhere: nobody may be called where no zone is known
        return True
    return any(_same_dates(kind, length, day(at, zone), day(call.at, zone)) for zone in call.zones)


def _same_dates(kind: str, length: str, then: int, now: int) -> bool:
    if kind == "local_days":
        return now - then < int(length)
    before, today = date.fromordinal(then), date.fromordinal(now)
    if kind == "iso_week":
        return before.isocalendar()[:2] == today.isocalendar()[:2]
    return (before.year, before.month) == (today.year, today.month)


def _unless_waived(rule: Rule, call: Call, debt: int | None, wrong: Wrong) -> Iterator[Finding]:
    match waiver(rule, call, debt):
        case answer if answer == ALLOWED:
            return
        case answer if answer == REVISED:
            yield Unsure(
                rule.id, "a consent that was taken back since may have covered it: when it was given isn't on record"
            )
        case answer if answer == LATE:
            late = f"{wrong.words}; an agreement or a consent covers it that came on record only after the call"
            yield Wrong(wrong.rule, late, wrong.count, wrong.limit)
        case answer if answer == NO:
            yield wrong


def _late(contacts: list[Contact], call: Call) -> str:
    late = sum(not one.ours and one.recorded_at > call.at for one in contacts)
    return f"; {late} of them came on record only after it" if late else ""
