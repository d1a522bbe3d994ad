"""How: what stood against the call, one at a time, how long it rang, how soon an agent was there."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from dialer.audit.call import Call
from dialer.audit.happened import Flag
from dialer.audit.instants import SECOND, day, shown
from dialer.audit.law import Rule
from dialer.audit.report import Finding, Unsure, Wrong

TIMEOUT_TOLERANCE = SECOND // 4
"""Asterisk ends the ringing at our time-out a little early or late."""
_HUNG_UP_BY_US = 16


def flags(rules: list[Rule], call: Call) -> Iterator[Finding]:
    """Nothing that stops calls stood when it was cleared; nor, when an agent was bridged, at the answer."""
    known = {name for rule in rules for name in rule.values["flags"]}
    for flag in call.flags:
        if flag.debt is not None and call.debts and flag.debt not in call.debts:
            continue
        owner = flag.name if flag.name in known else f"{flag.name}, which no pack knows"
        if flag.until is not None and call.at >= flag.until:
            continue
        if flag.recorded_at <= call.at:
            yield Wrong(flag.name, f"{owner}, stood since {shown(flag.recorded_at)} at the latest")
        elif flag.until is not None and flag.until <= flag.recorded_at:
            yield Unsure(flag.name, "the flag was lifted later, and since when it stood isn't on record")
        else:
            yield from _at_the_answer(flag, call)


def _at_the_answer(flag: Flag, call: Call) -> Iterator[Finding]:
    answered = call.placed.answered_at
    if call.placed.bridged_at is None or answered is None or flag.recorded_at > answered:
        return
    if call.blind:
        yield Unsure(flag.name, "bridged while what others recorded wasn't known")
    else:
        yield Wrong(flag.name, f"{flag.name} came at {shown(flag.recorded_at)}, before the answer, and it was bridged")


def concurrency(rule: Rule, call: Call) -> Iterator[Finding]:
    """Never two calls under way to one debtor, number or household."""
    keys = rule.values.get("key", ("debtor", "number", "household"))
    for other in call.under_way:
        same = {
            "debtor": other.debtor == call.debtor,
            "number": other.number == call.number,
            "household": bool(other.household) and other.household == call.household,
        }
        shared = [key for key in keys if same[key]]
        if shared:
            until = "and hasn't ended on record" if other.at is None else f"and ended {shown(other.at)}"
            words = (
                f"{other.id} to the same {' and '.join(shared)} was under way: it began {shown(other.begun)} {until}"
            )
            yield Wrong(rule.id, words)
            return


def require(rule: Rule, call: Call) -> Iterator[Finding]:
    """What had to be so was so by the facts that the gate was given; whether those were true nobody here can tell."""
    values, given = rule.values, call.given
    if given is None:
        yield Unsure(rule.id, f"what {values['fact']} was then isn't on record")
        return
    if "when" in values and not given.get(values["when"]):
        return
    said = given.get(values["fact"])
    kept = said is True if values["must"] == "be_true" else _dated(said, values, call)
    if not kept:
        yield Wrong(rule.id, f"{values['fact']} was {'not given' if said is None else said}")


def mandate(call: Call) -> Iterator[Finding]:
    """The creditor's mandate was open, by the days that the gate was given."""
    given = call.given or {}
    for fact, must, words in (
        ("mandate_starts_on", "be_days_ago", "its first day is"),
        ("mandate_ends_on", "not_be_past", "its last day was"),
    ):
        if (said := given.get(fact)) is not None and not _dated(said, {"must": must}, call):
            yield Wrong("mandate", f"the creditor's mandate wasn't open: {words} {said}")


def _dated(said: object, values: Mapping[str, Any], call: Call) -> bool:
    try:
        limit = date.fromisoformat(str(said)).toordinal()
    except ValueError:
        return False
    days, slack = [day(call.at, zone) for zone in call.zones], int(values.get("days", 0))
    if not days:
        return False
    match values["must"]:
        case "not_be_past":
            return max(days) <= limit
        case "be_days_ago":
            return min(days) - limit >= slack
        case _:
            return max(days) - limit <= slack


def ring_min(rule: Rule, call: Call) -> Iterator[Finding]:
    """Who doesn't answer is left to ring so long, if it was we who gave up."""
    placed, seconds = call.placed, float(rule.values["seconds"])
    if placed.answered_at is not None or placed.ended_at is None or placed.result not in ("no_answer", "unknown", None):
        return
    timed_out = placed.gives_up_at is not None and placed.ended_at >= placed.gives_up_at - TIMEOUT_TOLERANCE
    ours = timed_out or (placed.cause == _HUNG_UP_BY_US and placed.sip is None and placed.result == "no_answer")
    if not ours:
        return
    if placed.rang_at is None:
        yield Unsure(rule.id, "nobody said that it rang")
    elif placed.ended_at - placed.rang_at < seconds * SECOND:
        rang = (placed.ended_at - placed.rang_at) / SECOND
        yield Wrong(rule.id, f"it rang {rang:.1f} s before we gave up, at least {seconds:g}", None, seconds)


def ring_max(rule: Rule, call: Call) -> Iterator[Finding]:
    """It rings at most so long."""
    placed, seconds = call.placed, float(rule.values["seconds"])
    over = placed.answered_at or placed.ended_at
    if placed.rang_at is not None and over is not None and over - placed.rang_at > seconds * SECOND + TIMEOUT_TOLERANCE:
        rang = (over - placed.rang_at) / SECOND
        yield Wrong(rule.id, f"it rang {rang:.1f} s, at most {seconds:g}", None, seconds)


def answer_to_agent(rule: Rule, call: Call) -> Iterator[Finding]:
    """An agent is there in time; otherwise the line is down, or the message has begun, by then."""
    placed, seconds = call.placed, float(rule.values["seconds"])
    if placed.answered_at is None:
        return
    if placed.bridged_at is not None:
        what, until = "an agent was there", placed.bridged_at
    elif placed.abandoned_at is not None and plays_message(call):
        what, until = "the message began", placed.abandoned_at
    elif placed.abandoned_at is not None and placed.cause is None:
        # nobody listened when it ended: its end on record is when that was found, and the dialplan's mark tells
        what, until = "the line was let go", placed.abandoned_at
    elif placed.result == "unknown":
        yield Unsure(rule.id, "nobody listened when it ended")
        return
    elif placed.ended_at is not None:
        what, until = "the line was down", placed.ended_at
    else:
        yield Unsure(rule.id, "still under way")
        return
    if until - placed.answered_at <= seconds * SECOND:
        return
    words = f"{what} {(until - placed.answered_at) / SECOND:.3f} s after the answer, at most {seconds:g}"
    if rule.values.get("clock") == "greeting":
        yield Unsure(rule.id, "later than allowed after the answer; when the greeting was over isn't on record")
    else:
        yield Wrong(rule.id, words, None, seconds)


def plays_message(call: Call) -> bool:
    """Where one of the packs has the line dropped, no message is played."""
    treatments = [rule.values["treatment"] for law in call.laws for rule in law.of_kind("abandon_treatment")]
    return bool(treatments) and all(treatment == "message" for treatment in treatments)
