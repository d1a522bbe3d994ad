"""What agents announce: a break, the end of the shift, the return. Pacing then doesn't count on who won't be there."""

from datetime import datetime

from dialer.agents.desk import Desk
from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import Announcement, Plan, Session, Work
from dialer.kernel.clock import Clock


class Announcing:
    """Takes announcements, and at their time does what the agent would do by hand. A restart forgets them."""

    def __init__(self, roster: Roster, desk: Desk, clock: Clock) -> None:
        self._roster = roster
        self._desk = desk
        self._clock = clock

    def announce(self, agent: str, plan: Plan, at: datetime | None, reason: str) -> None:
        """At that time, or after the call under way or the next one. Raises AgentError, UnknownNameError."""
        session = self._roster.session(agent)
        away = session.work in (Work.OFFLINE, Work.PAUSED)
        if plan is Plan.BACK and not away:
            raise AgentError(f"{agent} is {session.work.value}, not away", "announce a break, or the shift's end")
        if plan is Plan.BACK and at is None:
            raise AgentError(f"when {agent} is back isn't said", "say in how many minutes")
        if plan is not Plan.BACK and (session.work is Work.OFFLINE or (away and at is None)):
            raise AgentError(
                f"{agent} is {session.work.value}: there is no call after which to go", "say it when ready"
            )
        session.announced = Announcement(plan, at, reason)
        if at is None and session.work in (Work.TALKING, Work.WRAPPING):
            self._roster.keep_word(session)

    def withdraw(self, agent: str) -> None:
        """Forget what the agent announced and hasn't begun. Raises UnknownNameError."""
        self._roster.session(agent).announced = None

    def carry_out(self) -> None:
        """Do what is due. A call under way comes first, also one that still rings for this agent alone."""
        now = self._clock.now()
        for session in list(self._roster):
            said = session.announced
            if said is not None and said.at is not None and said.at <= now:
                self._carry_out(session, said)

    def _carry_out(self, session: Session, said: Announcement) -> None:
        match session.work:
            case Work.RESERVED:
                return
            case Work.TALKING | Work.WRAPPING if said.goes:
                self._roster.keep_word(session)
            case Work.READY | Work.PAUSED if said.plan is Plan.END:
                self._desk.log_out(session.agent)
            case Work.READY if said.plan is Plan.BREAK:
                self._desk.pause(session.agent, said.reason)
            case _:
                pass  # away already, or not back in time: nobody counts on it any more
        session.announced = None
