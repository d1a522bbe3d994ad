"""The page to read first: the whole journey of a call.

Every tick: a snapshot of the floor → pacing says how many → the best cases → the gate clears each → originate.
Events from the PBX only change state. The one exception is the answered call: it goes to a waiting agent at once.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from dialer.agents.announcing import Announcing
from dialer.agents.desk import Desk
from dialer.agents.listening import Listenings
from dialer.agents.roster import AgentError, Roster
from dialer.agents.seating import Seating
from dialer.agents.session import Session, Work
from dialer.calls.answering import Answering
from dialer.calls.attempt import BEFORE_ANSWER, FROM_THE_FAR_END, IN_FLIGHT, UNBRIDGED, Attempt, Effect, Signal, State
from dialer.calls.ending import Ending
from dialer.calls.inbound import InboundCall, InboundRecord
from dialer.calls.live import LiveAttempts
from dialer.calls.outside import Outside
from dialer.calls.pbx import Pbx
from dialer.calls.placing import Placing
from dialer.calls.previewing import Previewing
from dialer.calls.receiving import Receiving
from dialer.calls.recording import RecordingRecord, Recordings
from dialer.calls.reserving import Reserving
from dialer.calls.results import FAILS_OVER, Result
from dialer.calls.settling import result_of
from dialer.calls.telling import about_the_attempt
from dialer.calls.transfer import History, Telling
from dialer.calls.transferring import Transferring
from dialer.calls.trunks import Trunks
from dialer.campaigns.campaign import Campaign, CampaignError, CampaignRecord, CampaignSignal, CampaignState
from dialer.campaigns.learning import Learning
from dialer.campaigns.selection import Stock
from dialer.cases.book import CaseBook
from dialer.cases.model import DueCase
from dialer.compliance.entry import Direction
from dialer.compliance.gate import Gate
from dialer.compliance.outside import OutsideRecord
from dialer.compliance.reasons import ENGINE, Reason
from dialer.compliance.verdict import CallMode, Refusal, Verdict
from dialer.kernel import events
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError
from dialer.kernel.events import PbxEvent
from dialer.kernel.ids import AttemptId, is_inbound
from dialer.kernel.tasks import Tasks
from dialer.live.answer_rates import AnswerRates
from dialer.live.floor import floor_of
from dialer.live.pacer import Pacer
from dialer.live.shares import Shares
from dialer.live.tally import Tally
from dialer.outcomes.closing import Closing
from dialer.outcomes.form import EMPTY, Form
from dialer.outcomes.wrap_up import WrapUp

log = structlog.get_logger(__name__)

UNBOUNDED = 1 << 60
STILL_THERE = IN_FLIGHT - {State.ABANDONED}
SIGNALS: Mapping[type, Signal] = {
    events.LegCreated: Signal.CREATED,
    events.LegRinging: Signal.RANG,
    events.LegUp: Signal.UP,
    events.DebtorWaits: Signal.WAITS,
    events.LegBridged: Signal.BRIDGED,
    events.ClaimFailed: Signal.CLAIM_FAILED,
    events.AgentLeft: Signal.AGENT_LEFT,
    events.CallAbandoned: Signal.ABANDONED,
    events.LegEnded: Signal.HUNG_UP,
}


class Flow:
    """Cases in, conversations out. One instance a daemon, one thread: between two awaits nothing changes."""

    def __init__(
        self,
        *,
        campaigns: Mapping[str, Campaign],
        states: CampaignRecord,
        stocks: Mapping[str, Stock],
        gate: Gate,
        pbx: Pbx,
        roster: Roster,
        live: LiveAttempts,
        trunks: Trunks,
        closing: Closing,
        listenings: Listenings,
        outside: OutsideRecord,
        history: History,
        learning: Learning,
        pacer: Pacer,
        tally: Tally,
        inbound: InboundRecord,
        book: CaseBook,
        recordings: RecordingRecord,
        clock: Clock,
        tasks: Tasks,
        most_calls: int | None = None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self.campaigns, self.roster, self.live, self.gate, self.trunks = campaigns, roster, live, gate, trunks
        self._states, self._stocks, self._closing, self.pacer = states, stocks, closing, pacer
        self.tally, self._clock, self._tasks, self.listenings = tally, clock, tasks, listenings
        self.recordings = Recordings(recordings, pbx, roster, live, gate, clock)
        self._answering = Answering(gate, roster, pbx, live, tasks, self.move, self.recordings)
        self.ending = Ending(pbx, tasks)
        self.seating = Seating(roster, pbx, tasks)
        self.receiving = Receiving(
            self,
            campaigns,
            inbound,
            book,
            gate,
            pbx,
            roster,
            self.seating,
            live,
            self.ending,
            self.recordings,
            clock,
            tasks,
        )
        self.reserving = Reserving(roster, self.seating, live, self._hang_up, self.serve_waiting)
        telling, count = Telling(history, clock, tasks), tally.transferred
        self.outside = Outside(
            campaigns,
            listenings,
            gate,
            pbx,
            roster,
            trunks,
            outside,
            self.recordings,
            telling,
            count,
            clock,
            tasks,
        )
        self.transferring = Transferring(
            roster, self.reserving, live, pbx, self.outside, self._handed_over, telling, count, clock, tasks
        )
        self._placing = Placing(gate, pbx, live, self.reserving, trunks, learning, clock, tasks, self.move)
        self.previewing = Previewing(roster, self.reserving, stocks, clock)
        self.desk = Desk(roster, self.seating, self.serve_waiting, self._renew)
        self.announcing = Announcing(roster, self.desk, clock)
        self.wrap_up = WrapUp(
            roster, self.seating, closing, campaigns, clock, self.serve_waiting, pacer.wrapped, self.receiving.anonymous
        )
        self.answer_rates = AnswerRates(campaigns)
        self.shares = Shares(campaigns, roster, live, tally, clock)
        self._has_room = has_room
        self._calls_left = most_calls or UNBOUNDED
        self.stopping = False
        """Set once: nothing is dialled any more, calls under way go on."""

    # -- the tick decides -----------------------------------------------------------------------------

    async def tick(self) -> None:
        """One round: end overdue wrap-ups, call missing seats, let go who said so, and dial for each campaign."""
        self.wrap_up.end_overdue()
        self.seating.call_due_seats()
        self.announcing.carry_out()
        self.receiving.tick()
        self._renew()
        for campaign in self.shares.turns({name: len(stock) for name, stock in self._stocks.items()}):
            try:
                await self._dial(campaign)
                if campaign.state is CampaignState.DRAINING and not any(self.live.of_campaign(campaign.name)):
                    await self.command(campaign, CampaignSignal.DRAINED)
            except AwayError as error:
                log.warning("tick.broken_off", campaign=campaign.name, error=str(error))

    async def _dial(self, campaign: Campaign) -> None:
        stock = self._stocks[campaign.name]
        if campaign.dials and self.gate.may_clear:
            await stock.refill(len(list(self.roster)), self._clock.now(), self._clock.monotonic())
        floor = floor_of(
            campaign,
            self.roster,
            self.live,
            self._clock.now(),
            elapsed_seconds=self.pacer.elapsed_seconds(campaign.name),
            cases=min(len(stock), self._calls_left),
            opens_in_seconds=stock.opens_in_seconds(self._clock.now()),
            trunks=self.trunks.capacity(campaign.trunks),
            may_dial=self.gate.may_clear and not self.stopping and not self.lacks(campaign),
            call_backs=stock.call_backs(self._clock.now()),
            callers=self.receiving.waiting(campaign.name),
            inbound_per_second=self.receiving.per_second(campaign.name),
            for_agents=stock.for_agents,
            needed_by_others=self.shares.claims_on(campaign.name),
        )
        burst = self.pacer.decide(campaign, floor)
        self.tally.paced(campaign.name, burst, floor)
        held = stock.take_for_agents(min(burst.calls, len(floor.idle)))
        cases = stock.take(burst.calls - len(held))
        if campaign.mode is CallMode.PREVIEW:
            for case in (*held, *cases):
                self.previewing.offer(campaign, case)
            return
        await asyncio.gather(
            *(self._place(campaign, case, CallMode.RESERVED) for case in held),
            *(self._place(campaign, case, campaign.mode) for case in cases),
        )

    async def accept(self, agent: str) -> Verdict:
        """The agent wants the offered case called: why it may not be, or nothing. Raises AgentError, AwayError."""
        self._renew()
        offer = self.previewing.take(agent)
        try:
            return await self._place(offer.campaign, offer.case, CallMode.PREVIEW, offer.session)
        finally:
            if offer.session.work is Work.RESERVED and offer.session.attempt is None:
                self.reserving.let_go(offer.session)

    def skip(self, agent: str, reason: str) -> None:
        """The agent doesn't want it called now. Raises AgentError."""
        offer = self.previewing.take(agent)
        self._closing.skipped(offer.case.id, agent, reason)
        self._stocks[offer.campaign.name].put_back(offer.case.id)
        self.reserving.let_go(offer.session)

    async def _place(
        self, campaign: Campaign, case: DueCase, mode: CallMode, session: Session | None = None
    ) -> Verdict:
        lacks = self.lacks(campaign, case.creditor)
        verdict = Verdict(lacks) if lacks else await self._placing.place(campaign, case, mode, session)
        if verdict.allowed:
            self._calls_left -= 1
            self.tally.placed(campaign.name)
            return verdict
        self.tally.refused(campaign.name, verdict.reasons)
        if Reason.NO_AGENT in verdict.reasons:
            self._stocks[campaign.name].wait_for_agent(case)
            return verdict
        if case.failed_trunks and Reason.NO_TRUNK in verdict.reasons:
            self._stocks[campaign.name].try_again(case)
            return verdict
        if not ENGINE.intersection(verdict.reasons):
            await self._closing.not_called(campaign, case, verdict)
        self._stocks[campaign.name].put_back(case.id)
        return verdict

    def serve_waiting(self) -> None:
        """An agent may have become free: who rang us comes first, then who answered us."""
        self.receiving.serve()
        self._answering.serve_waiting()

    def caller_bridged(self, session: Session) -> None:
        """The agent and who rang us hear each other, and whoever listens to the agent."""
        self.listenings.bridged(session)

    def _handed_over(self, attempt: Attempt) -> None:
        """The call is another agent's now."""
        if is_inbound(attempt.id):
            self.receiving.handed_over(attempt)
        else:
            self._closing.save(attempt)

    def received(self, call: InboundCall, attempt: Attempt | None) -> None:
        """A call that came in is over; attempt: of an earlier one, whose case was said only now."""
        if attempt is None:
            self.tally.received(call)
        else:
            self._closing.settle(attempt, Signal.HUNG_UP)

    @property
    def under_way(self) -> set[AttemptId]:
        """The calls that aren't over, also those that came in."""
        return {attempt.id for attempt in self.live} | {call.id for call in self.receiving}

    def lacks(self, campaign: Campaign, creditor: str | None = None) -> tuple[Refusal, ...]:
        """What calls of this campaign lack, or those about one creditor's debts: where recordings find no room, what is
        recorded isn't dialled.
        """
        records = campaign.records if creditor is None else campaign.records_for(creditor)
        return (Refusal(Reason.DISK_FULL),) if records and not self._has_room() else ()

    def _renew(self) -> None:
        """Somebody may have left who was held."""
        self.reserving.renew()
        self.previewing.renew(may_dial=not self.stopping)

    def end_call(self, agent: str) -> None:
        """The agent hangs up. Raises AgentError where no call is under way."""
        if to := self.outside.whose(self.roster.session(agent).attempt):
            raise AgentError(f"{agent}'s call was left to {to}", "write it up: the two end it")
        if self.receiving.hang_up(agent):
            return
        session = self.roster.session(agent)
        attempt = self.live.get(session.attempt) if session.attempt else None
        if attempt is None:
            raise AgentError(f"{agent} is on no call")
        self._hang_up(attempt)

    async def write_up(self, agent: str, code: str, note: str, form: Form = EMPTY) -> None:
        """The agent says what the call was. Raises AgentError, InputError, AwayError."""
        attempt = await self.wrap_up.write_up(agent, code, note, form)
        self.tally.outcome(attempt.campaign, code)
        self.pacer.accounts.touch(attempt)

    async def command(self, campaign: Campaign, signal: CampaignSignal) -> None:
        """Start, pause, drain or halt a campaign; a halt also ends what rings. Raises CampaignError, AwayError.

        What stops calls takes effect at once, on record or not; a start only once it is on record.
        """
        state = campaign.after(signal)
        campaign.commands += 1
        mine, now = campaign.commands, self._clock.now()
        if state is CampaignState.RUNNING:
            await self._states.save_campaign_state(campaign.name, state, now)
            if campaign.commands != mine:
                raise CampaignError(f"campaign {campaign.name} is {campaign.state.value}: another command came since")
            campaign.state = state
            return
        campaign.state = state
        if state is CampaignState.HALTED:
            self.hang_up_unwanted()
        try:
            await self._states.save_campaign_state(campaign.name, state, now)
        except AwayError as error:
            raise AwayError(
                f"campaign {campaign.name} is {state.value}, but {error}",
                "say it again once the record is back: a restart would not know of it",
            ) from None

    def hang_up_unwanted(self) -> None:
        """End what rings in a halted campaign, and (again) what somebody wanted ended."""
        halted = {campaign.name for campaign in self.campaigns.values() if campaign.state is CampaignState.HALTED}
        for attempt in self.live:
            if attempt.hang_up_wanted or (attempt.campaign in halted and attempt.state in BEFORE_ANSWER):
                self._hang_up(attempt)
        self.outside.hang_up_ringing(halted)

    @about_the_attempt
    def _hang_up(self, attempt: Attempt) -> None:
        attempt.hang_up_wanted = True
        self.ending.hang_up(attempt.id)

    # -- events change state --------------------------------------------------------------------------

    def on_event(self, event: PbxEvent) -> None:
        """One event of the PBX, in its order."""
        if isinstance(event, events.LegBridged):
            self.listenings.bridged(self.transferring.bridged(event.attempt), event.attempt)
        match event:
            case events.SeatIdle():
                session = self.roster.seat_idle(event.leg)
                if session is None:
                    self.seating.hang_up(event.leg)  # nobody's: the agent left while the phone rang
                self.listenings.call_over(session)
                self.transferring.seat_idle(session)
                self.serve_waiting()
            case events.SpyOn() | events.SpyEnded():
                self.listenings.on_event(event, self.transferring.third_in)
            case events.TrunkReached():
                self.trunks.reached(event.endpoint, reached=event.reached)
            case events.SeatEnded():
                self.transferring.seat_ended(event.leg)
                self.roster.seat_ended(event.leg)
                self._renew()
            case events.OutsideBridged() | events.OutsideEnded():
                self.outside.on_event(event)
            case events.TransferFailed():
                self.transferring.failed(event.attempt)
            case events.InboundArrived() | events.InboundUnserved() | events.CallBackAsked():
                self.receiving.on_event(event)
            case _ if is_inbound(event.attempt):
                self.receiving.on_event(event)
            case _:
                self._on_attempt_event(event)

    def _on_attempt_event(self, event: events.AttemptEvent) -> None:
        attempt = self.live.get(event.attempt)
        if attempt is None:
            if isinstance(event, events.LegCreated):
                log.error("attempt.unknown_leg", attempt=event.attempt)
                self.ending.hang_up(event.attempt)
        elif isinstance(event, events.OptedOut):
            self._closing.forbid(attempt, event.at)
        elif isinstance(event, events.OriginateFailed):
            if not attempt.created:
                self.move(attempt, Signal.REFUSED, event.at)
        else:
            if isinstance(event, events.LegEnded):
                attempt.cause, attempt.sip = event.cause, event.sip
            self.move(attempt, SIGNALS[type(event)], event.at)

    @about_the_attempt
    def move(self, attempt: Attempt, signal: Signal, at: datetime | None = None) -> None:
        """Something happened to an attempt: its table says what follows."""
        before, unanswered = attempt.state, attempt.answered_at is None
        effects = attempt.apply(signal, at or self._clock.now())
        if effects is None:
            self.tally.signal_ignored(before.value, signal.value)
            log.debug("attempt.signal_ignored", attempt=attempt.id, state=before.value, signal=signal.value)
            return
        if signal in FROM_THE_FAR_END:
            self.trunks.heard(attempt)
        if unanswered and attempt.answered_at is not None:
            self.tally.answered(attempt.campaign)
        if attempt.hang_up_wanted and attempt.state in STILL_THERE:
            self._hang_up(attempt)
            if attempt.state in UNBRIDGED:  # answered all the same: nobody is bridged any more, and so it counts
                self.move(attempt, Signal.ABANDONED, at)
                return
        for effect in effects:
            self._follow(attempt, effect, signal)
        self.pacer.moved(attempt, signal, unanswered=unanswered)

    def _fails_over(self, attempt: Attempt, signal: Signal) -> frozenset[str] | None:
        """The trunks that had no way for the case, where it shall be called again at once over another; else None.

        Never on what the debtor, or the debtor's network, answered; and never once the phone rang.
        """
        campaign = self.campaigns.get(attempt.campaign)
        if signal is Signal.WITHDRAWN or attempt.hang_up_wanted or attempt.rang_at or attempt.answered_at:
            return None
        if campaign is None or not campaign.dials or (result := result_of(attempt, signal)) not in FAILS_OVER:
            return None
        if result is Result.CONGESTION and _may_have_rung(attempt, campaign):
            return None
        return self.trunks.another(attempt, campaign.trunks)

    def _follow(self, attempt: Attempt, effect: Effect, signal: Signal) -> None:
        match effect:
            case Effect.OFFER:
                self._answering.offer(attempt)
            case Effect.CONNECT:
                session = self.roster.connect(attempt.id)
                self.listenings.bridged(session)
                self._closing.save(attempt)
                self.tally.bridged(attempt, session)
            case Effect.RELEASE:
                attempt.agent = None
                self.seating.hang_up(self.roster.release(attempt.id))
                self.serve_waiting()
            case Effect.PART:
                if self.outside.whose(attempt.id) is None:  # else the agent has parted already
                    self.roster.part(attempt.id)
                self.wrap_up.end_overdue()
            case Effect.HANG_UP:
                self._hang_up(attempt)
            case Effect.COUNT_ABANDONED:
                self._closing.save(attempt)
                self.tally.abandoned(attempt.campaign)
            case Effect.SETTLE:
                self.transferring.over(attempt.id)
                self.reserving.end(attempt)
                failed_trunks = self._fails_over(attempt, signal)
                planned = self._closing.settle(attempt, signal, again=failed_trunks is not None)
                if failed_trunks is None and attempt.direction is Direction.OUTBOUND:
                    self._closing.learn_later(attempt, planned)
                self.live.drop(attempt)
                intent, stock = attempt.intent, self._stocks.get(attempt.campaign)
                if stock is not None and failed_trunks is not None:
                    for_agent = intent.mode is CallMode.RESERVED
                    stock.put_first(intent.case_id, intent.number, failed_trunks, for_agent=for_agent)
                elif stock is not None:  # a call may outlive its campaign's configuration
                    stock.put_back(intent.case_id)
                if signal is not Signal.WITHDRAWN:  # what was never asked says nothing of the trunk
                    self.trunks.settled(attempt, result_of(attempt, signal))
                self.tally.settled(attempt)
                self.answer_rates.settled(attempt)
                if attempt.abandoned_at is not None:
                    self.ending.purge_marks(attempt.id, self._closing.flush)


def _may_have_rung(attempt: Attempt, campaign: Campaign) -> bool:
    """Whether the network took longer than it takes to ring: some ring to a tone in the audio (183), which nobody tells."""
    if attempt.dialled_at is None or attempt.ended_at is None:
        return False
    return (attempt.ended_at - attempt.dialled_at).total_seconds() > campaign.post_dial_delay_seconds
