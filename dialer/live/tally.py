"""What happened since the start, counted: read by the live view and by the metrics."""

from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable
from datetime import datetime

from dialer.agents.session import Session
from dialer.calls.attempt import Attempt
from dialer.calls.inbound import InboundCall
from dialer.calls.transfer import TransferKind, TransferResult
from dialer.compliance.entry import Direction
from dialer.kernel.histogram import Histogram
from dialer.kernel.reloads import ReloadResult
from pacing import Burst, Floor

RECENT = 1_000
"""Answered calls over which the live percentiles are taken."""
ANSWER_TO_AGENT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0)
INBOUND_WAIT_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0)
RING_BUCKETS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 45.0, 60.0)
AGENT_WAIT_BUCKETS = (1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 300.0, 600.0)


class CampaignTally:
    """One campaign's counts."""

    def __init__(self) -> None:
        self.placed = 0
        self.answered = 0
        self.bridged = 0
        self.abandoned = 0
        self.results: Counter[str] = Counter()
        self.blocked: Counter[str] = Counter()
        self.refused_lately: Counter[str] = Counter()
        """By reason, since the last call that was placed."""
        self.outcomes: Counter[str] = Counter()
        self.answer_to_agent = Histogram(ANSWER_TO_AGENT_BUCKETS)
        self.ring = Histogram(RING_BUCKETS)
        self.inbound_wait = Histogram(INBOUND_WAIT_BUCKETS)
        self.agent_wait = Histogram(AGENT_WAIT_BUCKETS)
        self.recent_waits: deque[float] = deque(maxlen=RECENT)
        self.burst: Burst | None = None
        self.floor: Floor | None = None
        """On which the last burst was decided."""
        self.wanted = 0
        """Cases that are called less often than the packs want."""
        self.call_backs_due = 0
        """Agreed call-backs whose time has come."""


class Tally:
    """The counts of every campaign, also of one that only calls still under way belong to; no person is in it."""

    def __init__(self, campaigns: Iterable[str]) -> None:
        self.campaigns = defaultdict(CampaignTally, {name: CampaignTally() for name in campaigns})
        self.signals_ignored: Counter[tuple[str, str]] = Counter()
        self.trunks: Counter[tuple[str, str]] = Counter()
        """Calls that ended, by trunk and result."""
        self.inbound: Counter[tuple[str, str]] = Counter()
        """Calls that came in and ended, by campaign and result."""
        self.transfers: Counter[tuple[str, str, str]] = Counter()
        """Transfers that ended, by campaign, kind and result."""
        self.reloads: Counter[ReloadResult] = Counter()
        self.last_reload_successful = True
        self.configured_at: datetime | None = None
        """When the configuration that is in force was last taken up, or found to be in force."""

    def transferred(self, campaign: str, kind: TransferKind, result: TransferResult) -> None:
        self.transfers[campaign, kind.value, result.value] += 1

    def reloaded(self, result: ReloadResult, at: datetime, *, at_start: bool = False) -> None:
        """The configuration was taken up, or refused."""
        if not at_start:
            self.reloads[result] += 1
        self.last_reload_successful = result is not ReloadResult.REFUSED
        self.configured_at = at if self.last_reload_successful else self.configured_at

    def placed(self, campaign: str) -> None:
        self.campaigns[campaign].placed += 1
        self.campaigns[campaign].refused_lately.clear()

    def refused(self, campaign: str, reasons: Collection[str]) -> None:
        self.campaigns[campaign].blocked.update(reasons)
        self.campaigns[campaign].refused_lately.update(reasons)

    def answered(self, campaign: str) -> None:
        self.campaigns[campaign].answered += 1

    def bridged(self, attempt: Attempt, session: Session | None) -> None:
        """session: the agent's; None where a restart doesn't know whose it is."""
        tally = self.campaigns[attempt.campaign]
        tally.bridged += 1
        if session is not None and session.ready_at is not None:
            tally.agent_wait.add((session.since - session.ready_at).total_seconds())
        seconds = attempt.answer_to_agent_seconds
        if seconds is not None:
            tally.answer_to_agent.add(seconds)
            tally.recent_waits.append(seconds)

    def abandoned(self, campaign: str) -> None:
        self.campaigns[campaign].abandoned += 1

    def received(self, call: InboundCall) -> None:
        """A call that came in is over."""
        self.inbound[call.campaign, call.result or "unknown"] += 1
        if call.campaign and call.waited_seconds is not None:
            self.campaigns[call.campaign].inbound_wait.add(call.waited_seconds)

    def settled(self, attempt: Attempt) -> None:
        if attempt.direction is Direction.INBOUND:
            return
        tally = self.campaigns[attempt.campaign]
        tally.results[attempt.result or "unknown"] += 1
        self.trunks[attempt.intent.trunk, attempt.result or "unknown"] += 1
        if attempt.rang_at is not None:
            until = attempt.answered_at or attempt.ended_at or attempt.rang_at
            tally.ring.add((until - attempt.rang_at).total_seconds())

    def outcome(self, campaign: str, code: str) -> None:
        self.campaigns[campaign].outcomes[code] += 1

    def paced(self, campaign: str, burst: Burst, floor: Floor) -> None:
        self.campaigns[campaign].burst, self.campaigns[campaign].floor = burst, floor

    def answer_chance(self, campaign: str) -> float:
        """That a line of the campaign will take an agent: 1 where each has one, or nobody knows better."""
        burst = self.campaigns[campaign].burst
        return burst.answer_chance or 1.0 if burst else 1.0

    def signal_ignored(self, state: str, signal: str) -> None:
        self.signals_ignored[state, signal] += 1
