"""The hour of the next call: learnt from each call that ended, and asked of the gate."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from dialer.calls.attempt import Attempt
from dialer.calls.results import Result
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.habits import class_of, slot_of
from dialer.campaigns.learning import Learning
from dialer.campaigns.priority import Ranking
from dialer.campaigns.timing import LEAST_AHEAD, Choice, choices, pace_of, wanted_hour, zone_of
from dialer.cases.book import CaseBook
from dialer.cases.model import DueCase, NextAction, NumberLine
from dialer.compliance.entry import EntryResult, Line
from dialer.compliance.gate import Gate
from dialer.compliance.ledger import LedgerAwayError
from dialer.compliance.verdict import CallMode, Verdict
from dialer.kernel.clock import Clock
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.catalogue import Do, Outcome

MOST_ASKED = 8
"""Hours about which the gate is asked; where it refuses all of them, the call stays as it was planned."""
_SAYS_NOTHING = frozenset({Result.TRUNK_FAILURE, Result.CONGESTION, Result.UNKNOWN})
"""Of the debtor's habits: these ended on the way, or nobody knows."""


class Planning:
    """Learns of calls, and finds the hour that pays."""

    def __init__(
        self,
        book: CaseBook,
        ranking: Ranking,
        gate: Gate,
        campaigns: Mapping[str, Campaign],
        learning: Learning,
        clock: Clock,
    ) -> None:
        self._book, self._ranking, self._gate = book, ranking, gate
        self._campaigns, self._learning, self._clock = campaigns, learning, clock

    async def after(self, attempt: Attempt, planned: NextAction) -> None:
        """The call is over and on record: learn of it, move the next one to the hour that pays where no agent said what
        comes next, and reckon anew what the case is worth. Raises AwayError.
        """
        campaign = self._campaigns.get(attempt.campaign)
        if campaign is None or attempt.result in _SAYS_NOTHING:
            return
        case = await self._book.case(attempt.intent.case_id)
        line = _line_of(case, attempt)
        if line is None:
            return
        if not _agreed(attempt):
            slot = slot_of(attempt.cleared_at, zone_of(case))
            self._learning.of(campaign.name).called(class_of(line), slot, answered=attempt.answered_at is not None)
        if attempt.outcome is not None:
            self._talked(attempt)
        if attempt.result is not Result.CONNECTED and planned.due_at is not None:
            best = await self.best(campaign, case, planned.due_at, until=case.wanted_by)
            if best is not None and best.waits:
                at = best.at.astimezone(zone_of(case))
                why = f"{planned.why}: called again {at:%a %d %b %Y %H:%M}, {best.why}"
                self._book.replan(case.id, planned, NextAction(planned.state, best.at, why, best.number))
            elif best is not None:
                self._book.replan(case.id, planned, replace(planned, number=best.number))
            if case.wanted_by is not None and case.wanted_by > self._clock.now() + LEAST_AHEAD:
                habits = self._learning.of(campaign.name)
                hour = wanted_hour(case.numbers, case.wanted_by, zone_of(case), habits, case.id)
                self._book.want(case.id, hour)
        await self._ranking.rank([case.id], self._clock.now())

    def said(self, case: DueCase, attempt: Attempt, outcome: Outcome, before: Outcome | None) -> None:
        """An agent said what the call was. before: what was said of it earlier, which holds no more.

        How long such a call takes is learnt from the first word alone.
        """
        line = _line_of(case, attempt)
        if line is not None and not _agreed(attempt):
            slot = slot_of(attempt.cleared_at, zone_of(case))
            habits = self._learning.of(attempt.campaign)
            for one, taken_back in ((before, True), (outcome, False)):
                if one is not None and one.right_party:
                    promised = one.next.do is Do.PROMISE
                    habits.spoke(class_of(line), slot, case.risk_class, promised=promised, taken_back=taken_back)
        if before is None and attempt.ended_at is not None:
            self._talked(attempt)

    async def best(
        self,
        campaign: Campaign,
        case: DueCase,
        earliest: datetime,
        *lines: Line,
        numbers: Collection[PhoneNumber] | None = None,
        until: datetime | None = None,
    ) -> Choice | None:
        """The best number and hour from then on that the gate foresees as legal; None: nothing is learnt, or the gate
        can't say.

        lines: what stands beside the ledger's own lines. numbers: those to choose among; None: all of the case.
        """
        packs = [self._gate.law.packs[name] for name in campaign.packs if name in self._gate.law.packs]
        chosen = [line for line in case.numbers if numbers is None or line.number in numbers]
        habits = self._learning.of(campaign.name)
        if not habits.begun:
            return None
        try:
            # other hours are held against the first that is legal: who may be called at once tomorrow waits for tomorrow
            earliest = await self._legal_from(campaign, case, chosen, earliest, *lines)
        except LedgerAwayError:
            return None
        found = choices(chosen, earliest, zone_of(case), habits, pace_of(packs), case.id, until)
        for choice in found[:MOST_ASKED]:
            if not choice.waits:  # as good as any that is left
                return choice
            try:
                verdict = await self._foresee(campaign, case, choice.number, choice.at, *lines)
            except LedgerAwayError:
                return None
            if verdict.allowed:
                return choice
        return None

    async def refused(self, campaign: Campaign, case: DueCase, planned: NextAction) -> None:
        """The gate refused the case until the planned instant, the first legal one: that hour may not be the one that
        pays. Raises AwayError.
        """
        if planned.due_at is None or not self._learning.of(campaign.name).begun:
            return
        case = await self._book.case(case.id)  # with its past calls, which a page of cases lacks
        best = await self.best(campaign, case, planned.due_at, until=case.wanted_by)
        if best is not None:
            due_at = best.at if best.waits else planned.due_at
            self._book.replan(case.id, planned, replace(planned, due_at=due_at, number=best.number))

    async def _legal_from(
        self, campaign: Campaign, case: DueCase, chosen: Collection[NumberLine], earliest: datetime, *lines: Line
    ) -> datetime:
        """From when on one of these numbers may be called; `earliest` where no instant is known."""
        found: list[datetime] = []
        for line in chosen:
            verdict = await self._foresee(campaign, case, line.number, earliest, *lines)
            if verdict.allowed:
                return earliest
            if verdict.not_before is not None:
                found.append(verdict.not_before)
        return min(found, default=earliest)

    async def _foresee(
        self, campaign: Campaign, case: DueCase, number: PhoneNumber, at: datetime, *lines: Line
    ) -> Verdict:
        # an agent can always be held for it: what is asked is when
        intent = replace(intent_for(campaign, case, number, self._gate.law.packs), mode=CallMode.RESERVED)
        return await self._gate.foresee(intent, at, *lines)

    def _talked(self, attempt: Attempt) -> None:
        if attempt.bridged_at is not None and attempt.ended_at is not None:
            seconds = (attempt.ended_at - attempt.bridged_at).total_seconds()
            right_party = attempt.counts_as is EntryResult.CONVERSATION
            self._learning.of(attempt.campaign).talked(seconds, right_party=right_party)


def _agreed(attempt: Attempt) -> bool:
    """Whether an agent was held for it, as for an agreed call-back: who expects a call says nothing of the hour."""
    return attempt.intent.mode is CallMode.RESERVED


def _line_of(case: DueCase, attempt: Attempt) -> NumberLine | None:
    return next((line for line in case.numbers if line.number == attempt.intent.number), None)
