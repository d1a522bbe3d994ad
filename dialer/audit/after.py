"""After an abandoned call: left alone for a while, then only with an agent held for it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from dialer.audit.call import Call, chosen
from dialer.audit.happened import Contact, is_event
from dialer.audit.instants import DAY, HOUR, day, shown, wall
from dialer.audit.law import Rule
from dialer.audit.report import Finding, Wrong


def lockout(rule: Rule, call: Call) -> Iterator[Finding]:
    """No call for so many hours elapsed, nor before the same time of day so many days on."""
    span, days = float(rule.values.get("hours", 0)), int(rule.values.get("wall_clock_days", 0))
    for _, contacts in chosen(rule, call):
        if contacts and not _over(contacts[-1], call, span, days):
            last = contacts[-1].at or 0
            words = f"{rule.values['event']} at {shown(last)}: {span:g} h and {days} days of rest required"
            yield Wrong(rule.id, words)
            return


def mode(rule: Rule, call: Call) -> Iterator[Finding]:
    """Only in one of the allowed ways while something that happened on the number demands it."""
    if call.placed.mode in rule.values["allowed"]:
        return
    here = [one for one in call.past if one.number in (None, call.number) and one.channel == "call"]
    for after in rule.values["after"]:
        trigger = next(
            (one for one in reversed(here) if not one.inbound and is_event(one.result, after["event"])), None
        )
        if trigger is not None and _binds(after, trigger, here, call):
            words = f"{after['event']} at {shown(trigger.at or 0)}: only {', '.join(rule.values['allowed'])} then, this was "
            yield Wrong(rule.id, words + call.placed.mode)
            return


def _binds(after: Mapping[str, Any], trigger: Contact, here: list[Contact], call: Call) -> bool:
    at = trigger.at or 0
    if after.get("until_served"):
        served = any(one.number and is_event(one.result, "served") and (one.at or 0) > at for one in here)
        begun = _over(trigger, call, float(after.get("from_hours", 0)), int(after.get("from_wall_clock_days", 0)))
        return begun and not served
    if call.at - at < float(after["hours"]) * HOUR:
        return True
    return bool(after.get("same_local_day")) and any(day(at, zone) == day(call.at, zone) for zone in call.zones)


def _over(contact: Contact, call: Call, hours: float, days: int) -> bool:
    at = contact.at or 0
    if call.at - at < hours * HOUR:
        return False
    if days and not call.zones:
        return call.at - at >= hours * HOUR + DAY
    return all(wall(call.at, zone) >= wall(at, zone) + timedelta(days=days) for zone in call.zones if days)
