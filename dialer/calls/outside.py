"""The agent speaks with somebody outside about the debtor's call, and may leave it to them.

Outside is who has no seat: a destination that the campaign names, by a trunk, or a supervisor's phone. Meanwhile the debtor
is on hold, and the dialplan brings the call back to the agent after a set time, engine or no engine. Once it is theirs the
agent writes it up, while debtor and party go on for as long as both stay.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import structlog

from dialer.agents.listening import Listenings
from dialer.agents.roster import AgentError, Roster
from dialer.agents.session import SeatSignal, Session, Work
from dialer.calls.attempt import Attempt
from dialer.calls.pbx import LegState, Pbx, Survey
from dialer.calls.reconcile import MAY_STILL_COME
from dialer.calls.recording import Recordings
from dialer.calls.transfer import Count, Telling, TransferKind, TransferResult
from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign, CampaignState
from dialer.compliance.clearance import ClearanceError, OutsideClearance
from dialer.compliance.gate import Gate
from dialer.compliance.outside import OutsideCall, OutsideIntent, OutsideRecord
from dialer.compliance.reasons import Reason, text_of
from dialer.kernel import events
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, DialerError, PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.events import OutsideEvent
from dialer.kernel.ids import AttemptId, OutsideLegId, SeatLegId
from dialer.kernel.tasks import Tasks

ROOM_SECONDS = 3.0
"""In which the agent's seat is back in its room once the debtor is on hold: the party is called only then."""
RING_SECONDS = 40.0
"""How long the party's phone may ring, the network's delay with it: the debtor is on hold no longer than 120 s."""
LEFT = "left to somebody outside"
_OPEN = frozenset({CampaignState.RUNNING, CampaignState.DRAINING})

log = structlog.get_logger(__name__)


class Phase(StrEnum):
    """Where it stands."""

    ASKED = "asked"
    """The gate is asked, the debtor goes on hold."""
    RINGING = "ringing"
    SPEAKING = "speaking"
    """Agent and party; the debtor is on hold."""
    MOVING = "moving"
    """The debtor is on the way to the party."""
    RETURNING = "returning"
    """The debtor is on the way back to the agent."""
    JOINING = "joining"
    """The debtor is on the way to agent and party."""
    JOINED = "joined"
    """All three hear each other."""
    AWAITING = "awaiting"
    """The agent's seat isn't in its room, or is lost: once it is back, the debtor comes back."""
    HANDED_OVER = "handed_over"
    """Debtor and party; the agent writes up."""


@dataclass(slots=True)
class Consultation:
    """One under way. call: None until the gate let it through. asked_at: when the PBX was last asked for something.
    silent: the recording was let fall silent, as the agent wanted to leave. room: set once the agent's seat is back in its
    room, from the debtor's hold on.
    """

    attempt: Attempt
    agent: Session
    to: str
    phase: Phase
    asked_at: datetime
    call: OutsideCall | None = None
    failed: bool = False
    silent: bool = False
    room: asyncio.Event = field(default_factory=asyncio.Event)


