"""Calls that come in: who it is, an agent at once or after a wait, and otherwise a call back.

A debtor's own call is never refused by the gate: the agent sees what stands about the case. It is no attempt of ours;
the conversation counts in the ledger as an inbound contact, and what the packs make of that is theirs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import phonenumbers
import structlog

from dialer.agents.roster import AgentError, Roster
from dialer.agents.seating import Seating
from dialer.agents.session import Session, Work
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.ending import Ending
from dialer.calls.inbound import (
    InboundCall,
    InboundEffect,
    InboundRecord,
    InboundResult,
    InboundSignal,
    InboundState,
    KnownCaller,
    Whose,
    talk_of,
)
from dialer.calls.live import LiveAttempts
from dialer.calls.pbx import InboundMark, LegState, Pbx, Survey, TurnAway
from dialer.calls.reconcile import MAY_STILL_COME
from dialer.calls.recording import Recordings
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import Campaign
from dialer.cases.book import CaseBook
from dialer.cases.model import AGREED, CaseState
from dialer.compliance.clearance import Reservation
from dialer.compliance.entry import Direction
from dialer.compliance.gate import Gate, entry_of
from dialer.compliance.verdict import CallMode
from dialer.kernel import events, phone
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, PbxAwayError, PbxRefusedError, PbxUnsureError, UnknownNameError
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.kernel.tasks import Tasks

RECENT = timedelta(minutes=5)
"""Over which the rate is taken at which calls come in."""
ASKED_AGAIN_SECONDS = 5.0
"""After which a store that was away is asked again for what a call back needs."""
PROMISED = timedelta(days=1)
"""So long after a caller asked for a call back that isn't planned, a start plans it."""
MOST_ASKED = 8
"""How often the gate is asked for the next instant at which a call back is legal."""

log = structlog.get_logger(__name__)
_SIGNALS: Mapping[type, InboundSignal] = {
    events.LegBridged: InboundSignal.BRIDGED,
    events.ClaimFailed: InboundSignal.CLAIM_FAILED,
    events.AgentLeft: InboundSignal.AGENT_LEFT,
    events.InboundUnserved: InboundSignal.TURNED_AWAY,
    events.LegEnded: InboundSignal.HUNG_UP,
}
_TOLD = {
    InboundResult.CLOSED: TurnAway.CALL_BACK,
    InboundResult.NOT_OURS: TurnAway.NOT_OURS,
}


class Around(Protocol):
    """What of the flow a call that comes in needs."""

    stopping: bool

    def move(self, attempt: Attempt, signal: Signal, at: datetime | None = None) -> None: ...
    def serve_waiting(self) -> None: ...
    def caller_bridged(self, session: Session) -> None:
        """The agent and who rang us hear each other."""

    def received(self, call: InboundCall, attempt: Attempt | None) -> None:
        """It is over; attempt: a conversation whose case was said only now."""


