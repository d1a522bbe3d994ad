"""Start is recovery: what the record says, then what the PBX has, and only then is anybody called.

The same path serves a first start, a restart after a crash, and every reconnect to the PBX.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dialer.agents.session import SavedSession, Seat
from dialer.calls import reconcile
from dialer.calls.attempt import Attempt, State
from dialer.calls.pbx import LegState, Pbx, Survey
from dialer.calls.reconcile import MAY_STILL_COME, Asked
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import CampaignState
from dialer.cases.book import CaseBook
from dialer.compliance.entry import Direction
from dialer.compliance.ledger import LedgerAwayError
from dialer.flow import Flow
from dialer.kernel.clock import Clock
from dialer.kernel.ids import AttemptId
from dialer.outcomes.closing import Closing

OVERDUE_AFTER = timedelta(seconds=30)
"""An attempt this long past its own time-out, or a phone called this long ago, has missed an event: the PBX is asked."""

DISCREPANCIES = ("attempt", "unknown_leg", "unknown_seat", "unknown_mark")
"""Where the PBX and we can disagree: how an attempt stands; a leg, a seat, or a mark of the dialplan that nobody knows."""

log = structlog.get_logger(__name__)


class PastRecord(Protocol):
    """What of the record a start needs."""

    async def latest(self) -> datetime | None: ...
    async def unsettled(self) -> list[Attempt]: ...
    async def find(self, ids: Iterable[AttemptId]) -> list[Attempt]: ...


class FloorRecord(Protocol):
    """Who was logged in, and what dialled."""

    async def sessions(self) -> list[SavedSession]: ...
    async def campaign_states(self) -> dict[str, CampaignState]: ...


class Recovery:
    """Loads the record once, and reconciles it with the PBX after every connect."""

    def __init__(
        self,
        flow: Flow,
        pbx: Pbx,
        load_ledger: Callable[[], Awaitable[None]],
        closing: Closing,
        past: PastRecord,
        book: CaseBook,
        floor: FloorRecord,
        clock: Clock,
    ) -> None:
        self._flow = flow
        self._pbx = pbx
        self._load_ledger = load_ledger
        self._closing = closing
        self._past = past
        self._book = book
        self._floor = floor
        self._clock = clock
        self._asked_at = clock.now() - OVERDUE_AFTER
        self.discrepancies = Counter(dict.fromkeys(DISCREPANCIES, 0))
        """What reconciliations mended, since the start."""

    async def load(self) -> None:
        """Everything that the record knows of the past, of calls under way, of sessions and campaigns."""
        await self._load_ledger()
        if latest := await self._past.latest():
            self._flow.gate.remember(latest)
        talks: list[tuple[str, AttemptId]] = []  # who left a call to somebody outside may be on another
        for attempt in await self._past.unsettled():
            if attempt.state is State.TALKING and attempt.agent:
                talks.append((attempt.agent, attempt.id))
            elif attempt.state is not State.ABANDONED:
                attempt.state = State.UNCERTAIN
            await self._adopt(attempt)
            self._flow.live.add(attempt)
        sessions = await self._floor.sessions()
        wrapping = [saved.wrapping for saved in sessions if saved.wrapping]
        talks += await self._flow.receiving.load(wrapping, self._past.find)
        self._flow.wrap_up.recall(await self._past.find([*wrapping, *(attempt for _, attempt in talks)]))
        left = await self._flow.outside.load(self._flow.live.get)
        talking = {agent: attempt for agent, attempt in talks if attempt not in left}
        for saved in sessions:
            self._flow.roster.adopt(saved, talking=talking.get(saved.agent))
        await self._flow.listenings.load()
        for name, state in (await self._floor.campaign_states()).items():
            if name in self._flow.campaigns:
                self._flow.campaigns[name].state = state

    async def _adopt(self, attempt: Attempt) -> None:
        """A call that was under way: if it is answered now, the gate is asked about it as it stands now."""
        campaign = self._flow.campaigns.get(attempt.campaign)
        if campaign is not None:
            case = await self._book.case(attempt.intent.case_id)
            was = attempt.intent
            trunk = self._flow.trunks.get(was.trunk)
            asked = intent_for(campaign, case, was.number, self._flow.gate.law.packs, trunk)
            attempt.intent = replace(asked, packs=was.packs, mode=was.mode, trunk=was.trunk, caller_id=was.caller_id)
        try:
            await self._flow.gate.adopt(attempt.id, attempt.intent)
        except LedgerAwayError:
            log.warning("attempt.adopted_blind", attempt=attempt.id, campaign=attempt.campaign)

    async def reconcile(self) -> None:
        """Ask the PBX what there is and mend what we believed. Only then may the gate clear calls.

        Raises PbxAwayError, PbxUnsureError, PbxRefusedError, AwayError.
        """
        self._flow.gate.pbx_ready = False
        live = self._flow.live
        self._asked_at = self._clock.now()
        asked = Asked(
            at=self._asked_at,
            attempts={attempt.id: attempt.changes for attempt in live},
            inbound=self._flow.receiving.changes(),
            seats={leg: session.seat_changes for leg, session in self._flow.roster.seats().items()},
        )
        listened, outside = self._flow.listenings.legs(), self._flow.outside.legs()
        survey = await self._pbx.survey()
        up = {leg: one.state is LegState.OTHER for leg, one in survey.spies.items()}
        self._mend_seats(survey, asked)
        self._flow.listenings.reconcile(up, listened, survey.at)
        under_way = {attempt.id for attempt in live}
        ours = [attempt for attempt in live if attempt.direction is Direction.OUTBOUND]
        for finding in list(reconcile.findings(ours, survey, asked)):
            self.discrepancies["attempt"] += 1
            log.info("attempt.reconciled", attempt=finding.attempt.id, signal=finding.signal.value)
            self._flow.move(finding.attempt, finding.signal, finding.at)
        self._flow.hang_up_unwanted()
        self._flow.outside.reconcile(survey, outside, live.get)
        for attempt_id, leg in survey.attempts.items():
            third = self._flow.transferring.found(attempt_id, leg, survey)
            self._flow.listenings.bridged(third, attempt_id)
        on_record = await self._flow.receiving.on_record(survey)
        self._flow.receiving.reconcile(survey, asked.inbound, on_record)
        await self._count_marks(survey, under_way)
        for stranger in set(survey.attempts) - under_way - set(asked.attempts) - set(survey.inbound):
            self.discrepancies["unknown_leg"] += 1
            log.error("attempt.unknown_leg", attempt=stranger)
            self._flow.ending.hang_up(stranger)
        self._flow.gate.pbx_ready = True

    @property
    def overdue(self) -> bool:
        """Whether some attempt or seat has missed its end, or the PBX's word couldn't be used or didn't come, and it wasn't
        asked lately.
        """
        now = self._clock.now()
        if now - self._asked_at <= OVERDUE_AFTER:
            return False
        waits = [
            attempt.gives_up_at or attempt.cleared_at
            for attempt in self._flow.live
            if attempt.state not in (State.TALKING, State.CLEARED)
        ]
        waits += [
            session.seat_called_at
            for session in self._flow.roster
            if session.seat is Seat.CALLING and session.seat_called_at is not None
        ]
        waits += self._flow.listenings.awaited() + self._flow.outside.awaited()
        unsure = not self._flow.gate.pbx_ready or self._flow.transferring.unsure
        return unsure or any(now - since > OVERDUE_AFTER for since in waits)

    def _mend_seats(self, survey: Survey, asked: Asked) -> None:
        roster = self._flow.roster
        by_bridge = {leg.bridge: attempt for attempt, leg in survey.attempts.items() if leg.bridge}
        for leg_id, session in roster.seats().items():
            if asked.seats.get(leg_id) != session.seat_changes:
                continue
            leg = survey.seats.get(leg_id)
            if leg is None:
                called_at = session.seat_called_at if session.seat is Seat.CALLING else None
                if called_at is None or asked.at - called_at >= MAY_STILL_COME:
                    roster.seat_ended(leg_id)
            elif leg.state is LegState.WAITING:
                roster.seat_idle(leg_id)
            elif leg.state is LegState.BRIDGED and (debtor := by_bridge.get(leg.bridge)) is not None:
                holder = roster.of_attempt(debtor)
                if holder is not None and holder is not session and holder.leg is not None:
                    theirs = survey.seats.get(holder.leg)
                    if theirs is not None and theirs.bridge == leg.bridge:
                        continue  # three on one line, and the call is the other agent's
                self._flow.listenings.bridged(roster.adopt_talk(leg_id, debtor))
                if attempt := self._flow.live.get(debtor):
                    attempt.agent = session.agent
        for stranger in set(survey.seats) - set(roster.seats()) - set(asked.seats):
            if survey.seats[stranger].state is not LegState.BRIDGED:  # a talk is left alone: its seat is idle soon
                self.discrepancies["unknown_seat"] += 1
                log.warning("seat.unknown_leg", leg=stranger)
                self._flow.seating.hang_up(stranger)

    async def _count_marks(self, survey: Survey, under_way: set[AttemptId]) -> None:
        """The dialplan's marks of calls that the record believed over: corrected, then forgotten by the PBX.

        Those of calls that were under way are counted, and forgotten at their end, by the flow.
        """
        marked = set(survey.abandoned) | set(survey.opted_out)
        if marked:
            await self._closing.flush()  # some ended while the PBX was asked
        attempts = {attempt.id: attempt for attempt in await self._past.find(marked)}
        for attempt_id in marked:
            attempt = attempts.get(attempt_id)
            if attempt is None:
                self.discrepancies["unknown_mark"] += 1
                log.error("mark.unknown_attempt", attempt=attempt_id)
                continue
            if attempt_id in survey.opted_out:
                self._closing.forbid(attempt, survey.opted_out[attempt_id])
            if attempt_id in under_way:
                continue
            if attempt.abandoned_at is None and attempt_id in survey.abandoned:
                self._closing.correct_abandoned(attempt, survey.abandoned[attempt_id])
            self._flow.ending.purge_marks(attempt_id, self._closing.flush)
