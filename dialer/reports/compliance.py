"""What the gate refused and why, how far each cap was used, and what the auditor found."""

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from dialer.compliance.reasons import text_of
from dialer.reports.report import PERIOD, About, Asked, Report, count, text

Key = tuple[str, str]
"""A pack (empty: the engine's own), and a rule of it."""


@dataclass(slots=True)
class Recount:
    """What the auditor found, by pack and rule. attempts: those that it judged. violations: all, however many; the first
    10,000 are told by rule.
    """

    attempts: int = 0
    violations: int = 0
    applied: Counter[Key] = field(default_factory=Counter)
    broken: Counter[Key] = field(default_factory=Counter)
    not_judged: Counter[Key] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ComplianceLine:
    """One rule of one pack."""

    pack: Annotated[str, text("the pack; empty: what the engine itself demands, or all packs together")]
    rule: Annotated[str, text("the reason (docs/reference/reasons.md), or what the auditor looks at beside the packs")]
    meaning: Annotated[str, text("it in words")]
    blocked: Annotated[int, count("calls that it stopped before the dial, alone or among other reasons")]
    withheld: Annotated[int, count("answered calls that it kept from the agent")]
    cases: Annotated[int, count("cases that it stopped at least once")]
    used: Annotated[int | None, count("the fullest that the cap was when it stopped a call; in no total")]
    limit: Annotated[str, text("the cap then: used = limit means that nothing was left")]
    versions: Annotated[str, text("of the pack, by which it was judged then")]
    applied: Annotated[
        int, count("how often the auditor applied it to a call: without it, 'nothing broken' says nothing")
    ]
    broken: Annotated[int, count("calls that broke it, by the auditor's own recount")]
    not_judged: Annotated[int, count("calls that the auditor couldn't judge by it (`dialer audit` says why)")]


@dataclass(frozen=True, slots=True)
class ComplianceTotals:
    """All decisions, and the recount."""

    allowed: Annotated[int, count("calls that the gate let through")]
    blocked: Annotated[int, count("times that it refused a call before the dial")]
    bridged: Annotated[int, count("answered calls that it let through to an agent")]
    withheld: Annotated[int, count("answered calls that it kept from one")]
    attempts: Annotated[int, count("calls that the auditor recounted")]
    broken: Annotated[int, count("what it found broken")]
    not_judged: Annotated[int, count("what it couldn't judge")]


ABOUT = About(
    "compliance",
    "What did the gate refuse, and why; was any rule broken all the same?",
    ComplianceLine,
    PERIOD,
    (
        "A decision belongs to the instant at which it was made.",
        "The auditor judges what was cleared, or ended, in the period, from the record alone.",
        "The gate knows no override: whom it refuses, nobody can call.",
        "The caps on abandoned calls are told by the report abandonment.",
    ),
    shown=("pack", "rule", "blocked", "withheld", "cases", "used", "limit", "applied", "broken", "not_judged"),
    totals=ComplianceTotals,
)


@dataclass(slots=True)
class _Refused:
    by: Counter[str] = field(default_factory=Counter)
    cases: set[int] = field(default_factory=set)
    used: int | None = None
    limit: float | None = None
    versions: set[str] = field(default_factory=set)


async def report(
    asked: Asked,
    decided: Mapping[str, int],
    refusals: AsyncIterator[list[tuple[str, int, str]]],
    recount: Recount,
) -> Report:
    """One line a rule. decided: by word. refusals: decision, case and content of each decision against a call."""
    found: dict[Key, _Refused] = defaultdict(_Refused)
    async for page in refusals:
        for word, case, content in page:
            _add(found, word, case, content)
    audited = (recount.applied, recount.broken, recount.not_judged)
    keys = sorted({*found, *(key for counter in audited for key, times in counter.items() if times)})
    lines = tuple(_line(key, found.get(key) or _Refused(), recount) for key in keys)
    totals = ComplianceTotals(
        decided.get("allow", 0),
        decided.get("block", 0),
        decided.get("bridge", 0),
        decided.get("withhold", 0),
        recount.attempts,
        recount.violations,
        recount.not_judged.total(),
    )
    return Report(ABOUT, asked, lines, (totals,))


def _add(found: dict[Key, _Refused], word: str, case: int, content: str) -> None:
    said = json.loads(content)
    versions = {str(label).partition(" ")[0]: str(label).partition(" ")[2] for label in said["packs"]}
    for pack, rule in {(str(one["pack"]), str(one["reason"])) for one in said["refusals"]}:
        of = found[pack, rule]
        of.by[word] += 1
        of.cases.add(case)
        of.versions |= {versions[pack]} if pack in versions else set()
    for one in said["refusals"]:
        of = found[str(one["pack"]), str(one["reason"])]
        if one.get("count") is not None and (of.used is None or one["count"] > of.used):
            of.used, of.limit = int(one["count"]), one.get("limit")


def _line(key: Key, refused: _Refused, recount: Recount) -> ComplianceLine:
    pack, rule = key
    return ComplianceLine(
        pack,
        rule,
        text_of(rule),
        refused.by["block"],
        refused.by["withhold"],
        len(refused.cases),
        refused.used,
        "" if refused.limit is None else f"{refused.limit:g}",
        ", ".join(sorted(refused.versions)),
        recount.applied[key],
        recount.broken[key],
        recount.not_judged[key],
    )
