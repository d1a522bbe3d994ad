"""Why a debtor wasn't called, and when next: from the record, the gate's word now, and what its campaign does."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from dialer.campaigns.priority import LONGEST_DUE_EVERY
from dialer.cases.model import CaseState
from dialer.cases.turn import LOOKED_BACK, Turn, reasons_of
from dialer.compliance.reasons import text_of
from dialer.compliance.verdict import Refusal, Verdict
from dialer.kernel.phone import PhoneNumber, mask
from dialer.live.causes import Standstill, at_words, reason_words

_NOT_OPEN = {
    CaseState.LETTER: "it waits for a letter",
    CaseState.ESCALATED: "it waits for a person to decide",
    CaseState.CLOSED: "it is closed",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of one number now. holding: it may be called with an agent held for it alone."""

    number: PhoneNumber
    verdict: Verdict
    holding: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same for programs; the number is masked."""
        verdict = self.verdict
        return {
            "number": mask(self.number),
            "allowed": verdict.allowed,
            "agent_held": self.holding,
            "reasons": [_reason(refusal) for refusal in verdict.refusals],
            "not_before": verdict.not_before.isoformat() if verdict.not_before else None,
            "packs": list(verdict.versions),
        }


def _reason(refusal: Refusal) -> dict[str, Any]:
    return {
        "reason": str(refusal.reason),
        "text": text_of(refusal.reason),
        "pack": refusal.pack,
        "rule": refusal.rule,
        "saw": refusal.facts,
        "count": refusal.count,
        "limit": refusal.limit,
        "not_before": refusal.not_before.isoformat() if refusal.not_before else None,
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """One case, as it is asked about.

    under_way: what happens with it just now, in words; empty: nothing. causes: why nothing rings in its campaign, where
    nothing does. zone: where the debtor is. pace: what limits its campaign, in a sentence; empty: not known. judged: None
    where its campaign isn't configured any more.
    """

    case_id: int
    turn: Turn
    judged: Sequence[Judged] | None
    zone: ZoneInfo
    under_way: str = ""
    causes: Sequence[Standstill] = ()
    pace: str = ""


def explain_case(asked: Asked) -> str:
    """The first thing that keeps the debtor from being called, then the rest, in one sentence with its figures."""
    turn = asked.turn
    parts = [asked.under_way] if asked.under_way else _why(asked)
    if turn.state is CaseState.OPEN and not asked.under_way:
        parts += _gate(asked.judged, asked.zone)
    calls = f"{turn.calls} calls so far"
    if turn.last_call:
        calls += f", the last {at_words(turn.last_call.at, asked.zone)}: {turn.last_call.result or 'under way'}"
    parts.append(calls)
    if turn.refused_at is not None:
        parts.append(
            f"in {LOOKED_BACK.days} days the gate refused it {turn.refusals} times, the last time "
            f"{at_words(turn.refused_at, asked.zone)}: {reason_words(Counter(turn.refused))}"
        )
    return f"case {asked.case_id} of {turn.campaign}: " + "; ".join(parts)


def _why(asked: Asked) -> list[str]:
    turn = asked.turn
    if turn.state is not CaseState.OPEN:
        return [f"{_NOT_OPEN[turn.state]} and isn't called: {turn.why}"]
    if turn.due_at is None:
        return ["its call is under way, by the record"]
    at = at_words(turn.due_at, asked.zone)
    if not turn.due:
        if reasons := reasons_of(turn.why):
            return [f"it waits until {at}, because the gate refused it: {'; '.join(map(text_of, reasons))}"]
        return [f"it waits until {at}: {turn.why}"]
    return [f"it is due since {at} ({turn.why})", *_campaign(asked), _place(turn)]


def _campaign(asked: Asked) -> list[str]:
    """What its campaign does; the hours and the cases themselves aren't why it waits, as this one is due."""
    if asked.causes:
        return [f"nothing rings in its campaign: {'; also '.join(cause.words for cause in asked.causes)}"]
    return [f"its campaign: {asked.pace}"] if asked.pace else []


def _place(turn: Turn) -> str:
    place = f"{turn.before} of the {turn.due} due cases come before it"
    if turn.longest < turn.before:
        place += f", and {turn.longest} of those that are due longest, to whom every {LONGEST_DUE_EVERY}th call goes"
    return place


def _gate(judged: Sequence[Judged] | None, zone: ZoneInfo) -> list[str]:
    if judged is None:
        return ["its campaign isn't configured any more, so nobody calls it"]
    if not judged:
        return ["it has no number"]
    return [f"the gate says of {mask(one.number)}: {_word(one, zone)}" for one in judged]


def _word(judged: Judged, zone: ZoneInfo) -> str:
    verdict = judged.verdict
    if verdict.allowed:
        return f"may be called now{', with an agent held for it' if judged.holding else ''}"
    reasons = ", ".join(
        f"{text_of(refusal.reason)}{f' ({refusal.facts})' if refusal.facts else ''}" for refusal in verdict.refusals
    )
    when = f"not before {at_words(verdict.not_before, zone)}" if verdict.not_before else "not by itself"
    return f"{when}, because {reasons}"