class Receiving:
    """Every call that came in and isn't over, and those that an agent still writes up."""

    def __init__(
        self,
        around: Around,
        campaigns: Mapping[str, Campaign],
        record: InboundRecord,
        book: CaseBook,
        gate: Gate,
        pbx: Pbx,
        roster: Roster,
        seating: Seating,
        live: LiveAttempts,
        ending: Ending,
        recordings: Recordings,
        clock: Clock,
        tasks: Tasks,
    ) -> None:
        self._recordings = recordings
        self._around, self._campaigns, self._record, self._book = around, campaigns, record, book
        self._gate, self._pbx, self._roster, self._seating = gate, pbx, roster, seating
        self._live, self._ending, self._clock, self._tasks = live, ending, clock, tasks
        self._calls: dict[AttemptId, InboundCall] = {}
        self._arrived: list[tuple[datetime, str]] = []
        self._connecting: set[AttemptId] = set()
        """Claimed, and the PBX isn't asked yet to send them to the seat: there they still wait."""

    def __iter__(self) -> Iterator[InboundCall]:
        """Those that aren't over."""
        return (call for call in self._calls.values() if call.state is not InboundState.ENDED)

    def get(self, id_: AttemptId | None) -> InboundCall | None:
        """The call, also when it is over and an agent writes it up."""
        return None if id_ is None else self._calls.get(id_)

    # -- what pacing sees coming ----------------------------------------------------------------------

    def waiting(self, campaign: str) -> int:
        """How many of the campaign's callers have no agent yet, and will take the next ones."""
        without = (InboundState.ARRIVED, InboundState.WAITING)
        return sum(call.campaign == campaign and call.state in without for call in self)

    def per_second(self, campaign: str) -> float:
        """How many came in lately."""
        now = self._clock.now()
        self._arrived = [(at, name) for at, name in self._arrived if now - at < RECENT]
        return sum(name == campaign for _, name in self._arrived) / RECENT.total_seconds()

    # -- the call -------------------------------------------------------------------------------------

    def on_event(self, event: events.AttemptEvent | events.InboundEvent) -> None:
        """One event of the PBX about a call that came in."""
        if isinstance(event, events.InboundArrived):
            if event.attempt not in self._calls:
                self._arrive(InboundCall(event.attempt, event.called, None, event.at), event.caller)
            return
        call = self._calls.get(event.attempt)
        if call is None:
            log.warning("inbound.unknown", call=event.attempt)  # its mark is found at the next reconciliation
        elif isinstance(event, events.CallBackAsked):
            self._ask_call_back(call, event.at)
        elif type(event) in _SIGNALS:
            self._apply(call, _SIGNALS[type(event)], event.at)

    def serve(self) -> None:
        """An agent became free: who waits longest comes first, before our own answered calls."""
        for call in sorted(self, key=lambda call: call.arrived_at):
            if call.state is InboundState.WAITING:
                self._claim(call)

    def tick(self) -> None:
        """Forget what is over and written up."""
        for call in list(self._calls.values()):
            if call.state is InboundState.ENDED and self._roster.of_attempt(call.id) is None:
                del self._calls[call.id]

    def hang_up(self, agent: str) -> bool:
        """The agent ends such a call; False where the agent is on none."""
        call = self.get(self._roster.session(agent).attempt)
        if call is None or call.state is not InboundState.TALKING:
            return False
        self._ending.hang_up(call.id)
        return True

    def handed_over(self, talk: Attempt) -> None:
        """Another agent has the call now, or was found to have it."""
        call = self._calls.get(talk.id)
        if call is not None and call.agent != talk.agent:
            call.agent = talk.agent
            self._save(call)

    def anonymous(self, id_: AttemptId | None) -> bool:
        """Whether it is a call that came in and nobody said whom it is about: there is nothing to write up."""
        call = self.get(id_)
        return call is not None and call.case_id is None

    async def identify(self, agent: str, case_id: int) -> None:
        """The agent asked, and says whose call it is. Raises AgentError, UnknownNameError, AwayError."""
        session = self._roster.session(agent)
        call = self.get(session.attempt)
        if call is None:
            raise AgentError(f"{agent} is on no call that came in")
        if call.case_id is not None:
            raise AgentError(f"{agent}'s call is about case {call.case_id}", "write up that one")
        try:
            theirs = await self._book.campaign_of(case_id) in session.campaigns
            found = await self._whose(call, case_id) if theirs else None
        except LookupError:
            found = None
        if found is None:  # one that isn't theirs to see is none, too
            raise UnknownNameError(f"there is no case {case_id}", "name one that is shown, or search for it")
        if call.case_id is None:
            call.is_about(found)
            self._save(call)
            if call.bridged_at is not None:
                self._begin_talk(call)
            if call.state is InboundState.TALKING:
                self._around.caller_bridged(session)

    def _arrive(self, call: InboundCall, caller: str) -> None:
        self._calls[call.id] = call
        self._name(call, caller)
        if call.campaign:
            self._arrived.append((call.arrived_at, call.campaign))
        self._save(call)
        self._tasks.start("receive", self._take(call))

    def _name(self, call: InboundCall, caller: str) -> None:
        """Which campaign's number was rung, and from which number."""
        call.recorded = self._may_record()
        for campaign in self._campaigns.values():
            for own in campaign.shown_numbers:
                region = phone.region_of(phonenumbers.parse(own)) or "ZZ"
                if phone.received(call.called, region) == own:
                    call.campaign, call.called, call.stereo = campaign.name, own, campaign.stereo
                    call.caller = phone.received(caller, region) if caller else None
                    return

    def _may_record(self) -> bool:
        return any(campaign.may_record for campaign in self._campaigns.values())

    async def _take(self, call: InboundCall) -> None:
        if not call.campaign:
            self._turn_away(call, InboundResult.NOT_OURS)
            return
        if call.caller is not None and call.case_id is None:
            await self._find(call, call.caller)
        if call.state is InboundState.ARRIVED:
            self._find_agent(call)

    async def _find(self, call: InboundCall, caller: PhoneNumber) -> None:
        """Who has this number; where it is one case, it is that one, otherwise the agent asks."""
        try:
            await self._look_up(call, caller, self._shared(call.campaign))
        except (AwayError, LookupError) as error:
            log.warning("inbound.not_found", call=call.id, error=type(error).__name__)
        self._save(call)

    def _shared(self, campaign: str) -> frozenset[str]:
        """The campaigns that everybody works who may get the campaign's callers: of no other one is a case shown."""
        theirs = [session.campaigns for session in self._roster if campaign in session.campaigns]
        return frozenset.intersection(*theirs) if theirs else frozenset()

    async def _look_up(self, call: InboundCall, caller: PhoneNumber, campaigns: Collection[str] | None = None) -> None:
        """campaigns: None: all, as no agent sees whose case it is."""
        known = await self._record.known_callers(caller)
        if campaigns is not None:
            known = [one for one in known if one.campaign == call.campaign or one.campaign in campaigns]
        here = [one for one in known if one.campaign == call.campaign] or known
        talked = [one for one in here if one.talked_at is not None]
        call.wanted_agent = max(talked, key=_talked_at).agent if talked else None
        call.candidates = tuple(one.case_id for one in here)
        if len(here) == 1:
            call.is_about(await self._whose(call, here[0].case_id))

    def _find_agent(self, call: InboundCall) -> None:
        """A free agent, or the wait for what is left of its time, or nobody."""
        if self._claim(call):
            return
        at_work = (session for session in self._roster if session.work is not Work.OFFLINE)
        if self._around.stopping or not any(call.campaign in session.campaigns for session in at_work):
            self._turn_away(call, InboundResult.CLOSED)
            return
        waited = (self._clock.now() - call.arrived_at).total_seconds()
        left_seconds = max(0.0, self._campaigns[call.campaign].inbound_wait_seconds - waited)
        self._apply(call, InboundSignal.HELD)
        self._tasks.start("hold", self._ask(call, self._pbx.hold(call.id, left_seconds)))

    def _claim(self, call: InboundCall) -> bool:
        session = self._roster.hold(call.campaign, wanted=call.wanted_agent)
        if session is None:
            return False
        self._roster.promise(session, call.id)
        call.agent = session.agent
        self._apply(call, InboundSignal.CLAIMED)
        self._connecting.add(call.id)
        self._tasks.start("connect", self._connect(call, session))
        return True

    async def _connect(self, call: InboundCall, session: Session) -> None:
        """Nothing here waits for the record before the caller is on the way: the dialplan waits no longer than 2 s."""
        held = await self._recordings.record_caller(call)
        try:
            if call.state is InboundState.CLAIMED and self._roster.of_attempt(call.id) is session:
                await self._pbx.connect(call.id, session.seat_number)
        except (PbxRefusedError, PbxAwayError):
            self._apply(call, InboundSignal.CLAIM_REFUSED)
        except PbxUnsureError:
            log.warning("inbound.connect_unacknowledged", call=call.id)
        call.changes += 1  # a survey from before says nothing of where it is now
        self._connecting.discard(call.id)
        if held:
            await self._recordings.put_held(call.id)
            self._hear(call)  # it may have been said already whose case it is

    def _turn_away(self, call: InboundCall, why: InboundResult) -> None:
        call.why = why
        self._save(call)
        self._tasks.start("turn away", self._ask(call, self._pbx.turn_away(call.id, _TOLD[why])))

    async def _ask(self, call: InboundCall, asked: Coroutine[object, object, None]) -> None:
        """What the PBX doesn't do now the dialplan does by itself: it offers a call back."""
        try:
            await asked
        except (PbxRefusedError, PbxAwayError, PbxUnsureError) as error:
            log.warning("inbound.not_told", call=call.id, error=type(error).__name__)

    def _apply(self, call: InboundCall, signal: InboundSignal, at: datetime | None = None) -> None:
        before, at = call.state, at or self._clock.now()
        effects = call.apply(signal, at)
        if effects is None:
            log.debug("inbound.signal_ignored", call=call.id, state=before.value, signal=signal.value)
            return
        for effect in effects:
            self._follow(call, effect, signal, at)
        self._save(call)

    def _follow(self, call: InboundCall, effect: InboundEffect, signal: InboundSignal, at: datetime) -> None:
        match effect:
            case InboundEffect.SERVE:
                self._find_agent(call)
            case InboundEffect.CONNECT:
                connected = self._roster.connect(call.id)
                session = connected or self._roster.of_attempt(call.id)
                call.agent = session.agent if session else call.agent
                if call.case_id is not None:
                    self._begin_talk(call)
                if connected:
                    self._around.caller_bridged(connected)
            case InboundEffect.RELEASE:
                call.agent = None
                self._seating.hang_up(self._roster.release(call.id))
                if signal is not InboundSignal.CLAIM_FAILED:  # else it is served itself first
                    self._around.serve_waiting()
            case InboundEffect.PART:
                talk = self._live.get(call.id)
                if talk is None:
                    self._roster.part(call.id)
                else:
                    self._around.move(talk, _ENDS[signal], at)
            case InboundEffect.HANG_UP:
                self._ending.hang_up(call.id)
            case InboundEffect.SETTLE:
                self._around.received(call, None)
                self._save(call)
                self._ending.purge_marks(call.id, self._record.flush)

    def _begin_talk(self, call: InboundCall) -> None:
        """An agent and somebody with a case talk, or talked: it counts from now on."""
        talk = talk_of(call)
        if call.ended_at is not None:
            self._around.received(call, talk)
            return
        self._live.add(talk)
        self._hear(call)
        began = entry_of(Reservation(call.id, talk.intent, call.arrived_at))
        self._gate.put(replace(began, number=talk.intent.number or None, direction=Direction.INBOUND))

    def _hear(self, call: InboundCall) -> None:
        """What was held only because nobody knew whose case it is need be held no longer."""
        if (talk := self._live.get(call.id)) is not None:
            self._tasks.start("identified", self._recordings.identified(talk, call.agent or ""))

    async def _whose(self, call: InboundCall, case_id: int) -> Whose:
        """What follows from the case. Raises LookupError, AwayError."""
        case = await self._book.case(case_id)
        its_own = await self._book.campaign_of(case_id)
        campaign = self._campaigns.get(its_own) or self._campaigns[call.campaign]
        number = call.caller or next((line.number for line in case.numbers), campaign.caller_id)
        intent = intent_for(campaign, case, number, self._gate.law.packs)
        # an agent is there from the first word on; nothing of ours was presented, and no trunk was chosen
        theirs = call.caller or PhoneNumber("")
        intent = replace(intent, number=theirs, mode=CallMode.RESERVED, caller_id=None, trunk="")
        return Whose(case_id, intent, campaign.records_for(case.creditor), campaign.stereo_for(case.creditor))

    def _save(self, call: InboundCall) -> None:
        self._record.save_inbound(call)

    # -- calling back ---------------------------------------------------------------------------------

    def _ask_call_back(self, call: InboundCall, at: datetime) -> None:
        if call.call_back_at is None:
            call.call_back_at = at
            call.changes += 1
            self._save(call)
            self._tasks.start("call back", self._plan_call_back(call))

    async def _plan_call_back(self, call: InboundCall) -> None:
        """The case is due at the first instant that the gate foresees as legal, which is asked for until the store answers;
        where nobody knows whose call it was, the request stands in the report alone.
        """
        while True:
            try:
                if call.caller is not None and call.case_id is None and call.campaign:
                    await self._look_up(call, call.caller)
                if call.case_id is None or call.intent is None:
                    break
                call.call_back_due_at = await self._legal_from(call)
                break
            except LookupError:
                log.warning("inbound.case_lost", call=call.id)
                break
            except AwayError:
                log.warning("inbound.call_back_kept", call=call.id)
                await asyncio.sleep(ASKED_AGAIN_SECONDS)
        if call.case_id is not None and call.call_back_due_at is not None:
            why = f"{AGREED}: the debtor rang and asked for it"
            self._book.schedule(call.case_id, call.call_back_due_at, CaseState.OPEN, why, call.caller)
        self._save(call)

    async def _legal_from(self, call: InboundCall) -> datetime | None:
        """The first instant at which the caller may be called back; None: none is known."""
        assert call.case_id is not None
        assert call.intent is not None
        case = await self._book.case(call.case_id)
        campaign = self._campaigns.get(call.intent.campaign)
        numbers = [line.number for line in case.numbers]
        number = call.caller if call.caller in numbers else next(iter(numbers), None)
        if campaign is None or number is None:
            return None
        intent = replace(intent_for(campaign, case, number, self._gate.law.packs), mode=CallMode.RESERVED)
        at: datetime | None = self._clock.now()
        for _ in range(MOST_ASKED):
            if at is None:
                return None
            verdict = await self._gate.foresee(intent, at)
            if verdict.allowed:
                return at
            at = verdict.not_before
        return None

    # -- start and reconnect --------------------------------------------------------------------------

    async def load(
        self,
        wrapping: Collection[AttemptId],
        find: Callable[[Collection[AttemptId]], Awaitable[list[Attempt]]],
    ) -> list[tuple[str, AttemptId]]:
        """What the record knows of calls that aren't over, and of those written up; who talks. Raises AwayError.

        find: conversations on record, with what was said of them.
        """
        talking = []
        for call in await self._record.unsettled_inbound(wrapping, self._clock.now() - PROMISED):
            self._calls[call.id] = call
            if not await self._restore(call):
                continue
            if call.call_back_at is not None and call.call_back_due_at is None and call.caller is not None:
                self._tasks.start("call back", self._plan_call_back(call))
            if call.state is InboundState.TALKING:
                if call.agent:
                    talking.append((call.agent, call.id))
                if call.intent is not None:
                    for talk in await find([call.id]):
                        self._live.add(replace(talk, intent=call.intent, recorded=call.recorded))
            elif call.state in (InboundState.WAITING, InboundState.CLAIMED):
                call.state = InboundState.ARRIVED  # what the PBX has decides
        return talking

    async def _restore(self, call: InboundCall) -> bool:
        """What isn't on record of it; False where its case is gone. Raises AwayError."""
        call.recorded = self._may_record()
        if call.case_id is not None:
            try:
                call.is_about(await self._whose(call, call.case_id))
            except (LookupError, KeyError):  # its campaign is gone
                log.warning("inbound.case_lost", call=call.id)
                return False
        return True

    def changes(self) -> dict[AttemptId, int]:
        """How often each had moved: tells whether something happened since one asked."""
        return {id_: call.changes for id_, call in self._calls.items()}

    async def on_record(self, survey: Survey) -> dict[AttemptId, InboundCall]:
        """What the record has of the calls that the PBX has a mark of, those too that are over. Raises AwayError."""
        if not survey.inbound:
            return {}
        await self._record.flush()
        found = {call.id: call for call in await self._record.unsettled_inbound(survey.inbound, survey.at)}
        for call in found.values():
            await self._restore(call)
        return found

    def reconcile(
        self, survey: Survey, asked: Mapping[AttemptId, int], on_record: Mapping[AttemptId, InboundCall]
    ) -> None:
        """What came in, waited or ended while nobody listened."""
        for id_, mark in survey.inbound.items():
            call = self._calls.get(id_)
            if call is None and id_ in asked:
                continue  # it ended meanwhile, and is forgotten here
            if call is None and id_ in on_record:
                call = self._calls[id_] = on_record[id_]
            elif call is None:
                leg = survey.attempts.get(id_)
                if leg is None and mark.ended_at is None and survey.at - mark.arrived_at < MAY_STILL_COME:
                    continue  # it came while the PBX was asked: its event says so
                call = self._adopt(id_, mark)
            elif asked.get(id_) != call.changes:
                continue
            self._mend(call, mark, survey)
        for id_, call in list(self._calls.items()):
            if id_ not in survey.inbound and id_ not in survey.attempts and asked.get(id_) == call.changes:
                self._apply(call, InboundSignal.VANISHED, survey.at)

    def _adopt(self, id_: AttemptId, mark: InboundMark) -> InboundCall:
        call = InboundCall(id_, mark.called, None, mark.arrived_at)
        self._calls[id_] = call
        self._name(call, mark.caller)
        self._save(call)
        return call

    def _mend(self, call: InboundCall, mark: InboundMark, survey: Survey) -> None:
        leg = survey.attempts.get(call.id)
        if mark.call_back_at is not None:
            self._ask_call_back(call, mark.call_back_at)
        told = leg is None or leg.state is LegState.OTHER
        if told and call.state is InboundState.ARRIVED and call.why is None:
            call.why = InboundResult.AWAY if call.campaign else InboundResult.NOT_OURS
        if leg is None:
            if call.state is InboundState.ENDED:
                self._ending.purge_marks(call.id, self._record.flush)
                return
            if call.campaign and call.caller is not None and call.case_id is None and mark.call_back_at is None:
                self._tasks.start("find", self._find(call, call.caller))  # the case's history tells of it
            signal = InboundSignal.HUNG_UP if mark.ended_at else InboundSignal.VANISHED
            self._apply(call, signal, mark.ended_at or survey.at)
        elif leg.state is LegState.BRIDGED:
            if (talk := self._live.get(call.id)) is not None:
                self.handed_over(talk)
                self._hear(call)
            self._apply(call, InboundSignal.BRIDGED, survey.at)
        elif leg.state in (LegState.HELD, LegState.MOVING):
            pass  # two agents speak, or did: whoever transfers knows, and otherwise the dialplan brings the caller back
        elif leg.state is LegState.WAITING:
            if call.state is InboundState.ARRIVED:
                self._tasks.start("receive", self._take(call))
            elif call.id not in self._connecting:
                self._apply(call, InboundSignal.CLAIM_FAILED, survey.at)
        elif call.state is InboundState.TALKING:
            self._apply(call, InboundSignal.AGENT_LEFT, survey.at)
        elif call.state is not InboundState.CLAIMED:  # else it is on its way to the seat
            self._apply(call, InboundSignal.TURNED_AWAY, survey.at)


_ENDS = {InboundSignal.HUNG_UP: Signal.HUNG_UP, InboundSignal.VANISHED: Signal.VANISHED}


def _talked_at(known: KnownCaller) -> datetime:
    assert known.talked_at is not None
    return known.talked_at
