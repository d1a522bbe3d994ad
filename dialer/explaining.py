"""Answers to "why": gathered from the running engine and the record, said by `dialer.live`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dialer.agents.session import Session
from dialer.calls.attempt import BEFORE_ANSWER, Attempt
from dialer.calls.reserving import demands_agent
from dialer.campaigns.asking import facts_of_way, intent_for
from dialer.campaigns.caller_id import CallerId
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.selection import numbers_to_try
from dialer.campaigns.timing import zone_of
from dialer.campaigns.trunk import ways
from dialer.cases.book import CaseBook
from dialer.cases.model import DueCase
from dialer.cases.turn import CaseGroup, Turn, Turns
from dialer.compliance.facts import Facts
from dialer.compliance.gate import Law
from dialer.compliance.localtime import zones_of
from dialer.compliance.pack import Pack
from dialer.compliance.rules import Require
from dialer.compliance.verdict import CallMode, Intent, Refusal, Verdict
from dialer.flow import Flow
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, UnknownNameError
from dialer.live.accounts import home_of
from dialer.live.causes import Around, Standstill, causes_of, rings
from dialer.live.explain import Wait, explain, explain_agent, span_words
from dialer.live.shares import needs_an_agent
from dialer.live.snapshot import AgentLine, CampaignLine, TrunkLine, agent_line, campaign_line, trunk_lines
from dialer.live.uncalled import Asked, Judged, explain_case

Foresee = Callable[[Intent, datetime], Awaitable[Verdict]]
"""What the gate would say of a call at an instant; `Gate.foresee`."""


async def judged_numbers(
    campaign: Campaign, case: DueCase, packs: Mapping[str, Pack], foresee: Foresee, now: datetime
) -> list[Judged]:
    """What the gate says now of each number of the case, in the order in which they would be tried."""
    found = []
    for line in numbers_to_try(case):
        intent = intent_for(campaign, case, line.number, packs)
        verdict = await foresee(intent, now)
        holding = demands_agent(verdict, [packs[name] for name in intent.packs if name in packs])
        if holding:
            verdict = await foresee(replace(intent, mode=CallMode.RESERVED), now)
        found.append(Judged(line.number, verdict, holding))
    return found


def unmet(campaign: Campaign, law: Law, now: datetime) -> list[Refusal]:
    """What the packs require of every call of the campaign, whoever is called, and isn't so: an ended licence, a caller id
    that isn't registered. Each once.
    """
    caller_id = (*campaign.caller_ids, CallerId(campaign.caller_id))[0]
    trunk = next(iter(ways(caller_id.number, campaign.trunks)), None)
    given = facts_of_way(campaign, caller_id, trunk)
    intent = Intent(
        campaign.name, 0, 0, caller_id.number, (home_of(caller_id.number),), campaign.packs, 0.0, given=given
    )
    facts = Facts(intent, now, now, zones_of(intent.zones))
    known = {*given, "licence_valid_until"}
    return [
        replace(refusal, pack=name, rule=rule.id)
        for name in campaign.packs
        for rule in (law.packs[name].of_kind(Require) if name in law.packs else ())
        if rule.when is None and rule.fact in known
        for refusal in rule.check(facts)
    ]


@dataclass(frozen=True, slots=True)
class _Floor:
    """Everything at one instant."""

    agents: tuple[AgentLine, ...]
    trunks: tuple[TrunkLine, ...]
    problems: list[str]


class Explaining:
    """One instance a daemon. problems: what keeps the whole daemon from dialling."""

    def __init__(
        self, flow: Flow, book: CaseBook, turns: Turns, problems: Callable[[], list[str]], clock: Clock
    ) -> None:
        self._flow, self._book, self._turns, self._problems, self._clock = flow, book, turns, problems, clock

    async def everything(self) -> dict[str, Any]:
        """Each campaign, each trunk, each caller id."""
        floor = self._floor()
        campaigns = [await self._campaign(campaign, floor) for campaign in self._flow.campaigns.values()]
        trunks = [{"trunk": line.trunk, "sentence": f"trunk {line.trunk}: {line.sentence}"} for line in floor.trunks]
        caller_ids = [
            {
                "campaign": line.campaign,
                "caller_id": line.caller_id,
                "collapsed": line.collapsed,
                "sentence": f"caller id {line.caller_id} of {line.campaign}: {line.sentence}",
            }
            for line in self._flow.answer_rates.lines()
        ]
        return {"campaigns": campaigns, "trunks": trunks, "caller_ids": caller_ids}

    async def agent(self, name: str) -> dict[str, Any]:
        """Why this agent is idle, or what else the agent does. Raises UnknownNameError."""
        session, floor = self._flow.roster.session(name), self._floor()
        line = agent_line(session, self._clock.now())
        mine = [self._flow.campaigns[known] for known in sorted(session.campaigns & self._flow.campaigns.keys())]
        queues = [(campaign, self._queue(campaign)) for campaign in mine] if session.free else []
        # before any wait: the agent may be taken meanwhile
        places = [(campaign, len(queue), 1 + queue.index(session)) for campaign, queue in queues]
        waits = [await self._wait(campaign, floor, free, place) for campaign, free, place in places]
        return {
            "agent": name,
            "state": line.state,
            "seconds": line.seconds,
            "sentence": explain_agent(line, waits, _wrap_up(session, self._flow.campaigns, self._clock.now())),
            "campaigns": [
                {
                    "campaign": wait.campaign,
                    "ringing": wait.ringing,
                    "free": wait.free,
                    "place": wait.place,
                    "expected_seconds": wait.expected.seconds,
                    "chance": wait.expected.chance,
                    "causes": _causes(wait.causes),
                }
                for wait in waits
            ],
        }

    async def case(self, case_id: int) -> dict[str, Any]:
        """Why this debtor isn't called, and when next. Raises UnknownNameError, AwayError."""
        now = self._clock.now()
        turn, case = await turn_and_case(self._turns, self._book, case_id, now)
        campaign = self._flow.campaigns.get(turn.campaign)
        if campaign is None:
            return case_answer(Asked(case_id, turn, None, zone_of(case)), now)
        gate = self._flow.gate
        judged = await judged_numbers(campaign, case, gate.law.packs, gate.foresee, now)
        floor = self._floor()
        line = self._line(campaign)
        causes = () if rings(line) else await self._causes(campaign, line, floor)
        return case_answer(
            Asked(case_id, turn, judged, zone_of(case), self._under_way(case_id), causes, line.sentence), now
        )

    # -- gathering --------------------------------------------------------------------------------------

    def _floor(self) -> _Floor:
        now, flow = self._clock.now(), self._flow
        agents = tuple(agent_line(session, now) for session in flow.roster)
        return _Floor(agents, trunk_lines(flow.trunks), self._problems())

    def _line(self, campaign: Campaign) -> CampaignLine:
        flow = self._flow
        accounts = flow.pacer.accounts_of(campaign)
        return campaign_line(campaign, list(flow.live.of_campaign(campaign.name)), flow.tally, accounts)

    async def _campaign(self, campaign: Campaign, floor: _Floor) -> dict[str, Any]:
        line = self._line(campaign)
        causes = [] if rings(line) else await self._causes(campaign, line, floor)
        sentence = explain(line, floor.agents, causes)
        return {"campaign": campaign.name, "sentence": sentence, "ringing": rings(line), "causes": _causes(causes)}

    async def _causes(self, campaign: Campaign, line: CampaignLine, floor: _Floor) -> list[Standstill]:
        flow, now = self._flow, self._clock.now()
        groups: Sequence[CaseGroup] | None
        try:
            groups = await self._turns.groups(campaign.name, now)
        except AwayError:
            groups = None
        taken = {trunk.name for trunk in campaign.trunks} or {trunk.trunk for trunk in floor.trunks}
        around = Around(
            floor.agents,
            [trunk for trunk in floor.trunks if trunk.trunk in taken],
            floor.problems,
            flow.lacks(campaign),
            unmet(campaign, flow.gate.law, now),
            groups,
            flow.tally.campaigns[campaign.name].refused_lately,
            ZoneInfo(home_of(campaign.caller_id)),
        )
        return causes_of(line, around)

    def _queue(self, campaign: Campaign) -> list[Session]:
        """Who is free for it, the longest first."""
        free = [one for one in self._flow.roster if one.free and campaign.name in one.campaigns]
        return sorted(free, key=lambda one: one.since)

    async def _wait(self, campaign: Campaign, floor: _Floor, free: int, place: int) -> Wait:
        flow, line = self._flow, self._line(campaign)
        ringing = [
            attempt
            for attempt in flow.live.of_campaign(campaign.name)
            if attempt.state in BEFORE_ANSWER and needs_an_agent(attempt, flow.roster)
        ]
        causes = [] if rings(line) else await self._causes(campaign, line, floor)
        expected = flow.pacer.expects(campaign, ringing, place)
        return Wait(campaign.name, len(ringing), free, place, expected, tuple(causes))

    def _under_way(self, case_id: int) -> str:
        """What happens with the case just now, in words."""
        now = self._clock.now()
        for attempt in self._flow.live:
            if attempt.intent.case_id == case_id:
                return f"it is being called: {attempt.state.value} {_since(attempt, now)}"
        for session in self._flow.roster:
            offer = self._flow.previewing.of(session.agent)
            if offer is not None and offer.case.id == case_id:
                return f"{session.agent} looks at it, and decides whether it is called"
        return ""


