"""A supervisor listens to an agent: to the seat, so from one call to the next; whispers, barges. All of it on record.

Each listening, and each change of its mode, is on the disk before the PBX is asked for it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import structlog

from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import Seat, Session, Work
from dialer.kernel import events
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, DialerError, PbxAwayError, PbxRefusedError, PbxUnsureError, UnknownNameError
from dialer.kernel.events import SpyEvent, SpyMode
from dialer.kernel.ids import AttemptId, Ids, SeatLegId, SpyLegId
from dialer.kernel.tasks import Tasks

MAY_STILL_COME = timedelta(seconds=5)
"""So long after it was asked for, a leg or a mode may be missing and still come."""
ENGINE = "the engine"

log = structlog.get_logger(__name__)


class Ended(StrEnum):
    """How the end of a listening is known."""

    SEEN = "seen"
    """The PBX told it, at that instant."""
    FOUND = "found"
    """Its leg wasn't there any more when the PBX was asked: it ended at that instant at the latest."""


@dataclass(slots=True)
class Turn:
    """One mode of a listening. on_at: from when it held, by the PBX's word; None: it never did, or nobody heard of it."""

    mode: SpyMode
    asked_at: datetime
    asked_by: str
    on_at: datetime | None = None


@dataclass(slots=True)
class Listening:
    """Who listened to whom, from when to when, in which modes.

    basis: why it is lawful, as the configuration said. agent_told: whether the agent could see it. barges_into: the call
    for which a barge was allowed, and no other; it isn't put on record.
    """

    leg: SpyLegId
    supervisor: str
    agent: str
    basis: str
    agent_told: bool
    turns: list[Turn] = field(default_factory=list)
    ended_at: datetime | None = None
    ended: Ended | None = None
    barges_into: AttemptId | None = None

    @property
    def asked_at(self) -> datetime:
        return self.turns[0].asked_at

    @property
    def last(self) -> Turn:
        return self.turns[-1]


@dataclass(frozen=True, slots=True)
class Supervising:
    """The house's word on listening. basis: why it is lawful; None: nobody may. supervisors: their phones, by name."""

    basis: str | None = None
    tell_agents: bool = True
    supervisors: Mapping[str, str] = field(default_factory=dict)


class ListeningRecord(Protocol):
    """Listenings on record. Every coroutine raises AwayError."""

    async def begin(self, listening: Listening) -> None:
        """Return once it is durable, with its first turn."""

    async def turn(self, leg: SpyLegId, position: int, turn: Turn) -> None:
        """Return once the change of mode is durable."""

    def turn_on(self, leg: SpyLegId, position: int, turn: Turn) -> None: ...
    def end_listening(self, listening: Listening) -> None: ...

    def heard(self, case_id: int, supervisor: str, at: datetime) -> None:
        """Put the supervisor among those who know of the case."""

    async def listenings_under_way(self) -> list[Listening]: ...


class Spy(Protocol):
    """What of the PBX a listening needs."""

    async def spy(self, leg: SpyLegId, phone: str, seat: SeatLegId, mode: SpyMode) -> None: ...
    async def switch_spy(self, leg: SpyLegId, mode: SpyMode) -> None: ...
    async def hang_up(self, leg: SpyLegId) -> None: ...


