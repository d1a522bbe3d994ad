"""Start is recovery: what the record says, then what the PBX has, and only then is anybody called.

The same path serves a first start, a restart after a crash, and every reconnect to the PBX.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from dialer.agents.session import SavedSession
from dialer.calls import reconcile
from dialer.calls.attempt import Attempt, State
from dialer.calls.pbx import LegState, Pbx, Survey
from dialer.campaigns.campaign import CampaignState
from dialer.compliance import ledger
from dialer.compliance.ledger import Ledger, PastAttempt
from dialer.flow import Flow
from dialer.kernel.clock import Clock
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.closing import Closing

OVERDUE_AFTER = timedelta(seconds=30)
"""An attempt this long past its own time-out has missed an event: the PBX is asked."""

log = structlog.get_logger(__name__)


class PastRecord(Protocol):
    """What of the record a start needs."""

    async def past(self, since: datetime) -> list[PastAttempt]: ...
    async def do_not_call(self) -> list[PhoneNumber]: ...
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
        counts: Ledger,
        closing: Closing,
        past: PastRecord,
        floor: FloorRecord,
        clock: Clock,
    ) -> None:
        self._flow = flow
        self._pbx = pbx
        self._ledger = counts
        self._closing = closing
        self._past = past
        self._floor = floor
        self._clock = clock
        self._asked_at = clock.now() - OVERDUE_AFTER

    async def load(self) -> None:
        """Everything that the record knows of the past, of calls under way, of sessions and campaigns."""
        now = self._clock.now()
        self._ledger.load(await self._past.past(now - ledger.WINDOW), await self._past.do_not_call())
        talking: dict[str, AttemptId] = {}
        for attempt in await self._past.unsettled():
            if attempt.state is State.TALKING and attempt.agent:
                talking[attempt.agent] = attempt.id
            elif attempt.state is not State.ABANDONED:
                attempt.state = State.UNCERTAIN
            self._flow.live.add(attempt)
        for saved in await self._floor.sessions():
            self._flow.roster.adopt(saved, talking=talking.get(saved.agent))
        for name, state in (await self._floor.campaign_states()).items():
            if name in self._flow.campaigns:
                self._flow.campaigns[name].state = state

    async def reconcile(self) -> None:
        """Ask the PBX what there is and mend what we believed. Only then may the gate clear calls.

        Raises PbxAwayError, PbxUnsureError, PbxRefusedError, AwayError.
        """
        self._flow.gate.pbx_ready = False
        self._asked_at = self._clock.now()
        survey = await self._pbx.survey()
        self._mend_seats(survey)
        under_way = {attempt.id for attempt in self._flow.live}
        for finding in list(reconcile.findings(list(self._flow.live), survey)):
            log.info("attempt.reconciled", attempt=finding.attempt.id, signal=finding.signal.value)
            self._flow.move(finding.attempt, finding.signal, finding.at)
        self._flow.hang_up_unwanted()
        await self._count_marks(survey, under_way)
        for stranger in set(survey.attempts) - under_way:
            log.error("attempt.unknown_leg", attempt=stranger)
            self._flow.ending.hang_up(stranger)
        self._flow.gate.pbx_ready = True

    @property
    def overdue(self) -> bool:
        """Whether some attempt has missed its end, and the PBX wasn't asked lately."""
        now = self._clock.now()
        return now - self._asked_at > OVERDUE_AFTER and any(
            attempt.state not in (State.TALKING, State.CLEARED)
            and now - (attempt.gives_up_at or attempt.cleared_at) > OVERDUE_AFTER
            for attempt in self._flow.live
        )

    def _mend_seats(self, survey: Survey) -> None:
        roster = self._flow.roster
        for missing in roster.legs() - set(survey.seats):
            roster.seat_ended(missing)
        by_bridge = {leg.bridge: attempt for attempt, leg in survey.attempts.items() if leg.bridge}
        for leg_id, leg in survey.seats.items():
            if leg.state is LegState.WAITING and roster.seat_idle(leg_id) is None:
                log.warning("seat.unknown_leg", leg=leg_id)
                self._flow.seating.hang_up(leg_id)
            debtor = by_bridge.get(leg.bridge)
            if leg.state is LegState.BRIDGED and debtor is not None:
                session = roster.adopt_talk(leg_id, debtor)
                attempt = self._flow.live.get(debtor)
                if session is not None and attempt is not None:
                    attempt.agent = session.agent

    async def _count_marks(self, survey: Survey, under_way: set[AttemptId]) -> None:
        """The dialplan's marks of calls that the record believed over: corrected, then forgotten by the PBX.

        Those of calls that were under way are counted, and forgotten at their end, by the flow.
        """
        marked = set(survey.abandoned) | set(survey.opted_out)
        attempts = {attempt.id: attempt for attempt in await self._past.find(marked)}
        for attempt_id in marked:
            attempt = attempts.get(attempt_id)
            if attempt is None:
                log.error("mark.unknown_attempt", attempt=attempt_id)
                continue
            if attempt_id in survey.opted_out:
                self._closing.forbid(attempt, survey.opted_out[attempt_id], "pressed the key")
            if attempt_id in under_way:
                continue
            if attempt.abandoned_at is None and attempt_id in survey.abandoned:
                self._closing.correct_abandoned(attempt, survey.abandoned[attempt_id])
            self._flow.ending.purge_marks(attempt_id, self._closing.flush)
