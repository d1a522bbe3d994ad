"""All agents, and who gets the next debtor: the one who has been ready longest."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Protocol

import structlog

from dialer.agents.session import Plan, SavedSession, Seat, SeatSignal, Session, Work, WorkSignal
from dialer.agents.working_time import WorkedRecord, WorkingTimes
from dialer.kernel.clock import Clock
from dialer.kernel.errors import DialerError, UnknownNameError
from dialer.kernel.ids import AttemptId, Ids, SeatLegId

RECALL_AFTER = timedelta(seconds=2)
"""Between a lost or unanswered seat and the next call to the phone; then each time twice as long."""
MOST_RECALLS = 3
"""Calls in a row that may fail before the agent is logged out. They last longer than the PBX believes a phone gone that
missed one of its questions (`qualify_frequency` in pjsip_dialer.conf, and 3 s), as a busy machine or a radio does."""
STEADY_AFTER = timedelta(seconds=30)
"""A seat that lasted this long was no failure."""
LEAVING = "leaving"

log = structlog.get_logger(__name__)


class AgentError(DialerError):
    """What the agent asked for isn't possible now."""


class SessionRecord(WorkedRecord, Protocol):
    """Where sessions are kept for the next start, and working times for the reports."""

    def save_session(self, session: SavedSession) -> None: ...


