"""After the call: the agent says what it was, and takes the next one."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta

import structlog

from dialer.agents.roster import AgentError, Roster
from dialer.agents.seating import Seating
from dialer.agents.session import Session, Work
from dialer.calls.attempt import Attempt
from dialer.campaigns.campaign import Campaign
from dialer.kernel.clock import Clock
from dialer.kernel.ids import AttemptId
from dialer.outcomes.closing import Closing
from dialer.outcomes.form import Form

log = structlog.get_logger(__name__)


class WrapUp:
    """No conversation without an outcome, unless the campaign's own limit ends the wrap-up."""

    def __init__(
        self,
        roster: Roster,
        seating: Seating,
        closing: Closing,
        campaigns: Mapping[str, Campaign],
        clock: Clock,
        became_free: Callable[[], None],
        wrapped: Callable[[Session], None],
        anonymous: Callable[[AttemptId | None], bool],
    ) -> None:
        self._roster = roster
        self._seating = seating
        self._closing = closing
        self._campaigns = campaigns
        self._clock = clock
        self._became_free = became_free
        self._wrapped = wrapped
        self._anonymous = anonymous
        self._written: set[AttemptId] = set()

    def recall(self, attempts: Iterable[Attempt]) -> None:
        """After a start: of these the record may have an outcome, which needn't be said again."""
        self._written.update(attempt.id for attempt in attempts if attempt.outcome is not None)

    async def current(self, agent: str) -> Attempt | None:
        """The call that the agent is on, or writes up."""
        return await self._closing.current(agent)

    async def call(self, attempt: AttemptId) -> Attempt | None:
        """A call under way, or on record. Raises AwayError."""
        return await self._closing.call(attempt)

    async def write_up(self, agent: str, code: str, note: str, form: Form) -> Attempt:
        """Record the outcome of the call under way or just over, which is returned.

        Raises AgentError, InputError, AwayError.
        """
        attempt = await self._closing.write_up(agent, code, note, form)
        self._written.add(attempt.id)
        return attempt

    def finish(self, agent: str) -> None:
        """End the wrap-up. Raises AgentError before the outcome is written: of a call that is about some case."""
        session = self._roster.session(agent)
        if session.work is Work.WRAPPING and not self._said(session):
            raise AgentError(f"{agent} hasn't said what the call was", "record its outcome first")
        self._end(session)

    def end_overdue(self) -> None:
        """End the wrap-ups that have lasted as long as their campaign allows."""
        now = self._clock.now()
        for session in list(self._roster):
            if session.work is not Work.WRAPPING:
                continue
            limits = [
                campaign.auto_ready_after_seconds
                for name in session.campaigns
                if (campaign := self._campaigns.get(name)) and campaign.auto_ready_after_seconds is not None
            ]
            if limits and now - session.since >= timedelta(seconds=min(limits)):
                if not self._said(session):
                    log.warning("wrap_up.ended_without_outcome", agent=session.agent, attempt=session.attempt)
                self._end(session)

    def _said(self, session: Session) -> bool:
        """Whether nothing is left to say of the call: who handed it over has none."""
        call = session.attempt
        return call is None or call in self._written or self._anonymous(call)

    def _end(self, session: Session) -> None:
        attempt = session.attempt
        if session.work is Work.WRAPPING:
            self._wrapped(session)
        self._seating.hang_up(self._roster.wrapped(session.agent))
        if attempt is not None:
            self._written.discard(attempt)
        self._became_free()
