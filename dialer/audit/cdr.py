"""A carrier's list of calls (CDR), held against the record, and the caps recounted from it alone.

What the carrier saw is outside our hands. A call that it has and the record lacks is the gravest finding there is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dialer.audit import how, often, when
from dialer.audit.auditor import Bench, Check, is_mobile, plan_zones
from dialer.audit.call import History, call_of
from dialer.audit.carrier import CarrierCall
from dialer.audit.happened import Contact, Line
from dialer.audit.instants import SECOND, shown, usable
from dialer.audit.record import AuditRecord, Page, Placed
from dialer.audit.report import Report, Violation, Wrong
from dialer.kernel.phone import mask

TOLERANCE = 5 * SECOND
"""Between our clock and the carrier's, and between our dial and the start that it notes."""
NOT_ON_RECORD, ANSWERED, NEVER_LEFT = "cdr-not-on-record", "cdr-answered", "cdr-never-left"
_REACHED = frozenset({"reached", "rang", "connected"})
_KINDS: Mapping[str, Check] = {
    "hours": when.hours,
    "concurrency": how.concurrency,
    "count": often.count,
    "min_gap": often.min_gap,
}


# -- against the record --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Joined:
    """The carrier's calls beside ours. lacking: on record as dialled, and not in the CDR, within its time. outside: of the
    matched ones, those to somebody who is no debtor.
    """

    calls: int = 0
    matched: int = 0
    outside: int = 0
    begin: int = 0
    until: int = 0
    lacking: list[Placed] = field(default_factory=list)
    never_left: int = 0

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "calls": self.calls,
            "matched": self.matched,
            "outside": self.outside,
            "from": shown(self.begin),
            "until": shown(self.until),
            "attempts_that_never_left": self.never_left,
            "attempts_not_in_cdr": [
                {"attempt": placed.id, "at": shown(placed.dialled_at or placed.cleared_at)} for placed in self.lacking
            ],
        }


async def join(
    calls: list[CarrierCall], record: AuditRecord, bench: Bench, report: Report, *, offset: int = 0, name: str = "CDR"
) -> Joined:
    """Hold a CDR against the record, and recount from it alone. offset: how far our clock is ahead of the carrier's.

    Raises AwayError.
    """
    if not calls:
        report.notes.append(f"{name} holds no call: nothing could be compared with it")
        return Joined()
    joined = Joined(
        len(calls), begin=calls[0].start + offset, until=max(call.end or call.start for call in calls) + offset
    )
    page = await record.around({call.number for call in calls}, joined.begin - TOLERANCE, joined.until + TOLERANCE)
    matches = _match(calls, page, offset)
    outside = _outside([call for call in calls if call.line not in matches], page, offset)
    joined.matched, joined.outside = len(matches) + len(outside), len(outside)
    calls = [call for call in calls if call.line not in outside]  # no debtor is called in them, so no cap counts them
    for call in calls:
        subject, at = f"{name}:{call.line}", call.start + offset
        placed = matches.get(call.line)
        if placed is None:
            words = f"the carrier has a call to {mask(call.number)}, the record has none"
            report.violated(Violation(NOT_ON_RECORD, "", subject, "", at, words))
        elif placed.result == "trunk_failure" and not call.failed:
            words = (
                f"the carrier has it ({subject}), by the record it never left our side, so that it counts for nothing"
            )
            report.violated(Violation(NEVER_LEFT, "", placed.id, placed.campaign, at, words))
        elif call.answered and placed.answered_at is None:
            words = f"the carrier has it as answered ({subject}), the record as {placed.result or 'not ended'}"
            report.violated(Violation(ANSWERED, "", placed.id, placed.campaign, at, words))
    seen = {placed.id for placed in matches.values()}
    for placed in page.attempts.values():
        if placed.id in seen:
            continue
        if placed.result == "trunk_failure" or placed.dialled_at is None:
            joined.never_left += 1
        elif joined.begin <= placed.dialled_at <= joined.until:
            joined.lacking.append(placed)
    joined.lacking.sort(key=lambda placed: placed.cleared_at)
    if calls:
        _recount(calls, matches, page, bench, report, offset, name)
    return joined


def _match(calls: list[CarrierCall], page: Page, offset: int) -> dict[int, Placed]:
    """Each call with one attempt: by our id where the carrier keeps it, else by number and the nearest start."""
    matches = {call.line: page.attempts[call.id] for call in calls if call.id is not None and call.id in page.attempts}
    taken = {placed.id for placed in matches.values()}
    free: dict[str, list[Placed]] = defaultdict(list)
    for placed in page.attempts.values():
        if placed.id not in taken:
            free[placed.number.removeprefix("+")].append(placed)
    for call in calls:
        if call.line in matches:
            continue
        near = [
            (abs((placed.dialled_at or placed.cleared_at) - call.start - offset), placed)
            for placed in free[call.number]
        ]
        gap, nearest = min(near, key=lambda pair: pair[0], default=(TOLERANCE + 1, None))
        if nearest is not None and gap <= TOLERANCE:
            free[call.number].remove(nearest)
            matches[call.line] = nearest
    return matches


