"""Why nothing rings: every cause that stands now, the first one first."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dialer.calls.attempt import BEFORE_ANSWER
from dialer.campaigns.campaign import CampaignState
from dialer.cases.model import CaseState
from dialer.cases.turn import CaseGroup
from dialer.compliance.reasons import BY_THE_CLOCK, text_of
from dialer.compliance.verdict import Refusal
from dialer.kernel.texted import TextEnum
from dialer.live.snapshot import AgentLine, CampaignLine, TrunkLine
from pacing import Limit

MOST_REASONS = 4
"""Told of each list of reasons; the rest is summed up."""
_WAITS_FOR = {
    CaseState.LETTER: "wait for a letter",
    CaseState.ESCALATED: "wait for a person to decide",
    CaseState.CLOSED: "are closed",
}
_PACED = frozenset({Limit.BUDGET, Limit.OUTAGE, Limit.CHANNELS, Limit.RATE, Limit.RAMP, Limit.LATE})


class Cause(TextEnum):
    """What keeps a campaign from ringing, with what to do about it; in the order in which they are told."""

    DAEMON = "daemon", "the sentence names the part that is away: bring it back, and dialling goes on by itself"
    STATE = "state", "dialer campaign start NAME"
    DISK = "disk", "free the disk of the recordings, or set record = false"
    LAW = "law", "what the packs require of every call isn't so: dialer check says what to set"
    TRUNK = "trunk", "look at the carrier; dialer report trunks has what it answered"
    HOURS = "hours", "wait: the campaign goes on by itself at that time"
    CASES = "cases", "import cases, or decide about those that wait: dialer cases waiting"
    GATE = "gate", "dialer gate explain --case ID says it of one case"
    AGENTS = "agents", "dialer agents list says who does what since when"
    PACING = "pacing", "dialer tune NAME, within what the law allows: docs/how-to/tune.md"


@dataclass(frozen=True, slots=True)
class Standstill:
    """One cause, in words with its figures."""

    cause: Cause
    words: str

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self.cause.text


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around one campaign now.

    trunks: those that it may take. problems: what keeps the whole daemon from dialling. lacks, unmet: what its calls lack,
    and what the packs require of all of them and isn't so. groups: how its cases stand; None: the record is away.
    refused: by reason, since the last call that was placed. zone: where the campaign is at home.
    """

    agents: Sequence[AgentLine]
    trunks: Sequence[TrunkLine]
    problems: Sequence[str]
    lacks: Sequence[Refusal]
    unmet: Sequence[Refusal]
    groups: Sequence[CaseGroup] | None
    refused: Counter[str]
    zone: ZoneInfo


def rings(line: CampaignLine) -> int:
    """How many of its calls aren't answered yet."""
    return sum(line.calls.get(state.value, 0) for state in BEFORE_ANSWER)


def causes_of(line: CampaignLine, around: Around) -> list[Standstill]:
    """Every cause that stands now; empty where nothing but the next tick is missing."""
    found = [Standstill(Cause.DAEMON, problem) for problem in around.problems]
    if line.state != CampaignState.RUNNING.value:
        found.append(Standstill(Cause.STATE, line.sentence))
    found += [Standstill(Cause.DISK, text_of(refusal.reason)) for refusal in around.lacks]
    found += [
        Standstill(Cause.LAW, f"{text_of(one.reason)} ({one.facts}, {one.pack} says {one.reason})")
        for one in around.unmet
    ]
    found += _trunks(around.trunks)
    cases = _cases(around)
    found += cases
    if around.refused and not cases:
        words = f"since the last call that was placed the gate refused {reason_words(around.refused)}"
        found.append(Standstill(Cause.GATE, words))
    found += _agents(line, around.agents)
    if line.state == CampaignState.RUNNING.value and line.limit in _PACED:
        found.append(Standstill(Cause.PACING, line.sentence))
    return found


def _trunks(trunks: Sequence[TrunkLine]) -> list[Standstill]:
    if not trunks or any(trunk.well and trunk.calls < trunk.channels for trunk in trunks):
        return []
    return [Standstill(Cause.TRUNK, "; ".join(f"trunk {trunk.trunk}: {trunk.sentence}" for trunk in trunks))]


def _cases(around: Around) -> list[Standstill]:
    if around.groups is None:
        return [Standstill(Cause.CASES, "the record is away: nobody knows which case is due")]
    if any(group.due for group in around.groups):
        return []
    later = [group for group in around.groups if group.state is CaseState.OPEN and group.next_at is not None]
    total = sum(group.cases for group in around.groups)
    if not later:
        words = f"none of {total} cases is called by itself" if total else "it has no cases"
        return [Standstill(Cause.CASES, _joined(words, around.groups))]
    first = min(later, key=lambda group: group.next_at or datetime.max.replace(tzinfo=around.zone))
    assert first.next_at is not None
    at = at_words(first.next_at, around.zone)
    by_hour = sum(group.cases for group in later if group.reasons and BY_THE_CLOCK.issuperset(group.reasons))
    if first.reasons and BY_THE_CLOCK.issuperset(first.reasons):
        words = f"outside the hours until {at}: {by_hour} of {total} cases wait for that alone"
        return [Standstill(Cause.HOURS, _joined(words, around.groups))]
    return [Standstill(Cause.CASES, _joined(f"none of {total} cases is due before {at}", around.groups))]


def _joined(words: str, groups: Sequence[CaseGroup]) -> str:
    return "; ".join((words, *case_words(groups)))


def case_words(groups: Iterable[CaseGroup]) -> list[str]:
    """What the cases wait for that aren't due, with their numbers."""
    refused: Counter[str] = Counter()
    waiting: Counter[CaseState] = Counter()
    planned = 0
    for group in groups:
        if group.state is not CaseState.OPEN:
            waiting[group.state] += group.cases
        elif group.reasons:
            refused.update(dict.fromkeys(group.reasons, group.cases))
        elif not group.due:
            planned += group.cases
    parts = [f"{planned} wait for their next call"] if planned else []
    parts += [f"refused by the gate: {reason_words(refused)}"] if refused else []
    return parts + [f"{count} {_WAITS_FOR[state]}" for state, count in sorted(waiting.items())]


def reason_words(reasons: Counter[str]) -> str:
    """The commonest reasons, with how often each was given."""
    told = [f"{reason} ({count})" for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))]
    rest = len(told) - MOST_REASONS
    return ", ".join(told[:MOST_REASONS]) + (f" and {rest} reasons more" if rest > 0 else "")


def _agents(line: CampaignLine, agents: Iterable[AgentLine]) -> list[Standstill]:
    mine = [agent for agent in agents if line.campaign in agent.campaigns]
    here = [agent for agent in mine if agent.state != "offline"]
    if not here:
        return [Standstill(Cause.AGENTS, f"no agent is logged in (of {len(mine)})")]
    if any(agent.state == "ready" for agent in here):
        return []
    return [Standstill(Cause.AGENTS, f"none of {len(here)} agents is free ({agent_words(here)})")]


def agent_words(agents: Iterable[AgentLine]) -> str:
    """How many are at what, and why those are paused who are."""
    states = Counter(f"paused: {agent.pause_reason}" if agent.state == "paused" else agent.state for agent in agents)
    return ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def at_words(at: datetime, zone: ZoneInfo) -> str:
    """An instant as people there read it."""
    return f"{at.astimezone(zone):%a %d %b %Y %H:%M} ({zone.key})"
