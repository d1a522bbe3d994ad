"""Campaigns that share agents: in which order they are decided about, and what is kept for those whose turn comes."""

import math
from collections.abc import Iterable, Iterator, Mapping

from dialer.agents.roster import Roster
from dialer.agents.session import Session, Work
from dialer.calls.attempt import BEFORE_ANSWER, UNBRIDGED, Attempt
from dialer.calls.live import LiveAttempts
from dialer.campaigns.campaign import Campaign
from dialer.kernel.clock import Clock
from dialer.kernel.ids import AttemptId
from dialer.live.floor import sharing
from dialer.live.tally import Tally
from pacing.sharing import Claimant, Meters, deal

FRUITLESS_SECONDS = 1.0
"""Who placed no call with the agents dealt to it (the gate refuses case after case) is dealt none for so long."""


class Shares:
    """One instance a daemon. The deal itself is pacing's (`pacing.sharing`)."""

    def __init__(
        self, campaigns: Mapping[str, Campaign], roster: Roster, live: LiveAttempts, tally: Tally, clock: Clock
    ) -> None:
        self._campaigns = campaigns
        self._roster = roster
        self._live = live
        self._tally = tally
        self._clock = clock
        self._meters: dict[frozenset[str], Meters] = {}
        self._dealt: dict[str, int] = {}
        self._groups: dict[str, frozenset[str]] = {}
        self._talks: dict[str, tuple[AttemptId, str]] = {}
        self._fruitless_until: dict[str, float] = {}
        self._dealt_at = clock.monotonic()

    def turns(self, cases: Mapping[str, int]) -> Iterator[Campaign]:
        """Every campaign once, those first who are most behind their share; cases: how many each has at hand."""
        monotonic = self._clock.monotonic()
        elapsed_seconds, self._dealt_at = monotonic - self._dealt_at, monotonic
        for name in self._order(cases, elapsed_seconds, monotonic):
            dealt = self._dealt.pop(name, 0)
            before = self._placed(name)
            yield self._campaigns[name]
            if dealt and self._placed(name) <= before:
                self._fruitless_until[name] = monotonic + FRUITLESS_SECONDS

    def claims_on(self, campaign: str) -> int:
        """Agents whom the other campaigns that share them need: for their lines, and for those whose turn comes."""
        group = self._groups.get(campaign, frozenset({campaign}))
        others = group - {campaign}
        if not others:
            return 0
        return math.ceil(self._lines(others)) + sum(self._dealt.get(name, 0) for name in others)

    def _order(self, cases: Mapping[str, int], elapsed_seconds: float, monotonic: float) -> list[str]:
        seated = [session for session in self._roster if session.work is not Work.OFFLINE]
        self._groups = {name: sharing(name, seated) for name in self._campaigns}
        self._dealt = {}
        order: list[str] = []
        meters: dict[frozenset[str], Meters] = {}
        served = self._served(seated)
        for group in dict.fromkeys(self._groups.values()):
            claimants = []
            for name in sorted(group & self._campaigns.keys()):
                campaign = self._campaigns[name]
                fruitless = monotonic < self._fruitless_until.get(name, monotonic)
                free = sum(session.free for session in seated if name in session.campaigns)
                claimants.append(
                    Claimant(
                        name,
                        campaign.share,
                        campaign.priority,
                        campaign.value,
                        served.get(name, 0) + self._lines({name}),
                        min(cases.get(name, 0), free) if campaign.dials and not fruitless else 0,
                    )
                )
            free = sum(session.free for session in seated if session.campaigns & group)
            dealt, meters[group] = deal(
                claimants, free - math.ceil(self._lines(group)), elapsed_seconds, self._meters.get(group, Meters())
            )
            self._dealt |= dealt.agents
            order += dealt.order
        self._meters = meters
        return order

    def _lines(self, campaigns: Iterable[str]) -> float:
        """Agents whom these campaigns' lines will take, of those that have none."""
        names = frozenset(campaigns)
        return sum(
            1.0 if attempt.state in UNBRIDGED else self._tally.answer_chance(attempt.campaign)
            for attempt in self._live
            if attempt.campaign in names and needs_an_agent(attempt, self._roster)
        )

    def _placed(self, campaign: str) -> int:
        return self._tally.campaigns[campaign].placed

    def _served(self, seated: Iterable[Session]) -> dict[str, int]:
        """How many agents are on each campaign's calls, held for them, or write them up."""
        served: dict[str, int] = {}
        talks: dict[str, tuple[AttemptId, str]] = {}
        for session in seated:
            if session.attempt is None:
                continue
            attempt = self._live.get(session.attempt)
            known = self._talks.get(session.agent)
            if attempt is not None:
                known = attempt.id, attempt.campaign
            if known is not None and known[0] == session.attempt:  # one that is written up is no longer under way
                talks[session.agent] = known
                served[known[1]] = served.get(known[1], 0) + 1
        self._talks = talks
        return served


def needs_an_agent(attempt: Attempt, roster: Roster) -> bool:
    """Whether the call rings, or waits answered, with nobody held for it."""
    return attempt.state in BEFORE_ANSWER | UNBRIDGED and roster.of_attempt(attempt.id) is None
