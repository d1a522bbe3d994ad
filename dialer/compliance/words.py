"""Rules in words, with their numbers: for the screen of a supervisor and the pages of the reference."""

from itertools import groupby

from dialer.compliance.rules import (
    AbandonCap,
    AbandonTreatment,
    Agreed,
    AnswerToAgentMax,
    AnyRule,
    Concurrency,
    Consented,
    CoolOff,
    Count,
    Flagged,
    ForcedMode,
    Holiday,
    Hours,
    Inconvenient,
    Lockout,
    MaxTotal,
    MinCadence,
    MinGap,
    Require,
    RingMax,
    RingMin,
)
from dialer.compliance.rules.abandoned import After
from dialer.compliance.rules.base import Choosing
from dialer.compliance.rules.hours import WEEKDAYS

EVENT_WORDS = {
    "reached": "calls that reached the network (busy ones too)",
    "rang": "calls that rang",
    "connected": "connected calls (whatever rang, answered or not)",
    "conversation": "conversations with the right party",
    "contact": "contacts (somebody was talked to, or a message was left)",
    "message_possible": "calls in which a message was or could have been left",
    "machine": "calls answered by a machine",
    "abandoned": "abandoned calls",
    "served": "calls that an agent talked in",
}
"""What each group of results is called."""
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_OF = {
    "answered": "the calls that a person answered",
    "abandoned_and_live": "the abandoned and the live calls",
    "connected": "the calls that got an agent",
}


def in_words(rule: AnyRule) -> str:
    """What a rule says, in one sentence."""
    match rule:
        case Flagged():
            return f"no call while one of these stands: {', '.join(rule.flags)}"
        case Require():
            return _require(rule)
        case Hours():
            margin = f", {rule.closing_margin_seconds} s before the end" if rule.closing_margin_seconds else ""
            where = "calls to a workplace: " if rule.workplace_only else ""
            return f"{where}{_hours(rule)}; local time in every zone, the ringing over{margin} too"
        case Holiday():
            own = ", and of the debtor's own part of it" if rule.subdivisions else ""
            return f"no call on a holiday of {', '.join(rule.calendars)}{own}"
        case Inconvenient():
            return "no call and no ringing at a time that the debtor ruled out"
        case Concurrency():
            return f"one call at a time for each {_list(rule.key)}"
        case CoolOff():
            days = [f"{rule.local_days} days (its own date is the first)"] if rule.local_days else []
            hours = [f"{rule.hours} hours"] if rule.hours else []
            return f"no call for {' and '.join(days + hours)}, {_events(rule, 'after')}"
        case Count():
            windows = " and ".join(
                words if words[0] == "t" else f"in {words}" for words in (window.words for window in rule.window)
            )
            return f"at most {rule.max} {windows}, {_events(rule)}"
        case MaxTotal():
            return f"at most {rule.max} attempts in all, then something else than the telephone"
        case MinGap():
            return f"at least {_minutes(rule.minutes)} without a call, {_events(rule, 'after')}"
        case Lockout():
            return f"no call for {_span(rule.hours, rule.wall_clock_days)}, {_events(rule, 'after')}"
        case ForcedMode():
            modes = " or ".join(f"{mode}" for mode in rule.allowed)
            return f"only {modes} calls to the number {'; '.join(_after(after) for after in rule.after)}"
        case RingMin():
            return f"it rings at least {rule.seconds:g} s"
        case RingMax():
            return f"it rings at most {rule.seconds:g} s"
        case _:
            return _binding(rule)


def _binding(rule: AnyRule) -> str:
    """Rules that refuse nothing themselves."""
    match rule:
        case AnswerToAgentMax():
            since = "the end of the greeting" if rule.clock == "greeting" else "the answer"
            return (
                f"an agent within {rule.seconds:g} s of {since}, else abandoned; bridged until "
                f"{rule.claim_seconds:g} s after the answer"
            )
        case AbandonTreatment():
            what = f"gets the recorded message ({rule.language})" if rule.treatment == "message" else "is dropped"
            return f"an abandoned call {what}{'; comfort noise from the answer on' if rule.comfort_noise else ''}"
        case AbandonCap():
            windows = " and ".join(_window(window) for window in rule.window)
            target = f"; {rule.target:.0%} is aimed at" if rule.target else ""
            limit = "below" if rule.comparison == "below" else "at most"
            counted = EVENT_WORDS.get(rule.counts, rule.counts)
            return f"{limit} {rule.cap:.0%} {counted} of {_OF[rule.of]}, for each campaign over {windows}{target}"
        case Agreed():
            return f"one agreed call-back is exempt from: {', '.join(rule.exempts)}"
        case Consented():
            return (
                f"consent given to us exempts for {rule.local_days} days, its own date the first, until the next "
                f"conversation about the debt, from: {', '.join(rule.exempts)}"
            )
        case MinCadence():
            return f"wanted each {rule.days} days: {EVENT_WORDS[rule.event]}; it blocks nothing"
        case _:
            msg = f"no words for {type(rule).__name__}"
            raise TypeError(msg)


def _require(rule: Require) -> str:
    what = {
        "be_true": "must be true",
        "not_be_past": "must not be past",
        "be_days_ago": f"must be at least {rule.days} days ago",
        "be_recent": f"must be at most {rule.days} days ago",
    }[rule.must]
    return f"{rule.fact} {what}{f', where {rule.when}' if rule.when else ''}"


def _hours(rule: Hours) -> str:
    parts, day = [], 0
    for bands, days in groupby(getattr(rule, name) for name in WEEKDAYS):
        last = day + len(list(days)) - 1
        name = _DAYS[day] if day == last else f"{_DAYS[day]} to {_DAYS[last]}"
        times = " and ".join(f"{start:%H:%M} to {end:%H:%M}" for start, end in bands) or "never"
        parts.append(f"{name} {times}")
        day = last + 1
    return "; ".join(parts)


def _events(rule: Choosing, after: str = "") -> str:
    """For whom, and what counts."""
    what = EVENT_WORDS.get(rule.event, f"calls that ended as {rule.event}")
    whose = {"inbound": "begun by them", "outbound": "begun by us", "any": "whoever began"}[rule.direction]
    ways = "" if list(rule.channels) == ["call"] else f", by {_list(rule.channels)}"
    place = ", at the workplace" if rule.workplace_only else ""
    return f"for each {_list(rule.key)}{', ' + after if after else ''}: {what}, {whose}{ways}{place}"


def _window(name: str) -> str:
    kind, _, length = name.partition(":")
    return {
        "tumbling_days": f"each {length} days from its first call on",
        "local_day": "each day",
        "calendar_month": "each month",
        "campaign": "its whole life",
    }[kind]


def _after(after: After) -> str:
    event = EVENT_WORDS.get(after.event, after.event)
    if after.until_served:
        begins = _span(after.from_hours, after.from_wall_clock_days)
        return f"from {begins} after {event} until somebody there talked to an agent"
    day = ", and that day," if after.same_local_day else ""
    return f"for {after.hours:g} hours{day} after {event}"


def _span(hours: float, days: int) -> str:
    parts = ([f"{hours:g} hours"] if hours else []) + ([f"{days} days by the clock"] if days else [])
    return " and ".join(parts) or "at once"


def _minutes(minutes: int) -> str:
    return f"{minutes // 60} h" if minutes % 60 == 0 else f"{minutes} min"


def _list(names: tuple[str, ...]) -> str:
    *most, last = (str(name) for name in names)
    return f"{', '.join(most)} and {last}" if most else last
