"""The floor of one campaign as its pacer sees it."""

from collections.abc import Iterable
from datetime import datetime

from dialer.agents.session import Session, Work
from dialer.calls.attempt import BEFORE_ANSWER, UNBRIDGED, Attempt, State
from dialer.calls.trunks import Capacity
from dialer.campaigns.campaign import Campaign
from dialer.live import ahead
from pacing import Floor


def floor_of(
    campaign: Campaign,
    sessions: Iterable[Session],
    attempts: Iterable[Attempt],
    now: datetime,
    *,
    elapsed_seconds: float,
    cases: int,
    opens_in_seconds: float | None = None,
    trunks: Capacity,
    may_dial: bool,
    call_backs: tuple[float, ...] = (),
    for_agents: int = 0,
    needed_by_others: int = 0,
    callers: int = 0,
    inbound_per_second: float = 0.0,
) -> Floor:
    """Count agents and calls, with their ages.

    trunks: what those of the campaign offer; calls on others take none of their channels. call_backs: seconds until each agreed one is due. for_agents: cases that wait for an agent to hold: they take the
    next ones who are free. callers: who rang us and waits for an agent, and so many a second do lately; they come first.
    needed_by_others: agents whom other campaigns need that share them.

    An agent who serves several campaigns is counted free in each: the call that is answered first gets the agent,
    so what the others need is claimed.
    """
    seated = [session for session in sessions if session.work is not Work.OFFLINE]
    here = [session for session in seated if campaign.name in session.campaigns]
    lines = [attempt for attempt in attempts if attempt.state is not State.ENDED]
    held = {session.attempt for session in seated if session.work is Work.RESERVED}
    ours = [attempt for attempt in lines if attempt.campaign == campaign.name and attempt.id not in held]

    def ages(work: Work) -> tuple[float, ...]:
        return tuple(
            (now - session.since).total_seconds()
            for session in here
            if session.work is work and ahead.takes_another(session, now)
        )

    def kinds(work: Work) -> tuple[str, ...]:
        return _kinds(session.kind for session in here if session.work is work and ahead.takes_another(session, now))

    idle = tuple((now - session.since).total_seconds() for session in here if session.free)
    return Floor(
        elapsed_seconds=elapsed_seconds,
        idle=idle,
        talking=ages(Work.TALKING),
        wrapping=ages(Work.WRAPPING),
        talking_kinds=kinds(Work.TALKING),
        wrapping_kinds=kinds(Work.WRAPPING),
        reserved=sum(session.work is Work.RESERVED for session in here),
        dialling=tuple(
            (now - attempt.cleared_at).total_seconds() for attempt in ours if attempt.state in BEFORE_ANSWER
        ),
        dialling_kinds=_kinds(attempt.kind for attempt in ours if attempt.state in BEFORE_ANSWER),
        waiting=tuple(
            (now - (attempt.answered_at or now)).total_seconds() for attempt in ours if attempt.state in UNBRIDGED
        ),
        joining=ahead.joining((session for session in sessions if campaign.name in session.campaigns), now),
        leaving=ahead.leaving(here, now),
        inbound_per_second=inbound_per_second,
        claims=(0.0,) * (callers + needed_by_others + (0 if idle else min(for_agents, len(here)))) + call_backs,
        # an agent who is held for no call yet looks at a case, and will want a channel for it
        channels_in_use=sum(attempt.intent.trunk in trunks.names for attempt in lines)
        + sum(s.work is Work.RESERVED and s.attempt is None for s in seated),
        cases=cases,
        opens_in_seconds=opens_in_seconds,
        trunk_failures=trunks.failures,
        halted=not (may_dial and campaign.dials),
    )


def _kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds in their order; none where nobody named any."""
    named = tuple(kinds)
    return named if any(named) else ()


def sharing(campaign: str, sessions: Iterable[Session]) -> frozenset[str]:
    """The campaigns that share agents with this one, directly or through others."""
    served = {session.campaigns for session in sessions}
    group, grown = frozenset[str](), frozenset({campaign})
    while grown != group:
        group = grown
        grown = group.union(*(campaigns for campaigns in served if group & campaigns))
    return group
