"""The reserved call: one agent is held for it from before the dial to its end."""

from collections.abc import Callable, Sequence

from dialer.agents.roster import Roster
from dialer.agents.seating import Seating
from dialer.agents.session import Session, Work
from dialer.calls.attempt import BEFORE_ANSWER, Attempt
from dialer.calls.live import LiveAttempts
from dialer.compliance.pack import Pack
from dialer.compliance.rules import ForcedMode
from dialer.compliance.verdict import CallMode, Verdict

HOLDING = frozenset({CallMode.RESERVED, CallMode.PREVIEW})
"""Modes in which an agent is held for the call."""


def demands_agent(verdict: Verdict, packs: Sequence[Pack]) -> bool:
    """Whether nothing speaks against the call but that it must be placed with an agent held for it."""
    forcing = {
        (pack.name, rule.id) for pack in packs for rule in pack.of_kind(ForcedMode) if CallMode.RESERVED in rule.allowed
    }
    return not verdict.allowed and all((refusal.pack, refusal.rule) in forcing for refusal in verdict.refusals)


class Reserving:
    """Keeps the promise that a reserved call is answered by somebody: where its agent goes, another one is held."""

    def __init__(
        self,
        roster: Roster,
        seating: Seating,
        live: LiveAttempts,
        hang_up: Callable[[Attempt], None],
        became_free: Callable[[], None],
    ) -> None:
        self._roster = roster
        self._seating = seating
        self._live = live
        self._hang_up = hang_up
        self._became_free = became_free

    def hold(self, campaign: str) -> Session | None:
        """Hold the agent who has been ready longest, before the gate is asked; None where nobody is free."""
        return self._roster.hold(campaign)

    def let_go(self, session: Session) -> None:
        """The call isn't placed."""
        self._seating.hang_up(self._roster.let_go(session))
        self._became_free()

    def promise(self, session: Session, attempt: Attempt) -> None:
        """The gate let the call through: the agent is this call's."""
        self._roster.promise(session, attempt.id)
        self.renew()  # who was held may have left while the gate was asked

    def renew(self) -> None:
        """Where the agent held for a call that nobody answered yet is gone, hold another one, or end the call."""
        for attempt in list(self._live):
            if attempt.intent.mode not in HOLDING or attempt.state not in BEFORE_ANSWER or attempt.hang_up_wanted:
                continue
            session = self._roster.of_attempt(attempt.id)
            if session is not None and session.holds:
                continue
            self.end(attempt)
            if self._roster.take(attempt.campaign, attempt.id) is None:
                self._hang_up(attempt)

    def end(self, attempt: Attempt) -> None:
        """Nobody will answer it any more: whoever is held for it is free."""
        session = self._roster.of_attempt(attempt.id)
        if session is not None and session.work is Work.RESERVED:
            self._seating.hang_up(self._roster.release(attempt.id))
            self._became_free()
