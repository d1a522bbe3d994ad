"""The floor right now, as the interface gives it to wallboards, agents' programs and the command line."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dialer.agents.session import Session
from dialer.calls.attempt import Attempt
from dialer.calls.trunks import Trunks, TrunkState
from dialer.campaigns.campaign import Campaign, CampaignState
from dialer.kernel.percentiles import percentiles
from dialer.live.ahead import seconds_to
from dialer.live.answer_rates import CallerIdLine
from dialer.live.tally import Tally
from pacing import Account


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent. `state` is the work, or `calling` while the phone is being called for the seat.

    announced: a break, the shift's end or the return, and in how many seconds (None: after a call).
    """

    agent: str
    state: str
    seconds: float
    pause_reason: str | None
    seat: str
    attempt: str | None
    campaigns: tuple[str, ...]
    announced: str | None
    announced_seconds: float | None
    heard_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """The abandoned calls of a campaign as one pack counts them now.

    ratio: None before the first call counts. interval: between which the way of dialling lies with 95 % confidence.
    """

    name: str
    abandoned: int
    answered: int
    ratio: float | None
    cap: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """One campaign: what limits its dialling now, in a sentence, and its counts since the daemon's start.

    planned, wanted: calls of the last decision, and what its mode would have placed without the trunk's bounds.
    risk: that the last call placed, once answered, finds no agent. risk_limit: the largest that is accepted.
    budget_calls: how many may still be abandoned. answer_chance: of a call dialled now. All 0 where no risk is run.
    """

    campaign: str
    state: str
    mode: str
    limit: str
    sentence: str
    planned: int
    wanted: int
    risk: float
    risk_limit: float
    budget_calls: float
    answer_chance: float
    accounts: tuple[AccountLine, ...]
    calls: dict[str, int]
    placed: int
    answered: int
    bridged: int
    abandoned: int
    results: dict[str, int]
    blocked: dict[str, int]
    outcomes: dict[str, int]
    answer_to_agent_seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrunkLine:
    """One trunk: whether it is well, and its calls. failures: calls in a row, up to now, that never left."""

    trunk: str
    well: bool
    sentence: str
    calls: int
    channels: int
    failures: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one instant of the engine's clock."""

    at: datetime
    ready: bool
    clock_offset_seconds: float
    campaigns: tuple[CampaignLine, ...]
    agents: tuple[AgentLine, ...]
    trunks: tuple[TrunkLine, ...] = ()
    caller_ids: tuple[CallerIdLine, ...] = ()


_NOT_DIALLING = {
    CampaignState.STOPPED: "stopped: start it to dial",
    CampaignState.PAUSED: "paused: no new calls, those under way go on",
    CampaignState.DRAINING: "draining: no new calls until the last one under way is over, then it stops",
    CampaignState.HALTED: "halted: what rang was hung up; start it to dial again",
}


def agent_line(session: Session, now: datetime) -> AgentLine:
    """One agent as others see it."""
    said = session.announced
    return AgentLine(
        agent=session.agent,
        state=session.visible_state,
        seconds=(now - session.since).total_seconds(),
        pause_reason=session.pause_reason,
        seat=session.seat.value,
        attempt=session.attempt,
        campaigns=tuple(sorted(session.campaigns)),
        announced=said.plan.value if said else None,
        announced_seconds=seconds_to(said.at, now) if said else None,
        heard_by=session.heard_by,
    )


def campaign_line(
    campaign: Campaign, attempts: list[Attempt], tally: Tally, accounts: Iterable[Account]
) -> CampaignLine:
    """One campaign as others see it."""
    counts = tally.campaigns[campaign.name]
    burst = counts.burst
    return CampaignLine(
        campaign=campaign.name,
        state=campaign.state.value,
        mode=campaign.mode.value,
        limit=burst.limit.value if burst else "",
        sentence=_NOT_DIALLING.get(campaign.state) or (burst.sentence if burst else "nothing was decided yet"),
        planned=burst.calls if burst else 0,
        wanted=burst.wanted if burst else 0,
        risk=burst.risk_last if burst else 0.0,
        risk_limit=burst.risk_limit if burst else 0.0,
        budget_calls=burst.budget_calls if burst else 0.0,
        answer_chance=burst.answer_chance if burst else 0.0,
        accounts=tuple(_account_line(account) for account in accounts),
        calls=dict(Counter(attempt.state.value for attempt in attempts)),
        placed=counts.placed,
        answered=counts.answered,
        bridged=counts.bridged,
        abandoned=counts.abandoned,
        results=dict(counts.results),
        blocked=dict(counts.blocked),
        outcomes=dict(counts.outcomes),
        answer_to_agent_seconds=percentiles(sorted(counts.recent_waits)),
    )


def trunk_lines(trunks: Trunks) -> tuple[TrunkLine, ...]:
    """Every trunk as others see it."""
    calls = trunks.calls()
    return tuple(
        TrunkLine(
            state.name,
            not state.sick,
            _trunk_sentence(state, calls[state.name]),
            calls[state.name],
            state.trunk.channels,
            state.failures,
        )
        for state in trunks
    )


def _trunk_sentence(state: TrunkState, calls: int) -> str:
    if not state.reached:
        return "its carrier answers no OPTIONS: no call until it does"
    if state.sick:
        return f"fails ({state.failures} calls in a row never left): probed with one call at a time"
    return f"well, {calls} of {state.trunk.channels} channels in use"


def _account_line(account: Account) -> AccountLine:
    ratio = account.abandoned / account.answered if account.answered else None
    return AccountLine(account.name, account.abandoned, account.answered, ratio, account.cap, account.interval)
