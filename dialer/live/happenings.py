"""What happened on the floor since each campaign's last decision: what its pacer learns from."""

from collections import defaultdict, deque
from collections.abc import Iterator
from datetime import datetime

from dialer.agents.roster import Roster
from dialer.agents.session import Session
from dialer.calls.attempt import Attempt, Signal, State
from dialer.calls.reserving import HOLDING
from dialer.calls.results import NEVER_LEFT
from dialer.calls.settling import rang_out
from dialer.kernel.clock import Clock
from pacing import Happening, What

MOST_KEPT = 10_000
"""Of one campaign between two decisions; a floor of 500 agents sees some twenty a second."""
_Line = tuple[What, float, str]


class Happenings:
    """Kept for each campaign whose floor shows the call or the agent, until it decides again."""

    def __init__(self, roster: Roster, clock: Clock) -> None:
        self._roster = roster
        self._clock = clock
        self._kept: dict[str, deque[tuple[datetime, _Line]]] = defaultdict(lambda: deque(maxlen=MOST_KEPT))

    def moved(self, attempt: Attempt, signal: Signal, *, unanswered: bool) -> None:
        """A signal moved this call, which `unanswered` says wasn't answered before.

        What a reconciliation found gone, and what we hung up ourselves, teaches nothing: nobody knows how long it
        would have taken.
        """
        if signal is Signal.VANISHED:
            return
        now = self._clock.now()
        for line in _of_call(attempt, signal, now, unanswered=unanswered):
            self._keep(frozenset({attempt.campaign}), now, line)
        if attempt.state is State.ENDED and attempt.bridged_at and attempt.ended_at:
            session = next((session for session in self._roster if session.agent == attempt.agent), None)
            if session is None:
                return
            seconds = ((attempt.left_at or attempt.ended_at) - attempt.bridged_at).total_seconds()
            self._keep(session.campaigns, now, (What.TALK_ENDED, seconds, session.kind))

    def wrapped(self, session: Session) -> None:
        """This agent is about to end the wrap-up."""
        now = self._clock.now()
        line = What.WRAP_ENDED, (now - session.since).total_seconds(), session.kind
        self._keep(session.campaigns, now, line)

    def take(self, campaign: str) -> tuple[Happening, ...]:
        """What happened since this was asked last."""
        now, kept = self._clock.now(), self._kept.pop(campaign, ())
        return tuple(
            Happening(what, max(0.0, seconds), max(0.0, (now - at).total_seconds()), kind)
            for at, (what, seconds, kind) in kept
        )

    def _keep(self, campaigns: frozenset[str], now: datetime, line: _Line) -> None:
        for campaign in campaigns:
            self._kept[campaign].append((now, line))


def _of_call(attempt: Attempt, signal: Signal, now: datetime, *, unanswered: bool) -> Iterator[_Line]:
    """By our own clock until the answer, as the floor's ages are; the abandoned call's wait by the PBX's.

    A call for which an agent is held isn't among the floor's lines: how long it rang would be told without the time in
    which it rang.
    """
    if attempt.intent.mode in HOLDING:
        return
    rang_seconds = (now - attempt.cleared_at).total_seconds()
    if unanswered and attempt.answered_at is not None:
        yield What.ANSWERED, rang_seconds, attempt.kind
    if attempt.hang_up_wanted:
        return
    if signal is Signal.ABANDONED and attempt.abandoned_at and attempt.answered_at:
        yield What.ABANDONED, (attempt.abandoned_at - attempt.answered_at).total_seconds(), attempt.kind
    if attempt.state is State.ENDED and attempt.answered_at is None and signal is not Signal.WITHDRAWN:
        what = What.FAILED
        if attempt.result in NEVER_LEFT:
            what = What.TRUNK_FAILED
        elif rang_out(attempt):
            what = What.RANG_OUT
        yield what, rang_seconds, attempt.kind
