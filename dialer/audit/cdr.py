"""A carrier's list of calls (CDR): read, held against the record, and the caps recounted from it alone.

What the carrier saw is outside our hands. A call that it has and the record lacks is the gravest finding there is.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dialer.audit import how, often, when
from dialer.audit.auditor import Bench, Check, is_mobile, plan_zones
from dialer.audit.call import History, call_of
from dialer.audit.happened import Contact, Line
from dialer.audit.instants import SECOND, micros, shown, usable
from dialer.audit.record import AuditRecord, Page, Placed
from dialer.audit.report import Report, Violation, Wrong
from dialer.kernel.errors import InputError
from dialer.kernel.ids import is_well_formed
from dialer.kernel.phone import mask

TOLERANCE = 5 * SECOND
"""Between our clock and the carrier's, and between our dial and the start that it notes."""
MOST_ROWS = 2_000_000
NOT_ON_RECORD, NOT_IN_CDR, ANSWERED = "cdr-not-on-record", "cdr-lacks", "cdr-answered"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    # what it is, then the other names under which carriers and Asterisk have it
    "start": ("start_time", "started_at", "calldate"),
    "number": ("dst", "destination", "dialled", "called"),
    "end": ("end_time", "ended_at"),
    "duration": ("duration_seconds", "seconds"),
    "answer": ("answer_time", "answered_at"),
    "answered": ("disposition", "status"),
    "id": ("userfield", "attempt", "our_id"),
}
_NETWORK_CELLS = 6
_YES, _NO = (
    {"yes", "true", "1", "answered", "answer"},
    {"no", "false", "0", "no answer", "busy", "failed", "congestion"},
)
_REACHED = frozenset({"reached", "rang", "connected"})
_KINDS: Mapping[str, Check] = {
    "hours": when.hours,
    "concurrency": how.concurrency,
    "count": often.count,
    "min_gap": often.min_gap,
}


@dataclass(frozen=True, slots=True)
class CarrierCall:
    """One call as the carrier has it. number: its digits, with the country code. answered, busy: None = not told."""

    line: int
    start: int
    number: str
    end: int | None = None
    answered: bool | None = None
    busy: bool = False
    id: str | None = None


# -- reading -----------------------------------------------------------------------------------------------


def read(path: Path) -> list[CarrierCall]:
    """Read a file: CSV with a header, or the simulated phone network's own. Raises InputError as `file:line:column`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read: {error}", "name a CSV file in UTF-8") from None
    return parse(text, str(path))


def parse(text: str, name: str) -> list[CarrierCall]:
    """The calls of a CDR, in the order of their starts. Raises InputError."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    calls: list[CarrierCall] = []
    reading: _Header | None = None
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if reading is None:
                reading = _header(row, f"{name}:{rows.line_num}")
                if not reading.bare:
                    continue
            if len(calls) >= MOST_ROWS:
                raise InputError(f"{name}: more than {MOST_ROWS} calls", "cut it into several files")
            calls.append(_call(reading, row, name, rows.line_num))
    except csv.Error as error:
        raise InputError(f"{name}:{rows.line_num}:1: not CSV: {error}", "export it again") from None
    if reading is None:
        raise InputError(f"{name}:1:1: empty", "a CDR has a header and a line for each call")
    return sorted(calls, key=lambda call: (call.start, call.line))


@dataclass(frozen=True, slots=True)
class _Header:
    """Which column is what. bare: the phone network's own file, which has no header."""

    columns: Mapping[str, int]
    bare: bool = False


