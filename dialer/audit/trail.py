"""The decisions against the attempts: none without the other, and both say the same."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from dialer.audit.happened import EVENTS_OF, Contact
from dialer.audit.instants import MINUTE, micros, shown
from dialer.audit.record import Decided, Placed
from dialer.audit.report import Finding, Unsure, Wrong

MISSING_DECISION, MISSING_ATTEMPT = "decision-missing", "attempt-missing"
DIFFERS, ALTERED, WITHHELD, LEDGER = "decision-differs", "decision-altered", "withheld-bridged", "ledger-differs"

GRACE = MINUTE


def allowed_by(decisions: list[Decided]) -> Decided | None:
    """The decision that let an attempt through."""
    return next((one for one in decisions if one.word == "allow"), None)


def label_of(decision: Decided | None, pack: str) -> str | None:
    """In which version a pack judged; None where no decision says it."""
    labels = decision.content.get("packs", ()) if decision else ()
    return next((label for label in labels if str(label).partition(" ")[0] == pack), None)


def instant_of(content: Mapping[str, Any]) -> int | None:
    """When it was decided, by the content that the chain protects."""
    try:
        return micros(datetime.fromisoformat(str(content["at"])))
    except (KeyError, ValueError, TypeError):
        return None


def altered(decided: Decided) -> Iterator[Finding]:
    """The columns beside the content only find it: they must say the same."""
    word, attempt, case, at = decided.columns
    content = decided.content
    told = (content.get("decision"), content.get("attempt"), content.get("case"), instant_of(content))
    if (word, attempt, case, at) != told:
        words = f"decision {decided.position} of the chain {decided.chain}: its columns don't say what its content says"
        yield Wrong(ALTERED, words)


def follow(placed: Placed, decisions: list[Decided], first_decision: int | None) -> Iterator[Finding]:
    """One attempt, and what the gate said of it."""
    allows = [one for one in decisions if one.word == "allow"]
    if not allows:
        if first_decision is None or placed.cleared_at < first_decision:
            yield Unsure(MISSING_DECISION, "placed before the chain of decisions began")
        else:
            yield Wrong(MISSING_DECISION, "no decision allowed it")
    elif len(allows) > 1:
        yield Wrong(MISSING_DECISION, f"{len(allows)} decisions allowed it: each clearance is used once")
    else:
        yield from _differences(placed, allows[0])
    if placed.bridged_at is not None:
        yield from _bridge(placed, decisions)


def _differences(placed: Placed, allow: Decided) -> Iterator[Finding]:
    content = allow.content
    pairs: dict[str, tuple[Any, Any]] = {
        "the instant": (placed.cleared_at, instant_of(content)),
        "the case": (placed.case, content.get("case")),
        "the campaign": (placed.campaign, content.get("campaign")),
        "the mode": (placed.mode, content.get("mode")),
        "the packs": (list(placed.packs), list(content.get("packs_named", ()))),
    }
    if allow.subject is not None:
        subject = allow.subject
        pairs["the debtor"] = (placed.debtor, subject.get("debtor"))
        pairs["the number"] = (placed.number, subject.get("number"))
        pairs["the debts"] = (list(placed.debts), list(subject.get("debts", ())))
    for what, (ours, theirs) in pairs.items():
        if ours != theirs:
            yield Wrong(DIFFERS, f"{what}: the attempt on record isn't what was allowed")


def _bridge(placed: Placed, decisions: list[Decided]) -> Iterator[Finding]:
    last = max((one for one in decisions if one.word in ("bridge", "withhold")), key=_order, default=None)
    if last is None:
        yield Unsure(
            WITHHELD, "bridged, and no check at the answer is on record (it is written soon after: a crash loses it)"
        )
    elif last.word == "withhold":
        reasons = ", ".join(sorted({str(one.get("reason")) for one in last.content.get("refusals", ())}))
        yield Wrong(WITHHELD, f"bridged at {shown(placed.bridged_at or 0)} although the gate had refused it: {reasons}")


def _order(decided: Decided) -> tuple[int, int]:
    return instant_of(decided.content) or 0, decided.position


def ledger_says_less(placed: Placed, line: Contact | None, until: int) -> Iterator[Finding]:
    """What the gate counts, the ledger's line, is no less than what the record says of the call.

    That somebody was served loosens a rule, all else tightens one. What came within the last minute may be half read.
    """
    if line is None or line.at is None or placed.ended_at is None:
        return
    if max(placed.ended_at, placed.outcome_at or 0) > until - GRACE:
        return
    ours, theirs = EVENTS_OF[placed.ended_as], EVENTS_OF[line.result]
    if ours - theirs - {"served"} or (theirs - ours) & {"served"}:
        words = f"the record has it as {placed.ended_as}, the ledger as {line.result}: it counted too little"
        yield Wrong(LEDGER, words)
    elif line.at < placed.ended_at:
        yield Wrong(LEDGER, f"it ended {shown(placed.ended_at)}, by the ledger earlier: {shown(line.at)}")