class Roster:
    """The sessions. Seats are called by the flow, which asks `seats_to_call` each tick."""

    def __init__(self, sessions: list[Session], record: SessionRecord, clock: Clock, ids: Ids) -> None:
        self._by_agent = {session.agent: session for session in sessions}
        self._by_leg: dict[SeatLegId, Session] = {}
        self._by_attempt: dict[AttemptId, Session] = {}
        self._record = record
        self._clock = clock
        self._ids = ids
        self._times = WorkingTimes(record, clock)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._by_agent.values())

    def session(self, agent: str) -> Session:
        """The agent's session. Raises UnknownNameError for a name that no configuration knows."""
        try:
            return self._by_agent[agent]
        except KeyError:
            raise UnknownNameError(f"no agent is named {agent!r}", "add the agent to the configuration") from None

    def of_attempt(self, attempt: AttemptId) -> Session | None:
        """Who is promised to, talks on, or writes up this call."""
        return self._by_attempt.get(attempt)

    def count_working_time(self) -> None:
        """Put on record how long everybody has been at what, up to now."""
        for session in self:
            self._times.passed(session.agent, session.work)

    # -- what agents and supervisors ask for ---------------------------------------------------------

    def log_in(self, agent: str, *, pause_reason: str | None) -> None:
        """Call the agent's phone and seat it. Raises AgentError when logged in already."""
        session = self.session(agent)
        session.pause_reason = pause_reason
        session.leaving = False
        self._work(session, WorkSignal.LOG_IN)
        session.recalls = 0
        session.call_seat_at = self._clock.now()
        if pause_reason is None:
            self._is_back(session)

    def ready(self, agent: str) -> None:
        """Take calls (again), at once or after the call under way."""
        session = self.session(agent)
        session.pause_reason, session.leaving = None, False
        self._work(session, WorkSignal.READY)
        self._is_back(session)

    def pause(self, agent: str, reason: str) -> None:
        """Take no more calls, at once or after the call under way."""
        session = self.session(agent)
        session.pause_reason = reason
        self._work(session, WorkSignal.PAUSE)

    def wrapped(self, agent: str) -> SeatLegId | None:
        """The agent has written up the call; the leg to hang up where a log-out was waiting for it."""
        session = self.session(agent)
        self._work(session, WorkSignal.WRAPPED)
        self._forget_attempt(session)
        return self._leave(session)

    def log_out(self, agent: str) -> SeatLegId | None:
        """Leave, at once or after the call under way; the leg to hang up, if there is one now."""
        session = self.session(agent)
        self._work(session, WorkSignal.LOG_OUT)
        if session.work is not Work.OFFLINE:
            session.leaving, session.pause_reason = True, LEAVING
            self._record.save_session(session.saved())
            return None
        self._forget_attempt(session)
        leg, session.leg, session.call_seat_at = session.leg, None, None
        session.seat, session.seat_up_at = Seat.DOWN, None
        if leg is not None:
            self._by_leg.pop(leg, None)
        session.pause_reason, session.leaving, session.announced = None, False, None
        self._record.save_session(session.saved())
        return leg

    def keep_word(self, session: Session) -> None:
        """What the agent announced comes after the call under way, as a pause or a log-out asked for in it."""
        said, session.announced = session.announced, None
        if said is not None:
            session.leaving = said.plan is Plan.END
            session.pause_reason = LEAVING if session.leaving else said.reason
            self._record.save_session(session.saved())

    # -- the next debtor ------------------------------------------------------------------------------

    def take(self, campaign: str, attempt: AttemptId) -> Session | None:
        """Promise the agent who has been ready longest to this call; None where nobody is free."""
        session = self.hold(campaign)
        if session is not None:
            self.promise(session, attempt)
        return session

    def hold(self, campaign: str, *, wanted: str | None = None) -> Session | None:
        """Hold the agent who has been ready longest for a call that has no name yet; None where nobody is free.

        wanted: who is held first, if free.
        """
        free = [session for session in self._by_agent.values() if session.free and campaign in session.campaigns]
        if not free:
            return None
        session = min(free, key=lambda candidate: (candidate.agent != wanted, candidate.since))
        self._apply(session, WorkSignal.RESERVE)
        return session

    def hold_this(self, session: Session) -> None:
        """Hold a free agent for a colleague's call."""
        self._apply(session, WorkSignal.RESERVE)

    def hand_over(self, attempt: AttemptId, to: Session) -> None:
        """The call goes on with another agent: the first one wraps up, and the call and its outcome are the other's."""
        first = self._by_attempt.get(attempt)
        if first is to:
            return
        if first is not None:
            self._apply(first, WorkSignal.PART)
            self._forget_attempt(first)
            self._record.save_session(first.saved())
        self.promise(to, attempt)
        self.connect(attempt)

    def promise(self, session: Session, attempt: AttemptId) -> None:
        """The call for which the agent was held."""
        session.attempt = attempt
        self._by_attempt[attempt] = session

    def let_go(self, session: Session) -> SeatLegId | None:
        """The call for which the agent was held isn't placed; the leg to hang up where a log-out was waiting."""
        self._apply(session, WorkSignal.RELEASE)
        return self._leave(session)

    def release(self, attempt: AttemptId) -> SeatLegId | None:
        """The promise came to nothing: the agent is free again; the leg to hang up where a log-out was waiting."""
        session = self._follow(attempt, WorkSignal.RELEASE)
        if session is None:
            return None
        self._forget_attempt(session)
        return self._leave(session)

    def connect(self, attempt: AttemptId) -> Session | None:
        """The promised agent talks."""
        session = self._follow(attempt, WorkSignal.CONNECT)
        if session is not None:
            session.apply_seat(SeatSignal.BRIDGED)
            if session.announced is not None and session.announced.at is None:
                self.keep_word(session)
        return session

    def part(self, attempt: AttemptId) -> Session | None:
        """The conversation is over: the agent writes it up."""
        return self._follow(attempt, WorkSignal.PART)

    # -- seats ----------------------------------------------------------------------------------------

    def seats_to_call(self) -> list[Session]:
        """The sessions whose phone must be called now; each gets a new leg."""
        now = self._clock.now()
        due = [
            session
            for session in self._by_agent.values()
            if session.call_seat_at is not None and session.call_seat_at <= now and session.seat is Seat.DOWN
        ]
        for session in due:
            session.apply_seat(SeatSignal.CALL)
            session.call_seat_at, session.seat_called_at = None, now
            session.leg = self._ids.seat_leg(now)
            self._by_leg[session.leg] = session
            self._record.save_session(session.saved())
        return due

    def seat_idle(self, leg: SeatLegId) -> Session | None:
        """The leg waits in its room; the session, or None for a leg that is nobody's."""
        session = self._by_leg.get(leg)
        if session is not None:
            session.apply_seat(SeatSignal.IDLE)
            session.seat_up_at = session.seat_up_at or self._clock.now()
        return session

    def seat_ended(self, leg: SeatLegId) -> Session | None:
        """The leg is gone: the phone is called again, or after too many tries the agent is logged out."""
        session = self._by_leg.pop(leg, None)
        if session is None or session.leg != leg:
            return None
        session.apply_seat(SeatSignal.ENDED)
        if session.work is Work.OFFLINE:
            session.leg = None
            return session
        now = self._clock.now()
        held = session.seat_up_at is not None and now - session.seat_up_at >= STEADY_AFTER
        session.seat_up_at = None
        session.recalls = 1 if held else session.recalls + 1
        if session.recalls <= MOST_RECALLS or session.work in (Work.RESERVED, Work.TALKING):
            session.call_seat_at = now + RECALL_AFTER * 2 ** (min(session.recalls, MOST_RECALLS) - 1)
        else:
            log.warning("seat.given_up", agent=session.agent, tries=session.recalls)
            self.log_out(session.agent)
        return session

    def adopt(self, saved: SavedSession, *, talking: AttemptId | None) -> None:
        """Take over a session from before a restart; whether its seat lives is for the reconciliation to say.

        talking: the call that the agent was on, as far as the record knows.
        """
        session = self._by_agent.get(saved.agent)
        if session is None or saved.leg is None:
            return
        session.leg, session.seat, session.since = saved.leg, Seat.CALLING, saved.since
        session.pause_reason = saved.pause_reason
        self._by_leg[saved.leg] = session
        session.work = Work.PAUSED if saved.pause_reason else Work.READY
        for attempt, work in ((saved.wrapping, Work.WRAPPING), (talking, Work.TALKING)):
            if attempt is not None:
                session.work, session.attempt = work, attempt
                session.leaving = saved.pause_reason == LEAVING
                self._by_attempt[attempt] = session

    def adopt_talk(self, leg: SeatLegId, attempt: AttemptId) -> Session | None:
        """The PBX shows this seat in a bridge with this call: the two belong together. The session, where that is news."""
        session = self._by_leg.get(leg)
        if session is None or session.attempt == attempt:
            return None
        if attempt in self._by_attempt:  # handed over while nobody listened
            self.hand_over(attempt, session)
            return session
        self._forget_attempt(session)
        session.attempt = attempt
        self._by_attempt[attempt] = session
        return session

    def seats(self) -> dict[SeatLegId, Session]:
        """Every leg that is somebody's, and whose."""
        return dict(self._by_leg)

    def _is_back(self, session: Session) -> None:
        if session.announced is not None and session.announced.plan is Plan.BACK:
            session.announced = None

    def _leave(self, session: Session) -> SeatLegId | None:
        """Finish a log-out that waited for the end of a call; the leg to hang up."""
        return self.log_out(session.agent) if session.leaving else None

    def _apply(self, session: Session, signal: WorkSignal) -> bool:
        before = session.work
        applied = session.apply(signal, self._clock.now())
        if session.work is not before:
            self._times.passed(session.agent, before)
        return applied

    def _work(self, session: Session, signal: WorkSignal) -> None:
        before = session.work
        if not self._apply(session, signal):
            raise AgentError(f"{session.agent} is {before.value}: {signal.value} isn't possible now")
        self._record.save_session(session.saved())

    def _follow(self, attempt: AttemptId, signal: WorkSignal) -> Session | None:
        """The call moved on, and its agent with it; what the table doesn't know is logged, never raised."""
        session = self._by_attempt.get(attempt)
        if session is None:
            return None
        if not self._apply(session, signal):
            log.warning("session.signal_ignored", agent=session.agent, work=session.work.value, signal=signal.value)
            return None
        if signal is WorkSignal.PART:
            self._record.save_session(session.saved())
        return session

    def _forget_attempt(self, session: Session) -> None:
        if session.attempt is not None:
            self._by_attempt.pop(session.attempt, None)
            session.attempt = None