def _outside(calls: Iterable[CarrierCall], page: Page, offset: int) -> set[int]:
    """The lines of the calls that were to somebody who is no debtor: each one is one on record."""
    left, lines = list(page.outside), set()
    for call in calls:
        found = next(
            (
                one
                for one in left
                if one.id == call.id
                or (one.number == f"+{call.number}" and abs(one.asked_at - call.start - offset) <= TOLERANCE)
            ),
            None,
        )
        if found is not None:
            left.remove(found)
            lines.add(call.line)
    return lines


# -- from the CDR alone ----------------------------------------------------------------------------------------


def _recount(
    calls: list[CarrierCall],
    matches: Mapping[int, Placed],
    page: Page,
    bench: Bench,
    report: Report,
    offset: int,
    name: str,
) -> None:
    """The caps that a CDR can tell, per number and debtor: hours, one at a time, counts and gaps of what rang.

    Only the calls in it count, and of the record only whose a number is and what the debtor allowed.
    """
    said: dict[str, Line] = {id_: line for id_, line in page.lines.items() if not isinstance(line, Contact)}
    alone = Page(lines=said, owners=page.owners)
    if all(call.end is None for call in calls):
        report.notes.append(f"{name} doesn't say when its calls ended: gaps are counted from their starts")
    report.notes.append(f"{name} begins {shown(calls[0].start + offset)}: what was before doesn't count in it")
    for call in calls:
        placed = matches.get(call.line)
        for debtor in sorted(_debtors(call, placed, page)):
            made = _as_placed(call, placed, debtor, page, offset, f"{name}:{call.line}")
            if not made.packs:
                report.unsure("CDR", "which packs apply to a call that isn't on record", made.id)
            alone.attempts[f"{made.id} {debtor}"] = made
    history = History.of(alone)
    for made in alone.attempts.values():
        laws = [law for pack in made.packs if (law := bench.library.of(pack, None))]
        call_ = call_of(made, alone, history, _zones(made), 0, laws)
        for law in laws:
            for rule in law.rules:
                check = _KINDS.get(rule.kind)
                tells = rule.values.get("event", "reached") in _REACHED and not rule.values.get("workplace_only")
                if check is None or rule.unread or not tells:
                    continue
                report.recounted[f"CDR: {law.name}: {rule.id}"] += 1
                for finding in check(rule, call_):
                    if isinstance(finding, Wrong):
                        report.violated(_by_cdr(made, law.name, finding))


def _by_cdr(made: Placed, pack: str, wrong: Wrong) -> Violation:
    words = f"by the CDR alone, to {mask(made.number)}: {wrong.words}"
    return Violation(wrong.rule, pack, made.id, made.campaign, made.cleared_at, words, wrong.count, wrong.limit)


def _zones(made: Placed) -> tuple[str, ...]:
    """Where the debtor may be: by the address, and by the number's plan unless it is a mobile of the same country."""
    plan = plan_zones(made.number)
    if made.zone and (made.zone in plan and is_mobile(made.number)):
        return usable((made.zone,))
    return usable(tuple(dict.fromkeys((*((made.zone,) if made.zone else ()), *plan))))


def _debtors(call: CarrierCall, placed: Placed | None, page: Page) -> Iterable[int]:
    """Whose call it was: as matched; otherwise everybody's whose number it is."""
    if placed is not None:
        return {placed.debtor}
    return page.owners.get(f"+{call.number}") or {-int(call.number)}


def _as_placed(call: CarrierCall, placed: Placed | None, debtor: int, page: Page, offset: int, id_: str) -> Placed:
    """The carrier's call as an attempt: what it doesn't tell counts as the worst."""
    start = call.start + offset
    return Placed(
        id_,
        placed.campaign if placed else "",
        placed.case if placed else 0,
        debtor,
        f"+{call.number}",
        placed.packs if placed else _packs_of(debtor, page),
        placed.mode if placed else "",
        placed.debts if placed else (),
        start,
        dialled_at=start,
        ended_at=call.end + offset if call.end is not None else start,
        result="hung_up" if call.answered else "busy" if call.busy else "no_answer",
        zone=page.zones.get(debtor, ""),
    )


def _packs_of(debtor: int, page: Page) -> tuple[str, ...]:
    """The packs under which the debtor was called otherwise; where none was, those under which anybody was."""
    theirs = {pack for placed in page.attempts.values() if placed.debtor == debtor for pack in placed.packs}
    return tuple(sorted(theirs or {pack for placed in page.attempts.values() for pack in placed.packs}))
