"""A call goes on with another agent of its campaign: at once (blind), or after the two have spoken (warm).

While they speak the debtor is on hold, and the dialplan brings the call back to the first agent after a set time, engine or
no engine. The first agent keeps the call until the debtor hears the second one, and has it back where that fails.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import SeatSignal, Session, Work
from dialer.calls.attempt import Attempt, State
from dialer.calls.live import LiveAttempts
from dialer.calls.outside import Outside
from dialer.calls.pbx import Leg, LegState, Pbx, Survey
from dialer.calls.reconcile import MAY_STILL_COME
from dialer.calls.reserving import Reserving
from dialer.calls.transfer import Count, Telling, TransferKind, TransferResult
from dialer.kernel.clock import Clock
from dialer.kernel.errors import DialerError, PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.ids import AttemptId, SeatLegId
from dialer.kernel.tasks import Tasks

log = structlog.get_logger(__name__)


class Phase(StrEnum):
    """Where a transfer stands."""

    CONSULTING = "consulting"
    """The agents speak, the debtor is on hold."""
    MOVING = "moving"
    """The debtor is on the way to the second agent."""
    RETURNING = "returning"
    """The debtor is on the way back to the first one."""
    JOINING = "joining"
    """The debtor is on the way to the two."""
    JOINED = "joined"
    """All three hear each other."""


@dataclass(slots=True)
class Transfer:
    """One under way. first: who has the call. second: who is held for it. asked_at: when the PBX was last asked for
    something; None: no answer came, and the PBX alone knows where the debtor is. failed: the second one couldn't be had.
    """

    attempt: Attempt
    first: Session
    second: Session
    warm: bool
    phase: Phase
    asked_at: datetime | None
    failed: bool = False
    joined: bool = False

    @property
    def kind(self) -> TransferKind:
        return TransferKind.WARM if self.warm else TransferKind.BLIND

    @property
    def result(self) -> TransferResult:
        """Where the first agent has the call again."""
        if self.joined:
            return TransferResult.JOINED
        return TransferResult.FAILED if self.failed else TransferResult.TAKEN_BACK


class Transferring:
    """The transfers. A restart forgets them: a debtor on hold goes back to the first agent then."""

    def __init__(
        self,
        roster: Roster,
        reserving: Reserving,
        live: LiveAttempts,
        pbx: Pbx,
        outside: Outside,
        save: Callable[[Attempt], None],
        tell: Telling,
        count: Count,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._roster, self._reserving, self._live, self._pbx = roster, reserving, live, pbx
        self._outside, self._save, self._tell, self._count = outside, save, tell, count
        self._clock, self._tasks = clock, tasks
        self._under_way: dict[AttemptId, Transfer] = {}

    # -- what agents ask for ----------------------------------------------------------------------------

    async def start(self, agent: str, to: str, *, warm: bool) -> None:
        """Hold the other agent, and put the two together, or send the debtor at once; or call who is outside.

        Raises AgentError, UnknownNameError, and what the PBX raises.
        """
        first = self._roster.session(agent)
        attempt = self._live.get(first.attempt) if first.attempt else None
        if attempt is None and first.work is Work.TALKING:
            raise AgentError(f"nobody has said whose call {agent} is on", "say whose it is first")
        if attempt is None or attempt.state is not State.TALKING or first.leg is None:
            raise AgentError(f"{agent} is on no call")
        if attempt.id in self._under_way or attempt.id in self._outside:
            raise AgentError(f"{agent}'s call is being transferred already", "hand it over, or take it back")
        if self._outside.knows(to, attempt.campaign):
            if not warm:
                raise AgentError(f"{to} is outside: somebody must tell them first", "transfer it warm")
            await self._outside.start(first, attempt, to)
            return
        second = self._roster.session(to)
        if attempt.campaign not in second.campaigns or not second.free:
            why = second.work.value if attempt.campaign in second.campaigns else f"not of {attempt.campaign}"
            raise AgentError(f"{to} can't take the call: {why}", "choose an agent who is ready, or try again")
        self._roster.hold_this(second)
        phase = Phase.CONSULTING if warm else Phase.MOVING
        transfer = Transfer(attempt, first, second, warm, phase, self._clock.now())
        self._under_way[attempt.id] = transfer
        try:
            if warm:
                await self._pbx.consult(attempt.id, first.leg, first.seat_number, second.seat_number)
            else:
                await self._pbx.transfer(attempt.id, second.seat_number)
        except (PbxAwayError, PbxRefusedError):
            self._drop(transfer, TransferResult.FAILED)
            raise
        except PbxUnsureError:
            transfer.asked_at = None
            raise

    def outside_of(self, agent: str) -> dict[str, str]:
        """Whom outside the agent may call into the call under way, by name. Raises UnknownNameError."""
        attempt = self._live.get(self._roster.session(agent).attempt or AttemptId(""))
        return {} if attempt is None else self._outside.callable_for(attempt.campaign)

    async def hand_over(self, agent: str) -> None:
        """They have spoken: the debtor goes to the second one. Raises AgentError, and what the PBX raises."""
        if outside := self._outside.of_agent(self._roster.session(agent)):
            await self._outside.hand_over(outside)
            return
        transfer = self._consulting(agent)
        await self._send(transfer, Phase.MOVING)

    async def join(self, agent: str) -> None:
        """The debtor comes to the two, and all three speak. Raises AgentError, and what the PBX raises."""
        if outside := self._outside.of_agent(self._roster.session(agent)):
            await self._outside.join(outside)
            return
        await self._send(self._consulting(agent), Phase.JOINING)

    async def take_back(self, agent: str) -> None:
        """The debtor comes back to the first agent alone. Raises AgentError, and what the PBX raises."""
        if outside := self._outside.of_agent(self._roster.session(agent)):
            await self._outside.take_back(outside)
            return
        joined = next(
            (one for one in self._under_way.values() if one.first.agent == agent and one.phase is Phase.JOINED), None
        )
        if joined is not None and joined.second.leg is not None:
            await self._pbx.reseat(joined.second.leg, joined.second.seat_number)  # the debtor stays with the first one
            return
        await self._send(self._consulting(agent), Phase.RETURNING)

    def _consulting(self, agent: str) -> Transfer:
        session = self._roster.session(agent)
        found = next((one for one in self._under_way.values() if one.first is session), None)
        if found is None or found.phase is not Phase.CONSULTING:
            joined = found is not None and found.phase in (Phase.JOINING, Phase.JOINED)
            remedy = "take the call back first" if joined else "transfer it first"
            raise AgentError(f"{agent} speaks to no other agent about a call on hold", remedy)
        return found

    async def _send(self, transfer: Transfer, phase: Phase) -> None:
        transfer.phase, transfer.asked_at = phase, self._clock.now()
        to = transfer.second if phase is Phase.MOVING else transfer.first
        try:
            if phase is Phase.JOINING:
                await self._pbx.join(transfer.attempt.id, transfer.first.seat_number)
            else:
                await self._pbx.transfer(transfer.attempt.id, to.seat_number)
        except (PbxAwayError, PbxRefusedError):
            transfer.phase = Phase.CONSULTING  # the dialplan takes the debtor back when the time is over
            raise
        except PbxUnsureError:
            transfer.asked_at = None
            raise

    # -- what happens -----------------------------------------------------------------------------------

    def bridged(self, attempt: AttemptId) -> Session | None:
        """The debtor hears an agent again; whom, where that is another than before, or one more."""
        self._outside.bridged(attempt)
        transfer = self._under_way.get(attempt)
        if transfer is not None and transfer.phase is Phase.JOINING:
            transfer.phase, transfer.joined = Phase.JOINED, True
            transfer.first.apply_seat(SeatSignal.BRIDGED)
            return transfer.second
        transfer = self._under_way.pop(attempt, None)
        if transfer is None:
            session = self._roster.of_attempt(attempt)
            if session is not None and session.work is Work.TALKING:  # back from hold, after a restart
                session.apply_seat(SeatSignal.BRIDGED)
            return None
        if transfer.phase is Phase.MOVING:
            self._roster.hand_over(attempt, transfer.second)
            self._handed_over(transfer)
            return transfer.second
        transfer.first.apply_seat(SeatSignal.BRIDGED)
        self._drop(transfer, transfer.result)
        return None

    def failed(self, attempt: AttemptId) -> None:
        """The seat couldn't be had: the dialplan is bringing the debtor back."""
        self._outside.failed(attempt)
        if (transfer := self._under_way.get(attempt)) is not None:
            transfer.phase, transfer.failed = Phase.RETURNING, True

    def seat_idle(self, session: Session | None) -> None:
        """Who was spoken to is back in the room: the debtor comes back."""
        self._outside.seat_idle(session)
        transfer = self._of(session)
        if transfer is None:
            return
        if transfer.phase in (Phase.CONSULTING, Phase.JOINING):
            self._tasks.start("take back", self._try_send(transfer, Phase.RETURNING))
        elif session is transfer.second and transfer.phase is Phase.JOINED:
            self._drop(transfer, transfer.result)  # the debtor goes on with the first one

    def seat_ended(self, leg: SeatLegId) -> None:
        """A phone is gone while the two speak: the debtor goes to whoever is left. Told before the roster hears of it."""
        self._outside.seat_ended(leg)
        transfer = next((one for one in self._under_way.values() if leg in (one.first.leg, one.second.leg)), None)
        if transfer is not None and transfer.phase is Phase.CONSULTING:
            phase = Phase.MOVING if transfer.first.leg == leg else Phase.RETURNING
            self._tasks.start("save call", self._try_send(transfer, phase))
        elif transfer is not None and transfer.phase is Phase.JOINED:
            if transfer.first.leg == leg:
                self._tasks.start("save call", self._try_send(transfer, Phase.MOVING))
            else:
                self._drop(transfer, transfer.result)  # the debtor goes on with the first one

    def over(self, attempt: AttemptId) -> None:
        """The debtor is gone: the agents are parted, and the second one is free."""
        self._outside.over(attempt)
        transfer = self._under_way.get(attempt)
        if transfer is None:
            return
        speak = transfer.phase in (Phase.CONSULTING, Phase.JOINING, Phase.JOINED)
        if speak and transfer.first.leg is not None:
            self._tasks.start("end consultation", self._reseat(transfer.first.leg, transfer.first.seat_number))
        self._drop(transfer, TransferResult.HUNG_UP)

    @property
    def unsure(self) -> bool:
        """Whether the PBX must be asked where a debtor is."""
        return any(transfer.asked_at is None for transfer in self._under_way.values())

    def third_in(self, session: Session) -> AttemptId | None:
        """The first agent's call that this second one is in with them."""
        joined = (one for one in self._under_way.values() if one.phase is Phase.JOINED and one.second is session)
        return next((one.attempt.id for one in joined), None)

    def found(self, attempt: AttemptId, leg: Leg, survey: Survey) -> Session | None:
        """Where the PBX has the debtor, and the roster knows with whom; who hears them as the third, where that is news.

        On hold though nobody knows of a transfer: that is after a restart.
        """
        before = self._joined(attempt)
        self._find(attempt, leg, survey)
        after = self._joined(attempt)
        return after if after is not before else None

    def _joined(self, attempt: AttemptId) -> Session | None:
        transfer = self._under_way.get(attempt)
        return transfer.second if transfer is not None and transfer.phase is Phase.JOINED else None

    def _find(self, attempt: AttemptId, leg: Leg, survey: Survey) -> None:
        transfer, session = self._under_way.get(attempt), self._roster.of_attempt(attempt)
        if attempt in self._outside:
            return  # it was looked after there
        if transfer is None:
            if leg.state is LegState.HELD and session is not None:
                self._tasks.start("take back", self._try_transfer(attempt, session.seat_number))
            elif leg.state is LegState.BRIDGED and session is not None:
                self._find_three(attempt, session, leg, survey)
        elif transfer.asked_at is not None and survey.at - transfer.asked_at < MAY_STILL_COME:
            return  # what the PBX said is from before
        elif leg.state is LegState.HELD:
            transfer.phase, transfer.asked_at = Phase.CONSULTING, survey.at
        elif leg.state is LegState.BRIDGED and _in(survey, transfer.first, leg) and _in(survey, transfer.second, leg):
            transfer.phase, transfer.joined, transfer.asked_at = Phase.JOINED, True, survey.at
        elif leg.state is LegState.BRIDGED:
            if session is not None:
                session.apply_seat(SeatSignal.BRIDGED)
            if session is transfer.second:
                self._under_way.pop(attempt)
                self._handed_over(transfer)
            else:
                self._drop(transfer, transfer.result)

    def _find_three(self, attempt: AttemptId, first: Session, leg: Leg, survey: Survey) -> None:
        """After a restart: another seat with the debtor and the agent's."""
        talk = self._live.get(attempt)
        second = next((one for one in self._roster if one is not first and _in(survey, one, leg)), None)
        if talk is None or second is None:
            return
        if second.work is Work.READY:
            self._roster.hold_this(second)
        transfer = Transfer(talk, first, second, warm=True, phase=Phase.JOINED, asked_at=survey.at, joined=True)
        self._under_way[attempt] = transfer

    def _of(self, session: Session | None) -> Transfer | None:
        return next((one for one in self._under_way.values() if session in (one.first, one.second)), None)

    def _handed_over(self, transfer: Transfer) -> None:
        transfer.attempt.agent = transfer.second.agent
        self._save(transfer.attempt)
        self._count(transfer.attempt.campaign, transfer.kind, TransferResult.HANDED_OVER)
        first, second, how = (
            transfer.first.agent,
            transfer.second.agent,
            "after they spoke" if transfer.warm else "at once",
        )
        self._tell(transfer.attempt, first, f"call handed over from {first} to {second}, {how}")

    def _drop(self, transfer: Transfer, result: TransferResult) -> None:
        """The second agent doesn't have the call, and is free."""
        self._under_way.pop(transfer.attempt.id, None)
        self._count(transfer.attempt.campaign, transfer.kind, result)
        second = transfer.second
        if second.work is Work.RESERVED and second.attempt is None:
            self._reserving.let_go(second)

    async def _try_send(self, transfer: Transfer, phase: Phase) -> None:
        if transfer.phase not in (Phase.CONSULTING, Phase.JOINING, Phase.JOINED):
            return
        try:
            await self._send(transfer, phase)
        except DialerError as error:
            about = {"attempt": transfer.attempt.id, "campaign": transfer.attempt.campaign}
            log.warning("transfer.not_sent", **about, phase=phase.value, error=str(error))

    async def _try_transfer(self, attempt: AttemptId, seat_number: int) -> None:
        try:
            await self._pbx.transfer(attempt, seat_number)
        except DialerError as error:
            log.warning("transfer.not_taken_back", attempt=attempt, error=str(error))

    async def _reseat(self, leg: SeatLegId, seat_number: int) -> None:
        try:
            await self._pbx.reseat(leg, seat_number)
        except (PbxAwayError, PbxRefusedError, PbxUnsureError) as error:
            log.warning("transfer.not_parted", leg=leg, error=str(error))


def _in(survey: Survey, session: Session, leg: Leg) -> bool:
    """Whether the session's seat is in one bridge with this leg."""
    seat = None if session.leg is None else survey.seats.get(session.leg)
    return seat is not None and seat.bridge == leg.bridge != ""