def _header(row: list[str], where: str) -> _Header:
    if len(row) == _NETWORK_CELLS and all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", cell.strip()) for cell in row[:4]):
        return _Header({"number": 0, "start": 1, "answer": 2, "end": 3, "answered": 4}, bare=True)
    names = {name: key for key, others in COLUMNS.items() for name in (key, *others)}
    columns: dict[str, int] = {}
    for index, cell in enumerate(row):
        key = names.get(cell.strip().lower().replace(" ", "_"))
        if key is None:
            continue
        if key in columns:
            raise InputError(f"{where}:{index + 1}: two columns are the {key}", "keep one of them")
        columns[key] = index
    for needed in ("start", "number"):
        if needed not in columns:
            other = ", ".join(COLUMNS[needed])
            raise InputError(
                f"{where}:1: no column {needed}; there are {', '.join(cell.strip() or '(empty)' for cell in row)[:200]}",
                f"name the column {needed} (or {other})",
            )
    return _Header(columns)


def _call(header: _Header, row: list[str], name: str, line: int) -> CarrierCall:
    def cell(key: str) -> str:
        index = header.columns.get(key)
        return "" if index is None or index >= len(row) else row[index].strip()

    def fail(key: str, what: str, remedy: str) -> InputError:
        return InputError(f"{name}:{line}:{header.columns[key] + 1}: {key}: {what}", remedy)

    start = _instant(cell("start"))
    if start is None:
        raise fail(
            "start", f"{cell('start')[:40]!r} is no instant", "write 2026-11-24T10:00:00+01:00, or UTC without a zone"
        )
    end = _optional(cell, fail, "end")
    if end is None and cell("duration"):
        try:
            end = start + round(float(cell("duration").replace(",", ".")) * SECOND)
        except ValueError:
            raise fail("duration", f"{cell('duration')[:40]!r} is no number of seconds", "write 62 or 62.5") from None
    if end is not None and end < start:
        raise fail("end" if cell("end") else "duration", "ends before it starts", "correct this line")
    status = cell("answered").lower().replace("_", " ")
    answered = True if status in _YES else False if status in _NO else None
    if status and answered is None:
        raise fail(
            "answered", f"{status[:40]!r} is neither yes nor no", "write yes, no, ANSWERED, NO ANSWER, BUSY or FAILED"
        )
    if _optional(cell, fail, "answer") is not None:
        answered = True
    elif answered is None and "answer" in header.columns:
        answered = False
    number = re.sub(r"[\s().-]", "", cell("number"))
    digits = number.removeprefix("+").removeprefix("00") if number.startswith(("+", "00")) else number
    if not re.fullmatch(r"[1-9][0-9]{5,14}", digits):
        raise fail(
            "number", f"{mask(number) or 'an empty cell'} is no number with its country code", "write +390612345678"
        )
    id_ = cell("id")
    return CarrierCall(
        line, start, digits, end, answered, busy=status == "busy", id=id_ if is_well_formed(id_) else None
    )


def _optional(cell: Callable[[str], str], fail: Callable[[str, str, str], InputError], key: str) -> int | None:
    """An instant that need not be there; Asterisk writes 0 for one that never was."""
    text = cell(key)
    if not text or re.fullmatch(r"0+(\.0+)?", text):
        return None
    at = _instant(text)
    if at is None:
        raise fail(key, f"{text[:40]!r} is no instant", "write 2026-11-24T10:00:00+01:00, or leave it empty")
    return at


def _instant(text: str) -> int | None:
    if re.fullmatch(r"[0-9]{9,10}(\.[0-9]+)?", text):
        whole, _, part = text.partition(".")
        return int(whole) * SECOND + int((part + "000000")[:6])
    try:
        at = datetime.fromisoformat(text)
        return micros(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


# -- against the record --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Joined:
    """The carrier's calls beside ours. lacking: on record as dialled, and not in the CDR, within its time."""

    calls: int = 0
    matched: int = 0
    begin: int = 0
    until: int = 0
    lacking: list[Placed] = field(default_factory=list)
    never_left: int = 0

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "calls": self.calls,
            "matched": self.matched,
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
    joined.matched = len(matches)
    for call in calls:
        subject, at = f"{name}:{call.line}", call.start + offset
        placed = matches.get(call.line)
        if placed is None:
            words = f"the carrier has a call to {mask(call.number)}, the record has none"
            report.violated(Violation(NOT_ON_RECORD, "", subject, "", at, words))
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