def case_answer(asked: Asked, now: datetime) -> dict[str, Any]:
    """The answer about a case, for people and programs."""
    turn = asked.turn
    return {
        "case": asked.case_id,
        "campaign": turn.campaign,
        "creditor": turn.creditor,
        "at": now.isoformat(),
        "sentence": explain_case(asked),
        "state": turn.state.value,
        "due_at": turn.due_at.isoformat() if turn.due_at else None,
        "why": turn.why,
        "place": {"before": turn.before, "longest": turn.longest, "due": turn.due} if turn.due else None,
        "numbers": [one.as_json() for one in asked.judged or ()],
        "calls": turn.calls,
        "refusals": turn.refusals,
        "refused": dict(turn.refused),
        "causes": _causes(asked.causes),
    }


async def turn_and_case(turns: Turns, book: CaseBook, case_id: int, now: datetime) -> tuple[Turn, DueCase]:
    """The case, and where it stands. Raises UnknownNameError, AwayError."""
    try:
        return await turns.turn(case_id, now), await book.case(case_id)
    except LookupError:
        raise UnknownNameError(f"there is no case {case_id}", "dialer report attempts has the ids") from None


def _causes(causes: Sequence[Standstill]) -> list[dict[str, str]]:
    return [{"cause": one.cause.value, "words": one.words, "remedy": one.remedy} for one in causes]


def _since(attempt: Attempt, now: datetime) -> str:
    return f"for {span_words((now - (attempt.answered_at or attempt.cleared_at)).total_seconds())}"


def _wrap_up(session: Session, campaigns: Mapping[str, Campaign], now: datetime) -> str:
    """How this agent's wrap-up ends."""
    limits = [campaigns[name].auto_ready_after_seconds for name in session.campaigns if name in campaigns]
    known = [limit for limit in limits if limit is not None]
    if not known:
        return "it ends when the agent says so"
    left = max(0.0, min(known) - (now - session.since).total_seconds())
    return f"it ends when the agent says so, or by itself in {left:.0f} s"
