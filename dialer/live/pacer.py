"""Asks pacing, for every campaign: with what happened since, with its accounts, and with what was learnt before."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog

import pacing
from dialer.agents.roster import Roster
from dialer.agents.session import Session
from dialer.calls.attempt import Attempt, Signal
from dialer.campaigns.campaign import Campaign
from dialer.compliance.localtime import day_of, zones_of
from dialer.kernel.clock import Clock
from dialer.kernel.learnt import LearntRecord
from dialer.live.accounts import Accounts, home_of
from dialer.live.happenings import Happenings
from dialer.live.targets import Targets
from pacing import Account, Burst, Expected, Floor, Memory
from pacing.governor import Rate

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Latency:
    """How long the PBX takes to accept a call, and how late its events come, in seconds."""

    acknowledgement_seconds: float = 0.0
    lag_seconds: float = 0.0


class Pacer:
    """Keeps one memory for each campaign, and of the trunks one for all campaigns that share them."""

    def __init__(
        self,
        targets: Targets,
        accounts: Accounts,
        roster: Roster,
        record: LearntRecord,
        clock: Clock,
        latency: Callable[[], Latency] = Latency,
    ) -> None:
        self.targets, self.accounts = targets, accounts
        self._happenings = Happenings(roster, clock)
        self._record, self._clock, self._latency = record, clock, latency
        self._memories: dict[str, Memory] = {}
        self._days: dict[str, date] = {}
        self._started_at = clock.monotonic()
        self._rates: dict[tuple[str, ...], tuple[Rate, float]] = {}
        """Of those trunks, by their names, that campaigns share: what the governor remembers, and when it was asked."""
        self._decided_at: dict[str, float] = {}
        self._said: dict[str, tuple[object, ...]] = {}

    def elapsed_seconds(self, campaign: str) -> float:
        """Since this campaign's previous decision; 0 before the first."""
        now = self._clock.monotonic()
        return now - self._decided_at.get(campaign, now)

    def decide(self, campaign: Campaign, floor: Floor) -> Burst:
        """How many calls to place on this floor now."""
        latency, now = self._latency(), self._clock.monotonic()
        trunks = tuple(trunk.name for trunk in campaign.trunks)
        rate, asked_at = self._rates.get(trunks, (Memory().governor, self._started_at))
        floor = replace(
            floor,
            trunk_seconds=now - asked_at,
            acknowledgement_seconds=latency.acknowledgement_seconds,
            lag_seconds=latency.lag_seconds,
            accounts=self.accounts_of(campaign),
            happened=self._happenings.take(campaign.name),
        )
        target = self.targets.of(campaign)
        memory = self._memory_of(campaign)
        memory = replace(memory, governor=replace(rate, running_seconds=memory.governor.running_seconds))
        burst, memory = pacing.size(floor, target, memory)
        now = self._clock.monotonic()
        self._memories[campaign.name], self._rates[trunks] = memory, (memory.governor, now)
        self._decided_at[campaign.name] = now
        self._tell(campaign.name, target, floor, burst)
        return burst

    def expects(self, campaign: Campaign, ringing: Sequence[Attempt], answers: int) -> Expected:
        """When so many of these calls, which ring, will be answered."""
        now, target = self._clock.now(), self.targets.of(campaign)
        ages_seconds = tuple((now - attempt.cleared_at).total_seconds() for attempt in ringing)
        kinds = tuple(attempt.kind for attempt in ringing)
        return pacing.answers(ages_seconds, kinds, target, self._memory_of(campaign), answers)

    def accounts_of(self, campaign: Campaign) -> tuple[Account, ...]:
        """Its abandoned calls, as each law counts them now."""
        return self.accounts.of(campaign, self.targets.cap_of(campaign))

    def moved(self, attempt: Attempt, signal: Signal, *, unanswered: bool) -> None:
        """A signal moved this call, which `unanswered` says wasn't answered before."""
        self.accounts.touch(attempt)
        self._happenings.moved(attempt, signal, unanswered=unanswered)

    def wrapped(self, session: Session) -> None:
        """This agent is about to end the wrap-up."""
        self._happenings.wrapped(session)

    # -- what was learnt --------------------------------------------------------------------------------

    async def load(self, campaigns: Iterable[Campaign]) -> None:
        """Take up what an earlier run learnt; what can't be read is forgotten. Raises AwayError."""
        learnt = await self._record.learnt()
        for campaign in campaigns:
            found = learnt.get(campaign.name)
            if found is None:
                continue
            try:
                self._memories[campaign.name] = pacing.memory.load(json.loads(found.text))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                log.warning("pacing.memory_dropped", campaign=campaign.name, error=str(error))
            else:
                self._days[campaign.name] = _day(campaign, found.saved_at)

    def save(self) -> None:
        """Put what was learnt on record, soon."""
        now = self._clock.now()
        for campaign, memory in self._memories.items():
            try:
                text = json.dumps(pacing.memory.dump(memory), allow_nan=False)
            except ValueError as error:  # no number: what was kept before is worth more
                log.warning("pacing.memory_not_kept", campaign=campaign, error=str(error))
                continue
            self._record.save_learnt(campaign, text, now)

    def _memory_of(self, campaign: Campaign) -> Memory:
        """What was learnt today, or what of yesterday's still says something."""
        today = _day(campaign, self._clock.now())
        memory = self._memories.get(campaign.name, Memory())
        if self._days.setdefault(campaign.name, today) != today:
            self._days[campaign.name] = today
            memory = pacing.carried_over(memory)
        return memory

    def _tell(self, campaign: str, target: pacing.Target, floor: Floor, burst: Burst) -> None:
        """Each decision that places a call, or says something new."""
        said = burst.limit, floor.halted, target, len(floor.idle)
        if burst.calls or said != self._said.get(campaign):
            self._said[campaign] = said
            log.debug(
                "burst.decided",
                campaign=campaign,
                mode=target.mode.value,
                calls=burst.calls,
                wanted=burst.wanted,
                limit=burst.limit.value,
                risk_last=round(burst.risk_last, 4),
                risk_next=round(burst.risk_next, 4),
                idle=len(floor.idle),
                dialling=len(floor.dialling),
                waiting=len(floor.waiting),
                why=burst.sentence,
            )


def _day(campaign: Campaign, at: datetime) -> date:
    """The local day where the campaign is at home."""
    return day_of(at, zones_of((home_of(campaign.caller_id),))[0])
