"""The audit: every cap recounted from the record, page by page.

It reads what the daemon has written, and shares no rule with the gate: `tests/audit` holds the two against each other.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType, timezone

from dialer.audit import abandonment, after, how, often, trail, when
from dialer.audit.call import Call, History, call_of
from dialer.audit.instants import SECOND, micros, usable
from dialer.audit.law import Law, Library, Rule
from dialer.audit.record import AuditRecord, Decided, Page, Placed
from dialer.audit.report import Finding, Report, Unsure, Violation, Wrong
from dialer.audit.when import Corrections
from dialer.kernel.ids import ATTEMPT_PREFIX

SLICE = 8
"""So many attempts are judged before others in the same loop have their turn: about 2 ms."""

Check = Callable[[Rule, Call], Iterator[Finding]]
_CHECKS: dict[str, Check] = {
    "hours": when.hours,
    "inconvenient": when.inconvenient,
    "concurrency": how.concurrency,
    "cool_off": often.cool_off,
    "count": often.count,
    "max_total": often.max_total,
    "min_gap": often.min_gap,
    "lockout": after.lockout,
    "mode": after.mode,
    "ring_min": how.ring_min,
    "ring_max": how.ring_max,
    "answer_to_agent_max": how.answer_to_agent,
}
# what a pack says beside its caps, and what isn't on record; of flags and of caps on abandoned calls others tell
_NO_CAP = frozenset({"flag", "agreement", "consent", "min_cadence", "abandon_cap", "abandon_treatment"})
_NEEDS_DATES = frozenset({"count", "cool_off", "lockout", "mode", "holiday", "inconvenient"})


@dataclass(frozen=True, slots=True)
class Bench:
    """By what the auditor judges: the packs, and an agency's corrections of the calendars."""

    library: Library
    corrections: Corrections = field(default_factory=Corrections)


async def audit(record: AuditRecord, bench: Bench, now: datetime, since: datetime | None = None) -> Report:
    """Recount everything that was cleared, or ended, from `since` on; without it everything there is.

    What comes on record later, an outcome or an e-mail of yesterday, may put an older call in the wrong: an hourly
    audit takes a `since` some hours back, and once a night one runs without. Raises AwayError.
    """
    begin, until = None if since is None else micros(since), micros(now)
    report = Report(begin, until)
    totals = any(law.of_kind("max_total") for law in bench.library.by_name.values())
    first = await record.first_decision()
    strangers: set[str] = set()
    async for page in record.pages(begin, until, totals=totals):
        await _judge_page(page, bench, report, first)
        strangers |= {id_ for id_ in page.lines if _stranger(id_, page)}
    for id_ in sorted(strangers - await record.known(strangers)):
        words = "the ledger counts it, the record of attempts lacks it"
        report.violated(Violation(trail.MISSING_ATTEMPT, "", id_, "", None, words))
    await _follow_decisions(record, report, begin, until)
    await _abandonment(record, bench, report, begin, until)
    return report


async def _judge_page(page: Page, bench: Bench, report: Report, first_decision: int | None) -> None:
    if page.unreadable:
        report.unsure("ledger", f"{page.unreadable} lines of the ledger can't be read")
    history = History.of(page)
    for index, id_ in enumerate(sorted(page.judged)):
        if index % SLICE == SLICE - 1:
            await asyncio.sleep(0)
        placed = page.attempts[id_]
        decisions = page.decisions.get(id_, [])
        report.read["attempts"] += 1
        for finding in trail.follow(placed, decisions, first_decision):
            _tell(report, finding, "", placed)
        for finding in trail.ledger_says_less(placed, page.line_of(id_), report.until):
            _tell(report, finding, "", placed)
        allow = trail.allowed_by(decisions)
        laws = list(_laws(placed, allow, bench.library, report))
        call = call_of(placed, page, history, zones_of(placed, allow), _ring(placed, allow), laws)
        call.blind = any(one.word == "bridge" and one.content.get("blind") for one in decisions)
        if allow is not None and isinstance(given := allow.content.get("given"), Mapping):
            call.given = {**given, "workplace": allow.content.get("workplace") is True}
            # the ledger's line says it too, until the end of a mandate takes it away
            call.workplace = call.given["workplace"] if call.workplace is None else call.workplace
        judge(call, bench, report)
    report.read["contacts"] += sum(id_ not in page.attempts for id_ in page.lines)


def _stranger(id_: str, page: Page) -> bool:
    """Whether a line of the ledger speaks of a call of ours that the page lacks, and that left our side."""
    line = page.line_of(id_)
    ours = line is not None and id_.startswith(ATTEMPT_PREFIX) and id_ not in page.attempts
    return ours and line is not None and (line.at is None or line.result != "trunk_failure")


def judge(call: Call, bench: Bench, report: Report) -> None:
    """Every rule of every pack of one call."""
    for law in call.laws:
        for rule in law.rules:
            if rule.unread:
                report.unsure(f"{law.name}: {rule.id}", f"the auditor doesn't know {rule.unread}", call.placed.id)
                continue
            judged = rule.kind not in _NO_CAP
            for finding in findings(rule, call, bench):
                _tell(report, finding, law.name, call.placed)
                judged = judged and isinstance(finding, Wrong)
            report.recounted[f"{law.name}: {rule.id}"] += judged
    report.recounted["mandate"] += "mandate_starts_on" in (call.given or {})
    for finding in how.mandate(call):
        _tell(report, finding, "", call.placed)
    told: set[str] = set()
    rules = [rule for law in call.laws for rule in law.of_kind("flag")]
    report.recounted["flags"] += 1
    for finding in how.flags(rules, call):
        if finding.rule not in told:
            told.add(finding.rule)
            _tell(report, finding, "", call.placed)