class Listenings:
    """Those under way. A supervisor has one at most; an agent may have several.

    case_of: the case of a call under way; None where it is over.
    """

    def __init__(
        self,
        supervising: Supervising,
        roster: Roster,
        pbx: Spy,
        record: ListeningRecord,
        case_of: Callable[[AttemptId], int | None],
        clock: Clock,
        ids: Ids,
        tasks: Tasks,
    ) -> None:
        self.supervising, self._roster, self._pbx, self._record = supervising, roster, pbx, record
        self._case_of, self._clock, self._ids, self._tasks = case_of, clock, ids, tasks
        self._by_leg: dict[SpyLegId, Listening] = {}
        self._stopping: set[SpyLegId] = set()

    def __iter__(self) -> Iterator[Listening]:
        return iter(self._by_leg.values())

    # -- what supervisors ask for -----------------------------------------------------------------------

    async def start(self, supervisor: str, agent: str, mode: SpyMode, by: str) -> Listening:
        """Call the supervisor's phone, which hears the agent's seat once it is picked up. A barge listens until then: the
        call may be another by the time.

        Raises AgentError, UnknownNameError, AwayError, and what the PBX raises.
        """
        phone, session = self._phone(supervisor), self._roster.session(agent)
        seat = self._allow(supervisor, session, mode)
        now, barges = self._clock.now(), mode is SpyMode.BARGE
        first = SpyMode.LISTEN if barges else mode
        listening = Listening(
            self._ids.spy_leg(now),
            supervisor,
            agent,
            self.supervising.basis or "",
            self.supervising.tell_agents,
            [Turn(first, now, by)],
            barges_into=session.attempt if barges else None,
        )
        self._by_leg[listening.leg] = listening
        try:
            await self._record.begin(listening)
        except AwayError:
            del self._by_leg[listening.leg]
            raise
        self._tell_agent(session)
        try:
            # where the agent left meanwhile there is no such leg any more, and the PBX hangs up
            await self._pbx.spy(listening.leg, phone, seat, first)
        except (PbxAwayError, PbxRefusedError):
            self._end(listening, self._clock.now(), Ended.SEEN)
            raise
        return listening

    async def switch(self, supervisor: str, mode: SpyMode, by: str) -> Listening:
        """Change who hears the supervisor. Raises AgentError, AwayError, and what the PBX raises."""
        self._phone(supervisor)
        listening = self._of(supervisor)
        if listening.last.on_at is None:
            raise AgentError(f"{supervisor} doesn't {listening.last.mode.value} yet", "try again once the phone is up")
        session = self._roster.session(listening.agent)
        self._allow_mode(session, mode)
        if mode is SpyMode.BARGE:
            listening.barges_into = session.attempt
        await self._switch(listening, mode, by)
        return listening

    async def stop(self, supervisor: str) -> Listening:
        """Hang up on the supervisor. Raises AgentError, and what the PBX raises."""
        listening = self._of(supervisor)
        self._stopping.add(listening.leg)  # the leg may not be made yet
        with suppress(PbxRefusedError):
            await self._pbx.hang_up(listening.leg)
        return listening

    def take_up(self, supervising: Supervising) -> None:
        """What holds from now on: who listens and may no more is hung up on."""
        self.supervising = supervising
        for listening in self._by_leg.values():
            if supervising.basis is None or listening.supervisor not in supervising.supervisors:
                self._stopping.add(listening.leg)  # as in `stop`
                self._hang_up(listening.leg)

    def _phone(self, supervisor: str) -> str:
        if self.supervising.basis is None:
            raise AgentError(
                "nobody may be listened to here: nothing says why it would be lawful",
                "set [supervision] basis to the agreement or authorisation, as docs/supervisor.md tells",
            )
        if supervisor not in self.supervising.supervisors:
            raise UnknownNameError(
                f"no supervisor is named {supervisor!r}", "name an agent whose [[agents]] has supervisor = true"
            )
        return self.supervising.supervisors[supervisor]

    def _allow(self, supervisor: str, session: Session, mode: SpyMode) -> SeatLegId:
        """The leg to be heard. Who hears a seat hears all that it serves."""
        own = self._roster.session(supervisor)
        if own is session or own.work is not Work.OFFLINE:
            raise AgentError(f"{supervisor} is logged in as an agent: the phone is the seat's", "log out first")
        if not session.campaigns <= own.campaigns:
            others = ", ".join(sorted(session.campaigns - own.campaigns))
            raise AgentError(
                f"{session.agent} also serves {others}, and {supervisor} doesn't",
                "add it to the supervisor's campaigns in [[agents]]",
            )
        if any(one.supervisor == supervisor for one in self._by_leg.values()):
            raise AgentError(f"{supervisor} listens already", "stop first, or change the mode")
        if session.leg is None or not (session.seat in (Seat.IDLE, Seat.BUSY) or session.work is Work.TALKING):
            raise AgentError(f"{session.agent} has no seat now", "wait until the agent has logged in")
        self._allow_mode(session, mode)
        return session.leg

    def _allow_mode(self, session: Session, mode: SpyMode) -> None:
        if mode is SpyMode.BARGE and (session.work is not Work.TALKING or session.seat is Seat.IDLE):
            raise AgentError(f"{session.agent} is on no call to barge into", "whisper, or wait for the next call")

    def _of(self, supervisor: str) -> Listening:
        found = next((one for one in self._by_leg.values() if one.supervisor == supervisor), None)
        if found is None:
            raise AgentError(f"{supervisor} listens to nobody", "start it")
        return found

    async def _switch(self, listening: Listening, mode: SpyMode, by: str) -> None:
        turn = Turn(mode, self._clock.now(), by)
        listening.turns.append(turn)
        try:
            await self._record.turn(listening.leg, len(listening.turns) - 1, turn)
        except AwayError:
            listening.turns.remove(turn)
            raise
        if mode is SpyMode.BARGE and self._barge_is_over(listening):
            await self._listen_again(listening)
            raise AgentError(f"the call of {listening.agent} has just ended", "wait for the next call")
        await self._pbx.switch_spy(listening.leg, mode)

    def _barge_is_over(self, listening: Listening) -> bool:
        """Whether the seat left the call for which the barge was allowed: the debtor on it now is another."""
        session = self._roster.session(listening.agent)
        return session.seat is Seat.IDLE or session.attempt != listening.barges_into

    # -- what happens -----------------------------------------------------------------------------------

    def on_event(self, event: SpyEvent, third_in: Callable[[Session], AttemptId | None]) -> None:
        """The PBX tells of a supervisor's leg. third_in: the call of another agent in which this one is the third."""
        listening = self._by_leg.get(event.leg)
        if isinstance(event, events.SpyEnded):
            if listening is not None:
                self._end(listening, event.at, Ended.SEEN)
            return
        if listening is None or event.leg in self._stopping:
            self._hang_up(event.leg)
        elif listening.last.mode is event.mode and listening.last.on_at is None:
            listening.last.on_at = event.at
            self._record.turn_on(event.leg, len(listening.turns) - 1, listening.last)
            session = self._roster.session(listening.agent)
            self._tell_agent(session)
            if len(listening.turns) == 1:
                self._heard(listening, session, event.at, third_in(session))
                if listening.barges_into is not None:
                    self._tasks.start("barge", self._barge(listening))
            if self._barge_is_over(listening):
                self._end_barge(listening)

    def bridged(self, session: Session | None, third_in: AttemptId | None = None) -> None:
        """Who listens hears the next debtor, too. third_in: the call of another agent in which this one is the third."""
        for listening in self._on(session):
            self._heard(listening, session, self._clock.now(), third_in)

    def call_over(self, session: Session | None) -> None:
        """The seat is back in its room: a barge ends with its call, and the next debtor doesn't hear the supervisor.

        The PBX tells the end of the debtor's leg only then: until then the barge holds on to it.
        """
        for listening in self._on(session):
            self._end_barge(listening)

    def _on(self, session: Session | None) -> list[Listening]:
        return [
            one
            for one in self._by_leg.values()
            if session is not None and one.agent == session.agent and one.turns[0].on_at is not None
        ]

    def _heard(
        self, listening: Listening, session: Session | None, at: datetime, third_in: AttemptId | None = None
    ) -> None:
        own = session.attempt if session is not None and session.work is Work.TALKING else None
        if (attempt := own or third_in) is not None:
            case_id = self._case_of(attempt)
            if case_id is not None:
                self._record.heard(case_id, listening.supervisor, at)

    def _end_barge(self, listening: Listening) -> None:
        if listening.last.mode is SpyMode.BARGE and listening.last.on_at is not None:
            self._tasks.start("end barge", self._listen_again(listening))

    async def _barge(self, listening: Listening) -> None:
        """The phone is up: the supervisor goes on to speak, where the call is still the one that was asked for."""
        if listening.last is not listening.turns[0] or self._barge_is_over(listening):
            return
        try:
            await self._switch(listening, SpyMode.BARGE, listening.last.asked_by)
        except DialerError as error:
            log.warning("listening.not_barged", leg=listening.leg, error=str(error))

    async def _listen_again(self, listening: Listening) -> None:
        if listening.last.mode is not SpyMode.BARGE:
            return  # ended already
        try:
            await self._switch(listening, SpyMode.LISTEN, ENGINE)
        except DialerError as error:
            log.warning("listening.barge_not_ended", leg=listening.leg, error=str(error))
            self._hang_up(listening.leg)

    def _end(self, listening: Listening, at: datetime, how: Ended) -> None:
        if self._by_leg.pop(listening.leg, None) is None:
            return
        self._stopping.discard(listening.leg)
        listening.ended_at, listening.ended = at, how
        self._record.end_listening(listening)
        self._tell_agent(self._roster.session(listening.agent))

    def _tell_agent(self, session: Session) -> None:
        """Who listens stands in the agent's line, where the house tells."""
        session.heard_by = tuple(
            f"{one.supervisor} ({one.last.mode.value})"
            for one in self._by_leg.values()
            if one.agent == session.agent and one.agent_told
        )

    def _hang_up(self, leg: SpyLegId) -> None:
        self._tasks.start("hang up spy", self._try_hang_up(leg))

    async def _try_hang_up(self, leg: SpyLegId) -> None:
        try:
            await self._pbx.hang_up(leg)
        except (PbxAwayError, PbxRefusedError, PbxUnsureError) as error:
            log.warning("listening.not_hung_up", leg=leg, error=str(error))

    # -- after a start, and after every reconnect ---------------------------------------------------------

    async def load(self) -> None:
        """Take over what the record has as under way; whether it is, the PBX will say. Raises AwayError."""
        agents = {session.agent: session for session in self._roster}
        for listening in await self._record.listenings_under_way():
            if listening.agent in agents:  # else it is another cell's
                self._by_leg[listening.leg] = listening
                if listening.last.mode is SpyMode.BARGE:
                    listening.barges_into = agents[listening.agent].attempt
                self._tell_agent(agents[listening.agent])

    def legs(self) -> Collection[SpyLegId]:
        """The legs that are somebody's."""
        return list(self._by_leg)

    def awaited(self) -> list[datetime]:
        """Since when the PBX's word is awaited."""
        return [one.last.asked_at for one in self._by_leg.values() if one.last.on_at is None]

    def reconcile(self, up: Mapping[SpyLegId, bool], asked: Collection[SpyLegId], at: datetime) -> None:
        """What the PBX has. up: each leg, and whether it was picked up. asked: those known when it was asked.

        A leg whose mode nobody knows, and one that is nobody's, are hung up.
        """
        for leg in set(up) - set(asked) - set(self._by_leg):
            log.warning("listening.unknown_leg", leg=leg)
            self._hang_up(leg)
        for leg in asked:
            listening = self._by_leg.get(leg)
            if listening is None:
                continue
            may_still_come = at - listening.last.asked_at < MAY_STILL_COME
            if leg not in up:
                if listening.turns[0].on_at is not None or not may_still_come:  # one that was up is gone
                    self._end(listening, at, Ended.FOUND)
            elif leg in self._stopping:
                self._hang_up(leg)
            elif may_still_come:
                continue
            elif up[leg] and listening.last.on_at is None:
                self._hang_up(leg)
            elif self._barge_is_over(listening):
                self._end_barge(listening)
