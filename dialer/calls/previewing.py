"""Preview: a free agent is offered a case, looks at it, and decides whether it is called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import Session
from dialer.calls.reserving import Reserving
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.selection import Stock
from dialer.cases.model import DueCase
from dialer.kernel.clock import Clock

UNANSWERED = "offer not answered"


@dataclass(frozen=True, slots=True)
class Offer:
    """One case before one agent, who is held for it."""

    campaign: Campaign
    case: DueCase
    session: Session
    at: datetime


class Previewing:
    """The offers. A restart forgets them: the cases are still due."""

    def __init__(self, roster: Roster, reserving: Reserving, stocks: Mapping[str, Stock], clock: Clock) -> None:
        self._roster = roster
        self._reserving = reserving
        self._stocks = stocks
        self._clock = clock
        self._offers: dict[str, Offer] = {}

    def offer(self, campaign: Campaign, case: DueCase) -> None:
        """Show the case to the agent who has been ready longest; where nobody is, it is still due."""
        session = self._reserving.hold(campaign.name)
        if session is None:
            self._stocks[campaign.name].put_back(case.id)
        else:
            self._offers[session.agent] = Offer(campaign, case, session, self._clock.now())

    def of(self, agent: str) -> Offer | None:
        """What the agent is offered now. Raises UnknownNameError."""
        return self._offers.get(self._roster.session(agent).agent)

    def take(self, agent: str) -> Offer:
        """The offer is answered: it is the caller's now, with the agent who is held. Raises AgentError."""
        offer = self.of(agent)
        if offer is None:
            raise AgentError(f"{agent} is offered no case", "wait for one: the agent must be ready")
        return self._offers.pop(offer.session.agent)

    def seconds_left(self, offer: Offer) -> float | None:
        """To decide; None: no limit."""
        limit = offer.campaign.preview_seconds
        return None if limit is None else limit - (self._clock.now() - offer.at).total_seconds()

    def renew(self, *, may_dial: bool) -> None:
        """Withdraw offers of agents who left, of campaigns that don't dial, and those that nobody answered in time.

        Who doesn't answer is paused: the next case would wait as well.
        """
        for offer in list(self._offers.values()):
            left = self.seconds_left(offer)
            late = left is not None and left <= 0
            if offer.session.holds and offer.campaign.dials and may_dial and not late:
                continue
            del self._offers[offer.session.agent]
            self._stocks[offer.campaign.name].put_back(offer.case.id)
            if late and offer.session.holds:
                self._roster.pause(offer.session.agent, UNANSWERED)
            self._reserving.let_go(offer.session)