class Outside:
    """The consultations, and every leg outside that is up. A supervisor's phone is called by name, as who may listen."""

    def __init__(
        self,
        campaigns: Mapping[str, Campaign],
        listenings: Listenings,
        gate: Gate,
        pbx: Pbx,
        roster: Roster,
        trunks: Trunks,
        record: OutsideRecord,
        recordings: Recordings,
        tell: Telling,
        count: Count,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._campaigns, self._listenings, self._gate, self._pbx = campaigns, listenings, gate, pbx
        self._roster, self._trunks, self._record = roster, trunks, record
        self._tell, self._count, self._clock, self._tasks = tell, count, clock, tasks
        self._recordings = recordings
        self._under_way: dict[AttemptId, Consultation] = {}
        self._calls: dict[OutsideLegId, OutsideCall] = {}

    @property
    def _supervisors(self) -> Mapping[str, str]:
        return self._listenings.supervising.supervisors  # a reload changes it

    def __contains__(self, attempt: object) -> bool:
        return attempt in self._under_way

    def of_agent(self, session: Session) -> Consultation | None:
        """The agent's consultation, unless the party has the call already."""
        found = (one for one in self._under_way.values() if one.agent is session)
        return next((one for one in found if one.phase is not Phase.HANDED_OVER), None)

    def whose(self, attempt: AttemptId | None) -> str | None:
        """Whose the debtor's call is now, where the agent left it to somebody outside."""
        found = None if attempt is None else self._under_way.get(attempt)
        return found.to if found is not None and found.phase is Phase.HANDED_OVER else None

    def knows(self, to: str, campaign: str) -> bool:
        """Whether it is somebody outside: a destination of the campaign, or a supervisor who isn't logged in."""
        its = self._campaigns.get(campaign)
        if its is not None and to in its.destinations:
            return True
        return to in self._supervisors and self._roster.session(to).work is Work.OFFLINE

    def callable_for(self, campaign: str) -> dict[str, str]:
        """Whom an agent on a call of the campaign may call in now: name, and who that is."""
        its = self._campaigns.get(campaign)
        destinations = {name: one.label for name, one in its.destinations.items()} if its else {}
        return destinations | {
            name: "supervisor"
            for name in self._supervisors
            if self.knows(name, campaign) and campaign in self._roster.session(name).campaigns
        }

    # -- what agents ask for ----------------------------------------------------------------------------

    async def start(self, session: Session, attempt: Attempt, to: str) -> None:
        """Put the debtor on hold and call the party, whom the agent hears once they pick up.

        Raises AgentError, and what the PBX raises.
        """
        intent = self._intent(session, attempt, to)
        one = Consultation(attempt, session, to, Phase.ASKED, self._clock.now())
        self._under_way[attempt.id] = one
        clearance = await self._clear(one, intent)
        try:
            await self._pbx.hold_for_outside(attempt.id, session.seat_number)
            one.phase = Phase.RINGING
            async with asyncio.timeout(ROOM_SECONDS):
                await one.room.wait()
            self._still(one)
            self._check_open(intent)
            await self._pbx.call_outside(clearance, session.seat_number, RING_SECONDS)
        except (PbxAwayError, PbxRefusedError, ClearanceError, TimeoutError, AgentError) as error:
            self._ended(clearance.call, self._clock.now())
            if one.phase is Phase.RINGING:
                one.failed = True
                await self._try_back(one)
            else:
                self._close(one, TransferResult.FAILED)
            if isinstance(error, TimeoutError):
                raise AgentError(f"{session.agent}'s seat isn't back in its room", "try again") from None
            raise
        except PbxUnsureError:
            one.phase = Phase.RINGING  # what became of it the events tell; the dialplan brings the debtor back
            raise

    async def hand_over(self, one: Consultation) -> None:
        """The debtor goes to the party, and nothing of that is recorded. Raises AgentError, AwayError, and what the PBX raises."""
        self._check_alone(one)
        one.silent = True
        await self._recordings.fall_silent(one.attempt, LEFT)
        self._check_alone(one)
        await self._send(one, Phase.MOVING)

    def _check_alone(self, one: Consultation) -> None:
        if self._under_way.get(one.attempt.id) is not one or one.phase is not Phase.SPEAKING:
            raise AgentError(f"{one.to} isn't alone on the line with {one.agent.agent}", "wait, or take the call back")

    async def join(self, one: Consultation) -> None:
        """The debtor comes to agent and party, and all three speak. Raises AgentError, and what the PBX raises."""
        if one.phase is not Phase.SPEAKING:
            raise AgentError(f"{one.to} isn't on the line", "wait for the answer, or take the call back")
        await self._send(one, Phase.JOINING)

    async def take_back(self, one: Consultation) -> None:
        """The debtor comes back to the agent alone. Raises AgentError, and what the PBX raises."""
        if one.phase is Phase.JOINED and one.call is not None:
            await self._pbx.hang_up(one.call.leg)  # the debtor stays with the agent
            return
        if one.phase not in (Phase.RINGING, Phase.SPEAKING):
            raise AgentError(f"{one.agent.agent}'s call is on its way", "wait a moment")
        await self._send(one, Phase.RETURNING)

    def _intent(self, session: Session, attempt: Attempt, to: str) -> OutsideIntent:
        """Who is called, and which way; a channel of the trunk is theirs then. Raises AgentError."""
        about = (attempt.id, attempt.intent.case_id, attempt.campaign, session.agent, to)
        campaign = self._campaigns.get(attempt.campaign)
        if campaign is None or to not in campaign.destinations:
            own = self._roster.session(to)
            if attempt.campaign not in own.campaigns:
                raise AgentError(f"{to} can't take the call: not of {attempt.campaign}", "choose somebody of it")
            return OutsideIntent(*about, phone=self._supervisors[to])
        number = campaign.destinations[to].number
        self._check_open(OutsideIntent(*about, number=number))
        shown = campaign.caller_id_of(attempt.intent.debtor_id, "").number
        trunk = self._trunks.take(campaign.trunks, shown, decided=True)
        if trunk is None:
            self._count(attempt.campaign, TransferKind.OUTSIDE, TransferResult.REFUSED)
            raise AgentError(f"{to} can't be called: {Reason.NO_TRUNK.text}", "try again in a moment")
        return OutsideIntent(*about, number=number, caller_id=shown, trunk=trunk.name)

    def _check_open(self, intent: OutsideIntent) -> None:
        """Raises AgentError where the campaign has no number called now."""
        campaign = self._campaigns.get(intent.campaign)
        if intent.number is not None and campaign is not None and campaign.state not in _OPEN:
            raise AgentError(
                f"nobody outside is called for {campaign.name}: it is {campaign.state.value}",
                "start it, or promise a call",
            )

    async def _clear(self, one: Consultation, intent: OutsideIntent) -> OutsideClearance:
        answer = None
        try:
            answer = await self._gate.clear_outside(intent, self._record)
        finally:
            if not isinstance(answer, OutsideClearance):
                self._let_go(intent, placed=False)
                self._close(one, TransferResult.REFUSED)
        if not isinstance(answer, OutsideClearance):
            log.warning("outside.refused", attempt=one.attempt.id, to=one.to, reasons=list(answer.reasons))
            why = f"{one.to} may not be called: {'; '.join(map(text_of, answer.reasons))}"
            self._tell(one.attempt, one.agent.agent, why)
            raise AgentError(why, "the call goes on with you")
        self._let_go(intent)
        self._trunks.carry(intent.trunk)
        one.call = self._calls[answer.call.leg] = answer.call
        try:
            self._still(one)
        except AgentError:
            self._ended(answer.call, self._clock.now())
            raise
        return answer

    def _still(self, one: Consultation) -> None:
        """Raises AgentError where the debtor didn't wait."""
        if self._under_way.get(one.attempt.id) is not one:
            raise AgentError("the debtor has hung up")

    async def _send(self, one: Consultation, phase: Phase) -> None:
        before, one.phase, one.asked_at = one.phase, phase, self._clock.now()
        seat, attempt = one.agent.seat_number, one.attempt.id
        try:
            if phase is Phase.MOVING:
                await self._pbx.to_outside(attempt, seat)
            elif phase is Phase.JOINING:
                await self._pbx.join(attempt, seat)
            else:
                await self._pbx.transfer(attempt, seat)
        except (PbxAwayError, PbxRefusedError):
            one.phase = before  # the dialplan takes the debtor back when the time is over
            raise

    async def _try_back(self, one: Consultation) -> None:
        if self._under_way.get(one.attempt.id) is not one:
            return
        try:
            await self._send(one, Phase.RETURNING)
        except DialerError as error:
            log.warning("outside.not_taken_back", attempt=one.attempt.id, error=str(error))

    def hang_up_ringing(self, halted: Collection[str]) -> None:
        """These campaigns were halted: no number rings for them any more."""
        for call in self._calls.values():
            if call.bridged_at is None and call.intent.number is not None and call.intent.campaign in halted:
                self._tasks.start("hang up outside", self._stop_ringing(call))

    async def _stop_ringing(self, call: OutsideCall) -> None:
        await self._try_hang_up(call.leg)
        await asyncio.sleep(MAY_STILL_COME.total_seconds())  # it was asked for, and the PBX hadn't made it yet
        if call.leg in self._calls and call.bridged_at is None:
            await self._try_hang_up(call.leg)

    # -- what happens -----------------------------------------------------------------------------------

    def on_event(self, event: OutsideEvent) -> None:
        """The PBX tells of a leg outside."""
        call = self._calls.get(event.leg)
        if call is None:
            return
        one = self._under_way.get(call.intent.attempt)
        one = one if one is not None and one.call is call else None
        if isinstance(event, events.OutsideEnded):
            self._ended(call, event.at)
            if one is not None and one.phase is Phase.JOINED:
                self._close(one, TransferResult.JOINED)  # the debtor goes on with the agent
            elif one is not None and one.phase in (Phase.SPEAKING, Phase.JOINING):
                one.phase = Phase.AWAITING  # the seat was in a bridge with them
            elif one is not None and one.phase is Phase.RINGING:
                one.failed = True
                self._tasks.start("take back", self._try_back(one))
        elif call.bridged_at is None:
            call.bridged_at = event.at
            self._record.save_outside(call)
            if one is not None and one.phase is Phase.RINGING:
                one.phase = Phase.SPEAKING

    def bridged(self, attempt: AttemptId) -> None:
        """The debtor hears somebody again: the party, or the agent."""
        one = self._under_way.get(attempt)
        if one is None or one.phase is Phase.HANDED_OVER:
            return
        if one.phase is Phase.MOVING:
            self._handed_over(one)
            return
        one.agent.apply_seat(SeatSignal.BRIDGED)
        if one.silent:
            one.silent = False
            self._tasks.start("hear again", self._recordings.hear_again(one.attempt))
        if one.phase is Phase.JOINING:
            one.phase = Phase.JOINED
            return
        back = TransferResult.JOINED if one.phase is Phase.JOINED else TransferResult.TAKEN_BACK
        self._close(one, TransferResult.FAILED if one.failed else back)

    def failed(self, attempt: AttemptId) -> None:
        """The party couldn't be had: the dialplan is bringing the debtor back."""
        if (one := self._under_way.get(attempt)) is not None:
            one.phase, one.failed = Phase.RETURNING, True

    def over(self, attempt: AttemptId) -> None:
        """The debtor is gone, and so the party is parted from whomever they speak to."""
        if (one := self._under_way.get(attempt)) is not None:
            self._close(one, TransferResult.HUNG_UP)

    def seat_ended(self, leg: SeatLegId) -> None:
        """The agent's phone is gone meanwhile: the debtor waits for it. Told before the roster hears of it."""
        for one in self._under_way.values():
            if one.agent.leg == leg and one.phase in (Phase.RINGING, Phase.SPEAKING):
                one.phase, one.failed = Phase.AWAITING, True
            if one.agent.leg == leg and one.phase is not Phase.HANDED_OVER:
                self._hang_up(one.call)

    def seat_idle(self, session: Session | None) -> None:
        """The agent's seat is in its room: for the first time since the debtor went on hold, or back from the party."""
        one = None if session is None else self.of_agent(session)
        if one is None:
            return
        one.room.set()
        if one.phase in (Phase.SPEAKING, Phase.JOINING, Phase.AWAITING):
            self._tasks.start("take back", self._try_back(one))

    def _handed_over(self, one: Consultation) -> None:
        assert one.call is not None
        one.phase = Phase.HANDED_OVER
        one.call.handed_over_at = one.attempt.left_at = self._clock.now()
        self._record.save_outside(one.call)
        self._roster.part(one.attempt.id)
        self._tasks.start("fall silent", self._fall_silent(one.attempt))
        self._count(one.attempt.campaign, TransferKind.OUTSIDE, TransferResult.HANDED_OVER)
        by, campaign = one.agent.agent, self._campaigns.get(one.attempt.campaign)
        known = campaign.destinations.get(one.to) if campaign else None
        self._tell(
            one.attempt, by, f"call left by {by} to {known.label if known else one.to}, outside, after they spoke"
        )

    async def _fall_silent(self, attempt: Attempt) -> None:
        """Again: a word of the agent's may have come in between, or the PBX did it while nobody listened."""
        try:
            await self._recordings.fall_silent(attempt, LEFT)
        except AwayError as error:
            log.warning("recording.not_paused", attempt=attempt.id, error=str(error))

    def _close(self, one: Consultation, result: TransferResult) -> None:
        """The party is needed no more."""
        if self._under_way.pop(one.attempt.id, None) is None:
            return
        if one.phase is not Phase.HANDED_OVER:
            self._count(one.attempt.campaign, TransferKind.OUTSIDE, result)
        self._hang_up(one.call)

    def _ended(self, call: OutsideCall, at: datetime) -> None:
        if self._calls.pop(call.leg, None) is not None:
            call.ended_at = at
            self._record.save_outside(call)
            self._trunks.drop(call.intent.trunk)

    def _let_go(self, intent: OutsideIntent, *, placed: bool = True) -> None:
        if (trunk := self._trunks.get(intent.trunk)) is not None:
            self._trunks.let_go(trunk, placed=placed)

    def _hang_up(self, call: OutsideCall | None) -> None:
        if call is not None and call.ended_at is None:
            self._tasks.start("hang up outside", self._try_hang_up(call.leg))

    async def _try_hang_up(self, leg: OutsideLegId) -> None:
        with suppress(PbxRefusedError):  # it is gone already
            try:
                await self._pbx.hang_up(leg)
            except AwayError as error:
                log.warning("outside.not_hung_up", leg=leg, error=str(error))

    # -- after a start, and after every reconnect ---------------------------------------------------------

    async def load(self, attempts: Callable[[AttemptId], Attempt | None]) -> set[AttemptId]:
        """Take over what the record has as under way; the debtors' calls that were left to a party. Raises AwayError."""
        agents = {session.agent: session for session in self._roster}
        left = set()
        for call in await self._record.outside_under_way():
            intent = call.intent
            if intent.agent not in agents:  # another cell's
                continue
            self._calls[call.leg] = call
            self._trunks.carry(intent.trunk)
            attempt = attempts(intent.attempt)
            if attempt is not None and call.handed_over_at is not None:
                left.add(attempt.id)
                attempt.left_at = call.handed_over_at
                self._under_way[attempt.id] = Consultation(
                    attempt, agents[intent.agent], intent.to, Phase.HANDED_OVER, call.asked_at, call
                )
        return left

    def awaited(self) -> list[datetime]:
        """Since when the PBX's word is awaited."""
        return [call.asked_at for call in self._calls.values() if call.bridged_at is None]

    def legs(self) -> Collection[OutsideLegId]:
        """The legs that are known."""
        return list(self._calls)

    def reconcile(
        self, survey: Survey, asked: Collection[OutsideLegId], attempts: Callable[[AttemptId], Attempt | None]
    ) -> None:
        """What the PBX has. asked: the legs known when it was asked.

        A debtor in one bridge with a party is theirs; a leg that no consultation needs is hung up, and so is one that
        nobody knows.
        """
        for leg in set(survey.outside) - set(asked) - set(self._calls):
            log.warning("outside.unknown_leg", leg=leg)
            self._tasks.start("hang up outside", self._try_hang_up(leg))
        for leg in asked:
            call = self._calls.get(leg)
            if call is None:
                continue
            here, one = survey.outside.get(leg), self._under_way.get(call.intent.attempt)
            if here is not None and here.bridge and call.bridged_at is None:
                self.on_event(events.OutsideBridged(leg, survey.at))
            debtor = survey.attempts.get(call.intent.attempt)
            if here is None:
                if call.bridged_at is not None or survey.at - call.asked_at >= MAY_STILL_COME:
                    self.on_event(events.OutsideEnded(leg, survey.at))
            elif debtor is not None and here.bridge and here.bridge == debtor.bridge:
                three = any(seat.bridge == here.bridge for seat in survey.seats.values())
                attempt = attempts(call.intent.attempt)
                if one is None and attempt is not None:
                    session = self._roster.session(call.intent.agent)
                    one = Consultation(attempt, session, call.intent.to, Phase.MOVING, call.asked_at, call)
                    self._under_way[attempt.id] = one
                if one is not None and three:
                    one.phase, one.asked_at = Phase.JOINED, survey.at
                elif one is not None and one.phase is not Phase.HANDED_OVER:
                    self._handed_over(one)
            elif one is None:
                self._hang_up(call)
        for one in list(self._under_way.values()):
            debtor = survey.attempts.get(one.attempt.id)
            known = one.call is not None and one.phase not in (Phase.ASKED, Phase.HANDED_OVER)
            if not known or debtor is None or survey.at - one.asked_at < MAY_STILL_COME:
                continue
            if debtor.state is LegState.BRIDGED and one.phase is not Phase.JOINED:
                self.bridged_with_agent(one)
            elif debtor.state is LegState.HELD and one.phase in (Phase.MOVING, Phase.RETURNING):
                party = survey.outside.get(one.call.leg) if one.call else None
                if party is not None and party.bridge:
                    one.phase = Phase.SPEAKING
                else:
                    self._tasks.start("take back", self._try_back(one))

    def bridged_with_agent(self, one: Consultation) -> None:
        """The agent was found with the debtor."""
        one.phase = Phase.RETURNING
        self.bridged(one.attempt.id)
