"""What is known of the near future of a floor: who goes, who comes back."""

from collections.abc import Iterable
from datetime import datetime

from dialer.agents.session import Plan, Session, Work

LOOK_AHEAD_SECONDS = 30.0
"""A call that is dialled now may be answered by then: who will be gone can't take it."""


def takes_another(session: Session, now: datetime) -> bool:
    """Whether this agent, on a call or after it, will take another one then, as far as anybody said."""
    said = session.announced
    goes_soon = said is not None and said.goes and (seconds_to(said.at, now) or 0.0) < LOOK_AHEAD_SECONDS
    return session.pause_reason is None and not goes_soon


def joining(sessions: Iterable[Session], now: datetime) -> tuple[float, ...]:
    """Seconds until each agent who is away is back, of those who said when; not of who is late."""
    return tuple(
        sorted(
            seconds
            for session in sessions
            if session.work in (Work.OFFLINE, Work.PAUSED)
            and session.announced is not None
            and session.announced.plan is Plan.BACK
            and (seconds := seconds_to(session.announced.at, now) or 0.0) > 0.0
        )
    )


def leaving(sessions: Iterable[Session], now: datetime) -> tuple[float, ...]:
    """Seconds until each agent who is free goes, of those who said when."""
    return tuple(
        sorted(
            max(0.0, seconds)
            for session in sessions
            if session.free and session.announced is not None and session.announced.goes
            if (seconds := seconds_to(session.announced.at, now)) is not None
        )
    )


def seconds_to(at: datetime | None, now: datetime) -> float | None:
    """From now; None where nobody said when."""
    return None if at is None else (at - now).total_seconds()
