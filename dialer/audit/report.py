"""What an audit found: violations in words, what was recounted, and what can't be judged."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from dialer.audit.instants import shown

MOST_VIOLATIONS = 10_000
"""So many are told in words; beyond it they are only counted."""
MOST_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Wrong:
    """A rule was broken. rule: the reason under which the gate would have refused."""

    rule: str
    words: str
    count: int | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """Something that the record doesn't tell."""

    rule: str
    why: str


Finding = Wrong | Unsure


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. subject: the attempt, or the line of a CDR, or empty for a whole campaign."""

    rule: str
    pack: str
    subject: str
    campaign: str
    at: int | None
    words: str
    count: int | None = None
    limit: float | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": None if self.at is None else shown(self.at)}

    def sentence(self) -> str:
        """As a supervisor reads it."""
        where = " ".join(part for part in (self.subject, f"({self.campaign})" if self.campaign else "") if part)
        when = f" at {shown(self.at)}" if self.at is not None else ""
        return f"{where}{when}: {self.words} [{self.rule}{', ' + self.pack if self.pack else ''}]"


@dataclass(frozen=True, slots=True)
class CapLine:
    """One cap on abandoned calls in one window of one campaign. running: the window isn't over.

    unknown: calls of which nobody knows whether they were answered. in_doubt: were all of them abandoned, it would be
    exceeded.
    """

    campaign: str
    pack: str
    rule: str
    window: str
    abandoned: int
    of: int
    measure: str
    cap: float
    comparison: str
    exceeded: bool
    running: bool
    unknown: int
    in_doubt: bool

    def sentence(self) -> str:
        ratio = f" ({self.abandoned / self.of:.2%})" if self.of else ""
        bound = f"{'below' if self.comparison == 'below' else 'up to'} {self.cap:.2%}"
        state = "EXCEEDED" if self.exceeded else "kept"
        far = " so far" if self.running else ""
        doubt = f"; {self.unknown} calls of unknown end aren't in it" if self.unknown else ""
        return (
            f"{self.campaign}, {self.window}{far}: {self.abandoned} abandoned of {self.of} {self.measure}{ratio}, "
            f"{bound}: {state}{doubt} [{self.rule}, {self.pack}]"
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """What metrics and a wallboard need of an audit."""

    finished_at: datetime
    seconds: float
    since: datetime | None
    attempts: int
    decisions: int
    violations: Mapping[str, int]
    not_judged: Mapping[str, int]

    @property
    def clean(self) -> bool:
        return not self.violations


@dataclass(slots=True)
class Report:
    """Collects what the audit finds.

    recounted: how often each rule (`pack: rule`) was applied. read: what was read, by kind.
    """

    since: int | None
    until: int
    violations: list[Violation] = field(default_factory=list)
    by_rule: Counter[str] = field(default_factory=Counter)
    recounted: Counter[str] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    not_judged: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    caps: list[CapLine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def violated(self, violation: Violation) -> None:
        """A rule was broken."""
        self.by_rule[violation.rule] += 1
        if len(self.violations) < MOST_VIOLATIONS:
            self.violations.append(violation)

    def unsure(self, rule: str, why: str, subject: str = "") -> None:
        """Something can't be judged: it is told, never passed over."""
        self.not_judged[rule, why] += 1
        known = self.examples.setdefault((rule, why), [])
        if subject and len(known) < MOST_EXAMPLES:
            known.append(subject)

    @property
    def clean(self) -> bool:
        return not self.by_rule

    def summary(self, finished_at: datetime, seconds: float, since: datetime | None) -> Summary:
        """The figures of this audit."""
        unsure: Counter[str] = Counter()
        for (rule, _), count in self.not_judged.items():
            unsure[rule] += count
        return Summary(
            finished_at, seconds, since, self.read["attempts"], self.read["decisions"], dict(self.by_rule), dict(unsure)
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, for a program."""
        return {
            "since": None if self.since is None else shown(self.since),
            "until": shown(self.until),
            "clean": self.clean,
            "violations": [violation.as_json() for violation in self.violations],
            "violations_by_rule": dict(sorted(self.by_rule.items())),
            "read": dict(sorted(self.read.items())),
            "recounted": dict(sorted(self.recounted.items())),
            "abandon_caps": [asdict(line) for line in self.caps],
            "not_judged": [
                {"rule": rule, "why": why, "count": count, "examples": self.examples.get((rule, why), [])}
                for (rule, why), count in sorted(self.not_judged.items())
            ],
            "notes": self.notes,
        }
