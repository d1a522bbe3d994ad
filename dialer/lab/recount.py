"""Every attempt of a simulated year judged once more, by the auditor, which shares no rule with the gate."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from dialer.audit.auditor import Bench, judge
from dialer.audit.call import History, call_of
from dialer.audit.happened import read_line
from dialer.audit.instants import micros, usable
from dialer.audit.law import Library
from dialer.audit.record import Page, Placed
from dialer.audit.report import Report
from dialer.calls.attempt import Attempt
from dialer.compliance.entry import Line
from dialer.compliance.lines import encode
from dialer.kernel.clock import from_micro
from dialer.lab.record import YearRecord

SECOND = 1_000_000


def recount(record: YearRecord) -> Report:
    """What the auditor finds, debtor by debtor."""
    bench = Bench(Library.read())
    lines: dict[int | None, list[Line]] = defaultdict(list)
    for line in record.lines.values():
        lines[line.debtor_id].append(line)
    owners: dict[str, int] = {number: case.debtor_id for case in record.cases.values() for number in case.new.numbers}
    for line in lines.pop(None, []):  # of a number alone
        lines[owners.get(line.number or "")].append(line)
    of_debtor: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in record.attempts.values():
        of_debtor[attempt.intent.debtor_id].append(attempt)
    latest = max((attempt.cleared_at for attempt in record.attempts.values()), default=from_micro(0))
    report = Report(None, micros(latest))
    for debtor, attempts in of_debtor.items():
        _recount(record, attempts, lines[debtor], bench, report)
    return report


def _recount(record: YearRecord, attempts: list[Attempt], lines: Iterable[Line], bench: Bench, report: Report) -> None:
    page = Page(attempts={attempt.id: _placed(record, attempt) for attempt in attempts})
    # a line's revision is the instant at which it was put, in microseconds
    page.lines = {line.id: read_line(encode(line), line.revision) for line in lines}
    history = History.of(page)
    for attempt in attempts:
        placed, intent = page.attempts[attempt.id], attempt.intent
        laws = [bench.library.by_name[name] for name in placed.packs]
        ring = round(intent.ring_max_seconds * SECOND)
        call = call_of(placed, page, history, usable(intent.zones), ring, laws)
        call.given = {**intent.given, "workplace": intent.workplace}
        judge(call, bench, report)
        report.read["attempts"] += 1


def _placed(record: YearRecord, attempt: Attempt) -> Placed:
    intent, said = attempt.intent, record.outcomes.get(attempt.id)
    return Placed(
        attempt.id,
        intent.campaign,
        intent.case_id,
        intent.debtor_id,
        intent.number,
        intent.packs,
        intent.mode.value,
        intent.debts,
        micros(attempt.cleared_at),
        dialled_at=_micros(attempt.dialled_at),
        gives_up_at=_micros(attempt.gives_up_at),
        rang_at=_micros(attempt.rang_at),
        answered_at=_micros(attempt.answered_at),
        bridged_at=_micros(attempt.bridged_at),
        abandoned_at=_micros(attempt.abandoned_at),
        ended_at=_micros(attempt.ended_at),
        cause=attempt.cause,
        sip=attempt.sip,
        result=attempt.result.value if attempt.result else None,
        outcome=said.code if said else None,
        outcome_at=micros(said.recorded_at) if said else None,
        said_as=said.counts_as.value if said else None,
        household=intent.household,
        zone=intent.zones[0],
    )


def _micros(instant: datetime | None) -> int | None:
    return None if instant is None else micros(instant)