def findings(rule: Rule, call: Call, bench: Bench) -> Iterator[Finding]:
    """What one rule says of one call."""
    check = _CHECKS.get(rule.kind)
    if rule.values.get("workplace_only") and not call.workplace:
        if call.workplace is None:
            yield Unsure(rule.id, "whether the number was a workplace isn't on record")
        return
    if check is not None:
        if not call.zones and rule.kind in _NEEDS_DATES:
            yield Unsure(rule.id, "no zone was known, so neither was the date")
        else:
            yield from check(rule, call)
    elif rule.kind == "holiday":
        yield from when.holiday(rule, call, bench.corrections)
    elif rule.kind == "require":
        yield from how.require(rule, call)
    elif rule.kind == "abandon_treatment" and call.placed.ended_as == "abandoned":
        yield Unsure(rule.id, "what the person heard isn't on record")


def _laws(placed: Placed, allow: Decided | None, library: Library, report: Report) -> Iterable[Law]:
    for name in placed.packs:
        label = trail.label_of(allow, name)
        law = library.of(name, label)
        if law is not None:
            yield law
        elif label is None:
            report.unsure(name, "there is no pack of this name", placed.id)
        else:
            report.unsure(name, f"judged by {label}, which isn't here: name its folder with --packs", placed.id)


def zones_of(placed: Placed, allow: Decided | None) -> tuple[str, ...]:
    """The zones that the decision names; without one, the debtor's own, or else the number's."""
    if allow is not None:
        return usable(tuple(str(zone) for zone in allow.content.get("zones", ())))
    return usable((placed.zone,)) if placed.zone else usable(plan_zones(placed.number))


@lru_cache(maxsize=1 << 16)
def plan_zones(number: str) -> tuple[str, ...]:
    """Where a number may be by its plan alone; a mobile may be anywhere in its country."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return ()
    return tuple(zone for zone in timezone.time_zones_for_number(parsed) if "/" in zone and not zone.startswith("Etc/"))


@lru_cache(maxsize=1 << 16)
def is_mobile(number: str) -> bool:
    try:
        return phonenumbers.number_type(phonenumbers.parse(number)) == PhoneNumberType.MOBILE
    except phonenumbers.NumberParseException:
        return False


def _ring(placed: Placed, allow: Decided | None) -> int:
    """How long it was to ring at most."""
    if allow is not None:
        return round(float(allow.content.get("ring_max_seconds", 0)) * SECOND)
    return (placed.gives_up_at or placed.cleared_at) - placed.cleared_at


def _tell(report: Report, finding: Finding, pack: str, placed: Placed) -> None:
    if isinstance(finding, Wrong):
        report.violated(
            Violation(
                finding.rule, pack, placed.id, placed.campaign, placed.cleared_at, finding.words, finding.count,
                finding.limit,
            )
        )  # fmt: skip
    else:
        report.unsure(f"{pack}: {finding.rule}" if pack else finding.rule, finding.why, placed.id)


async def _follow_decisions(record: AuditRecord, report: Report, since: int | None, until: int) -> None:
    """Every decision: as its content says, and no call allowed that isn't on record."""
    words: Counter[str] = Counter()
    async for decisions in record.decisions(since, until):
        pending: dict[str, Decided] = {}
        for index, decided in enumerate(decisions):
            if index % 200 == 199:
                await asyncio.sleep(0)
            words[decided.word] += 1
            words["blind"] += decided.content.get("blind") is True
            for finding in trail.altered(decided):
                assert isinstance(finding, Wrong)
                report.violated(Violation(finding.rule, "", decided.attempt or "", "", None, finding.words))
            if decided.word == "allow":
                pending[decided.attempt or ""] = decided
        known = await record.known(list(pending))
        for id_ in sorted(set(pending) - known):
            decided = pending[id_]
            report.violated(
                Violation(
                    trail.MISSING_ATTEMPT, "", id_, str(decided.content.get("campaign", "")),
                    trail.instant_of(decided.content),
                    f"the gate let it through (decision {decided.position} of {decided.chain}), the record lacks it",
                )
            )  # fmt: skip
    report.read["decisions"] = words.total() - words["blind"]
    report.read.update({f"decisions: {word}": count for word, count in words.items()})


async def _abandonment(record: AuditRecord, bench: Bench, report: Report, since: int | None, until: int) -> None:
    tallies = await record.tallies(since, until, whole=abandonment.needs_all(bench.library))
    report.caps = list(abandonment.caps(tallies, bench.library, since, until))
    for line in report.caps:
        report.recounted[f"{line.pack}: {line.rule}"] += 1
        if line.exceeded:
            words = line.sentence().removeprefix(f"{line.campaign}, ")
            report.violated(Violation(line.rule, line.pack, "", line.campaign, None, words, line.abandoned, line.cap))
        elif line.in_doubt:
            report.unsure(
                f"{line.pack}: {line.rule}",
                "calls of unknown end may have been abandoned",
                f"{line.campaign}, {line.window}",
            )
