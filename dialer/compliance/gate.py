"""The only door to a public number."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dialer.compliance.clearance import SEAL, Clearance, Reservation, Treatment
from dialer.compliance.facts import Facts
from dialer.compliance.ledger import Ledger
from dialer.compliance.pack import Pack
from dialer.compliance.reasons import Reason
from dialer.compliance.verdict import Intent, Refusal, Verdict
from dialer.kernel import phone
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError
from dialer.kernel.ids import AttemptId, Ids

CLOCK_TOLERANCE = timedelta(seconds=2)


class Record(Protocol):
    """Where the gate writes an attempt before anybody hears of it."""

    async def open(self, reservation: Reservation) -> None:
        """Return once the attempt is durable. Raises AwayError when it can't be."""


class Gate:
    """Checks every rule of every pack that applies, reserves, records, and only then gives a clearance."""

    def __init__(self, packs: Iterable[Pack], ledger: Ledger, record: Record, clock: Clock, ids: Ids) -> None:
        self._packs = {pack.name: pack for pack in packs}
        self._ledger = ledger
        self._record = record
        self._clock = clock
        self._ids = ids
        self._latest = clock.now()
        self.pbx_ready = False
        """Set while the PBX is up and reconciled: until then nothing is cleared."""

    async def clear(self, intent: Intent) -> Clearance | Verdict:
        """May this call be placed now? A clearance if so, otherwise every reason why not.

        Check and reservation are one step; the attempt is durable before the clearance exists. A record that
        can't be written refuses the call, which still counts as made: nobody knows what was written.
        """
        now = self._clock.now()
        verdict = self._door(now) or self.judge(intent, now)
        if not verdict.allowed:
            return verdict
        reservation = Reservation(self._ids.attempt(now), intent, now)
        self._ledger.reserve(reservation)
        try:
            await self._record.open(reservation)
        except AwayError:
            self._ledger.settle(reservation.attempt, now, counts=True)
            return Verdict((Refusal(Reason.STORE_AWAY),))
        return Clearance(SEAL, reservation, self.treatment(intent.packs))

    def recheck(self, attempt: AttemptId, intent: Intent) -> Verdict:
        """The debtor answered: may the bridge be made? From memory alone, the call's own reservation ignored."""
        return self.judge(intent, self._clock.now(), ignoring=attempt)

    def judge(self, intent: Intent, now: datetime, *, ignoring: AttemptId | None = None) -> Verdict:
        """What every rule says about this call at `now`; reserves nothing.

        `ignoring` names the call's own attempt where it is already ringing: then only the bridge is judged.
        """
        if not phone.is_dialable(intent.number):
            return Verdict((Refusal(Reason.NUMBER_INVALID),))
        facts = self._facts(intent, now, ignoring)
        return Verdict(
            tuple(
                Refusal(refusal.reason, name, refusal.not_before, refusal.facts)
                for name in intent.packs
                for rule in self._packs[name].rule
                if (refusal := rule.check(facts))
            )
        )

    def treatment(self, packs: tuple[str, ...]) -> Treatment:
        """What the packs together demand of an answered call: the earliest deadline, and where one of them
        forbids a recorded message, none.
        """
        rules = [self._packs[name].treatment for name in packs]
        message = all(rule.treatment == "message" for rule in rules)
        return Treatment(
            claim_seconds=min(rule.claim_seconds for rule in rules),
            comfort_noise=any(rule.comfort_noise for rule in rules),
            message=message,
            language=rules[0].language,
        )

    def _door(self, now: datetime) -> Verdict | None:
        if now < self._latest - CLOCK_TOLERANCE:
            return Verdict((Refusal(Reason.CLOCK, not_before=self._latest),))
        self._latest = max(now, self._latest)
        return None if self.pbx_ready else Verdict((Refusal(Reason.PBX_AWAY),))

    def _facts(self, intent: Intent, now: datetime, ignoring: AttemptId | None) -> Facts:
        ledger = self._ledger
        ring = timedelta(seconds=0 if ignoring else intent.ring_max_seconds)
        return Facts(
            now=now,
            rings_until=now + ring,
            zones=_zones(intent.zones),
            debtor_attempts=ledger.debtor_attempts(intent.debtor_id, ignoring=ignoring),
            number_attempts=ledger.number_attempts(intent.number, ignoring=ignoring),
            debtor_in_flight=ledger.debtor_in_flight(intent.debtor_id, ignoring=ignoring),
            number_in_flight=ledger.number_in_flight(intent.number, ignoring=ignoring),
            do_not_call=ledger.do_not_call(intent.number),
        )


def _zones(names: tuple[str, ...]) -> tuple[ZoneInfo, ...]:
    """The zones, or none at all where one of them is not known: then no hour is surely legal."""
    try:
        return tuple(ZoneInfo(name) for name in names)
    except (ZoneInfoNotFoundError, ValueError):
        return ()
