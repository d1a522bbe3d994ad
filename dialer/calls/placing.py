"""From a due case to a ringing phone: through the gate, onto the record, then to the PBX."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from dialer.agents.session import Session
from dialer.calls.attempt import Attempt, Signal
from dialer.calls.kinds import kind_of
from dialer.calls.live import LiveAttempts
from dialer.calls.pbx import Pbx
from dialer.calls.reserving import HOLDING, Reserving, demands_agent
from dialer.calls.trunks import Trunks
from dialer.campaigns.asking import intent_for
from dialer.campaigns.campaign import Campaign
from dialer.campaigns.learning import Learning
from dialer.campaigns.selection import numbers_to_try
from dialer.campaigns.timing import by_chance, zone_of
from dialer.campaigns.trunk import Trunk
from dialer.cases.model import DueCase
from dialer.compliance.clearance import Clearance, ClearanceError
from dialer.compliance.gate import Gate
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import CallMode, Intent, Refusal, Verdict
from dialer.kernel.clock import Clock
from dialer.kernel.errors import PbxAwayError, PbxRefusedError, PbxUnsureError
from dialer.kernel.tasks import Tasks

Move = Callable[[Attempt, Signal], None]
"""Tell the flow that something happened to an attempt."""
NO_AGENT = Verdict((Refusal(Reason.NO_AGENT),))
NO_TRUNK = Verdict((Refusal(Reason.NO_TRUNK),))

log = structlog.get_logger(__name__)


class Placing:
    """Places calls, each through its own clearance."""

    def __init__(
        self,
        gate: Gate,
        pbx: Pbx,
        live: LiveAttempts,
        reserving: Reserving,
        trunks: Trunks,
        learning: Learning,
        clock: Clock,
        tasks: Tasks,
        move: Move,
    ) -> None:
        self._gate = gate
        self._pbx = pbx
        self._live = live
        self._reserving = reserving
        self._learning = learning
        self._trunks = trunks
        self._clock = clock
        self._tasks = tasks
        self._move = move

    async def place(self, campaign: Campaign, case: DueCase, mode: CallMode, held: Session | None = None) -> Verdict:
        """Ring the first number of the case that the gate lets through; otherwise why none may be rung.

        held: the agent who is held for the case already; nobody else is held then, and a refusal leaves it so.
        Of several refused numbers the one that is allowed earliest speaks for the case: first of all one that lacks
        nothing but an agent to hold.
        """
        decided = mode is CallMode.PREVIEW
        caller_id = campaign.caller_id_of(case.debtor_id, case.creditor)
        trunk = self._trunks.take(campaign.trunks, caller_id.number, decided=decided, avoid=case.failed_trunks)
        if trunk is None:
            return NO_TRUNK
        placed = False
        try:
            verdict = await self._over(trunk, campaign, case, mode, held)
            placed = verdict.allowed
            return verdict
        finally:
            self._trunks.let_go(trunk, placed=placed)

    async def _over(
        self, trunk: Trunk, campaign: Campaign, case: DueCase, mode: CallMode, held: Session | None
    ) -> Verdict:
        verdicts: list[Verdict] = []
        now, habits = self._clock.now(), self._learning.of(campaign.name)
        for line in numbers_to_try(case, by_chance(case.numbers, now, zone_of(case), habits)):
            intent = replace(intent_for(campaign, case, line.number, self._gate.law.packs, trunk), mode=mode)
            verdict = await self._ring(campaign, case, intent, held)
            if verdict.allowed or Reason.CASE_NOT_OPEN in verdict.reasons:
                return verdict
            verdicts.append(verdict)
        if NO_AGENT in verdicts:
            return NO_AGENT
        known = [verdict for verdict in verdicts if verdict.not_before]
        if known:
            return min(known, key=lambda verdict: verdict.not_before or self._clock.now())
        return verdicts[0] if verdicts else Verdict((Refusal(Reason.NO_NUMBER),))

    async def _ring(self, campaign: Campaign, case: DueCase, intent: Intent, held: Session | None) -> Verdict:
        """Ring in the wished mode, or where the gate demands it with an agent held."""
        if intent.mode not in HOLDING:
            answer = await self._gate.clear(intent)
            if isinstance(answer, Clearance):
                self._dial(campaign, case, answer)
                return Verdict()
            if not self._demands_agent(answer, intent):
                return answer
            intent = replace(intent, mode=CallMode.RESERVED)
        session = held or self._reserving.hold(campaign.name)
        if session is None:
            return NO_AGENT
        try:
            answer = await self._gate.clear(intent)
            if isinstance(answer, Verdict) and self._demands_agent(answer, intent):
                answer = await self._gate.clear(replace(intent, mode=CallMode.RESERVED))
            if isinstance(answer, Verdict):
                return answer
            self._dial(campaign, case, answer, session)
            session = None
            return Verdict()
        finally:
            if held is None and session is not None:
                self._reserving.let_go(session)

    def _demands_agent(self, verdict: Verdict, intent: Intent) -> bool:
        packs = [self._gate.law.packs[name] for name in intent.packs if name in self._gate.law.packs]
        return demands_agent(verdict, packs)

    def _dial(self, campaign: Campaign, case: DueCase, clearance: Clearance, held: Session | None = None) -> None:
        reservation = clearance.reservation
        intent, cleared_at = reservation.intent, reservation.cleared_at
        kind = kind_of(intent, cleared_at)
        attempt = Attempt(reservation.attempt, intent, cleared_at, failed_trunks=case.failed_trunks, kind=kind)
        attempt.recorded = campaign.records_for(case.creditor)
        attempt.stereo = campaign.stereo_for(case.creditor)
        self._live.add(attempt)
        if held is not None:
            self._reserving.promise(held, attempt)
        self._tasks.start("originate", self._originate(campaign, clearance, attempt))

    async def _originate(self, campaign: Campaign, clearance: Clearance, attempt: Attempt) -> None:
        if not campaign.dials or attempt.hang_up_wanted:  # halted while the record was being written, or since
            self._move(attempt, Signal.WITHDRAWN)
            return
        timeout_seconds = campaign.originate_timeout_seconds
        attempt.gives_up_at = self._clock.now() + timedelta(seconds=timeout_seconds)
        self._move(attempt, Signal.SENT)
        try:
            await self._pbx.originate(clearance, timeout_seconds, record=attempt.recorded, stereo=attempt.stereo)
        except (PbxAwayError, ClearanceError):
            self._move(attempt, Signal.WITHDRAWN)
        except PbxRefusedError as error:
            log.warning("attempt.refused_by_pbx", attempt=attempt.id, campaign=attempt.campaign, error=str(error))
            self._move(attempt, Signal.REFUSED)
        except PbxUnsureError:
            self._move(attempt, Signal.UNSURE)
