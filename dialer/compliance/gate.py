"""The only door to a public number."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from dialer.compliance.calendars import Calendars
from dialer.compliance.clearance import SEAL, Clearance, OutsideClearance, Reservation, Treatment
from dialer.compliance.entry import EVENTS, Agreement, Blackout, Consent, Entry, EntryResult, Flag, Line
from dialer.compliance.facts import Facts
from dialer.compliance.judging import judge
from dialer.compliance.ledger import Ledger, LedgerAwayError, Standing, Subject, Watch
from dialer.compliance.localtime import zones_of
from dialer.compliance.outside import OutsideCall, OutsideIntent, OutsideRecord
from dialer.compliance.pack import Pack
from dialer.compliance.reasons import Reason
from dialer.compliance.rules import AbandonTreatment, AnswerToAgentMax, Flagged, MinCadence
from dialer.compliance.verdict import Intent, Refusal, Verdict
from dialer.kernel import phone
from dialer.kernel.clock import Clock
from dialer.kernel.errors import AwayError, CaseNotOpenError
from dialer.kernel.histogram import Histogram
from dialer.kernel.ids import AttemptId, Ids
from dialer.kernel.phone import PhoneNumber

CLOCK_TOLERANCE = timedelta(seconds=2)
DECISION_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
MOST_TRIES = 4
"""How often a reservation is tried again when somebody else changed what stands in between."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One word of the gate, for the record: asked when, about whom, by which packs, why or why not.

    attempt: the attempt that was cleared, or whose bridge was judged. bridge: it was the check at the answer.
    blind: the ledger's feed was away, so that what others did meanwhile wasn't known.
    """

    at: datetime
    intent: Intent
    verdict: Verdict
    attempt: AttemptId | None = None
    bridge: bool = False
    blind: bool = False


class Record(Protocol):
    """Where the gate writes an attempt before anybody hears of it, and every decision."""

    async def open(self, reservation: Reservation, entry: Entry, decision: Decision) -> None:
        """Return once the attempt, its line and the decision are durable.

        Raises AwayError when they can't be, CaseNotOpenError where the case isn't open any more.
        """

    def decided(self, decision: Decision) -> None:
        """Write a decision that placed no call, soon."""

    def keep(self, *lines: Line) -> None:
        """Write lines of the ledger, soon."""


@dataclass(frozen=True, slots=True)
class Law:
    """What calls are judged by: the packs by name, and the calendars of holidays."""

    packs: Mapping[str, Pack]
    calendars: Calendars = field(default_factory=Calendars)

    @property
    def flags(self) -> frozenset[str]:
        """Every flag that some pack knows."""
        return frozenset(name for pack in self.packs.values() for rule in pack.of_kind(Flagged) for name in rule.flags)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the gate must know of the parts around it.

    feed_is_fresh: every line that others put has come. record_is_held: no other daemon works in this one's name.
    ledger_is_whole: it can be asked, as far as is known. pbx_skew: how far the PBX's clock is ahead of ours.
    """

    feed_is_fresh: Callable[[], bool] = lambda: True
    record_is_held: Callable[[], bool] = lambda: True
    ledger_is_whole: Callable[[], bool] = lambda: True
    pbx_skew: Callable[[], timedelta] = timedelta


class Gate:
    """Checks every rule of every pack that applies, reserves, records, and only then gives a clearance."""

    def __init__(
        self,
        law: Law,
        ledger: Ledger,
        record: Record,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self.law = law
        self._ledger = ledger
        self._record = record
        self._clock = clock
        self._ids = ids
        self._treatments: dict[tuple[str, ...], Treatment] = {}
        self._latest = clock.now()
        self.watch = Watch()
        self.pbx_ready = False
        """Set while the PBX is up and reconciled: until then nothing is cleared."""
        self.surroundings = Surroundings()
        self.decisions = Histogram(DECISION_BUCKETS)
        """How long each `clear` took, in seconds."""

    @property
    def may_clear(self) -> bool:
        """Whether it makes sense to ask: nothing that every call needs is known to be missing."""
        return not self.shut_by

    @property
    def shut_by(self) -> frozenset[Reason]:
        """What every call needs and is known to be missing."""
        around = self.surroundings
        there = {
            Reason.PBX_AWAY: self.pbx_ready,
            Reason.CLOCK: abs(around.pbx_skew()) <= CLOCK_TOLERANCE,
            Reason.STORE_AWAY: around.record_is_held(),
            Reason.LEDGER_AWAY: around.ledger_is_whole(),
        }
        return frozenset(reason for reason, is_there in there.items() if not is_there)

    async def clear(self, intent: Intent) -> Clearance | Verdict:
        """May this call be placed now? A clearance if so, otherwise every reason why not.

        Check and reservation are one step; the attempt is durable before the clearance exists.
        """
        began = self._clock.monotonic()
        try:
            return await self._clear(intent)
        finally:
            self.decisions.add(self._clock.monotonic() - began)

    async def _clear(self, intent: Intent) -> Clearance | Verdict:
        now = self._clock.now()
        verdict = self._door(intent.number, now)
        if verdict is None:
            try:
                answer = await self._reserve(intent)
            except LedgerAwayError:
                answer = _refused(Reason.LEDGER_AWAY)
            if isinstance(answer, Clearance):
                return answer
            verdict = answer
        self.record(Decision(now, intent, verdict))
        return verdict

    async def clear_outside(self, intent: OutsideIntent, record: OutsideRecord) -> OutsideClearance | Verdict:
        """May this party, who is no debtor, be called into a debtor's call now? A clearance if so, once the call is durable.

        No cap is asked; but a number that is a debtor's, that somebody asked not to be called on, or that is being called,
        is refused, and so is one of which that can't be known.
        """
        verdict = self._door(intent.number, self._clock.now())
        try:
            if verdict is None and intent.number is not None:
                verdict = await self._debtors(intent.number, record)
            if verdict is not None:
                return verdict
            now = self._clock.now()
            call = OutsideCall(self._ids.outside_leg(now), intent, now)
            await record.open_outside(call)
        except LedgerAwayError:
            return _refused(Reason.LEDGER_AWAY)
        except AwayError:
            return _refused(Reason.STORE_AWAY)
        return OutsideClearance(SEAL, call)

    async def _debtors(self, number: PhoneNumber, record: OutsideRecord) -> Verdict | None:
        """What speaks against a number that must be no debtor's."""
        standing, now = await self._ledger.read(Subject(None, number)), self._clock.now()
        if standing.in_flight:
            return _refused(Reason.IN_FLIGHT)
        for line in standing.lines:
            if isinstance(line, Flag) and line.number == number and (line.until is None or line.until > now):
                return Verdict((Refusal(line.name),))
        return _refused(Reason.DEBTORS_NUMBER) if await record.is_debtors(number) else None

    def recheck(self, attempt: AttemptId, intent: Intent) -> Decision:
        """The debtor answered: may the bridge be made? From memory alone, the call's own reservation ignored.

        Where the ledger's feed is away the call, which was reserved before, is judged by what is known. `record`
        writes the decision once the redirect is on its way.
        """
        now = self._clock.now()
        held = self.watch.standing(attempt)
        others = tuple(line for line in held.lines if line.id != attempt) if held else ()
        at_the_answer = replace(intent, ring_max_seconds=0.0, ring_timeout_seconds=None)
        verdict = self.judge(at_the_answer, Standing(others), now)
        return Decision(
            now, intent, verdict, attempt, bridge=True, blind=held is None or not self.surroundings.feed_is_fresh()
        )

    def record(self, decision: Decision) -> None:
        """Put a decision on record, soon."""
        self._record.decided(decision)

    def judge(self, intent: Intent, standing: Standing, now: datetime) -> Verdict:
        """What every rule says about this call at `now`, on what stands."""
        return judge_standing(self.law, intent, standing, now)

    async def foresee(self, intent: Intent, at: datetime, *lines: Line) -> Verdict:
        """What every rule would say about this call at `at`, were these lines on record too. Raises LedgerAwayError.

        Nothing is reserved or recorded: whoever dials then asks again.
        """
        standing = await self._ledger.read(subject_of(intent))
        known = {line.id: line for line in standing.lines} | {line.id: line for line in lines}
        return self.judge(intent, Standing(tuple(known.values())), at)

    def treatment(self, packs: tuple[str, ...]) -> Treatment:
        """What the packs together demand of an answered call."""
        if packs not in self._treatments:
            self._treatments[packs] = treatment_of([self.law.packs[name] for name in packs])
        return self._treatments[packs]

    def wanted_by(self, packs: tuple[str, ...], entry: Entry) -> datetime | None:
        """Until when the packs want the next contact after this one; None where it doesn't count for any of them."""
        wishes = [
            rule.wanted_by(entry.at)
            for name in packs
            if name in self.law.packs
            for rule in self.law.packs[name].of_kind(MinCadence)
            if entry.result in EVENTS[rule.event]
        ]
        return min(wishes, default=None)

    def put(self, *lines: Line) -> None:
        """Something happened, or somebody said something: it is recorded, and counts from now on everywhere."""
        self._record.keep(*lines)
        self.count(*lines)

    def count(self, *lines: Line) -> None:
        """What is on record already counts from now on."""
        self._ledger.put(*lines)
        self.watch.apply(*lines)

    def remember(self, latest: datetime) -> None:
        """The record knows this instant: a clock that is behind it went back while nobody looked."""
        self._latest = max(self._latest, latest)

    async def read_again(self) -> None:
        """Lines may have gone by: what stands about those under way is read anew. Raises LedgerAwayError."""
        for attempt, subject in self.watch.subjects():
            standing = await self._ledger.read(subject)
            if self.watch.standing(attempt) is not None:  # it may have ended meanwhile
                self.watch.hold(attempt, subject, standing)

    async def adopt(self, attempt: AttemptId, intent: Intent) -> None:
        """Keep what stands about a call that a restart found under way. Raises LedgerAwayError: `read_again`, which the
        ledger's feed asks for once it is back, makes up for it, and until then the call is judged blind.
        """
        subject = subject_of(intent)
        self.watch.hold(attempt, subject, Standing())
        self.watch.hold(attempt, subject, await self._ledger.read(subject))

    async def _reserve(self, intent: Intent) -> Clearance | Verdict:
        subject = subject_of(intent)
        for _ in range(MOST_TRIES):
            standing = await self._ledger.read(subject)
            now = self._clock.now()
            verdict = self.judge(intent, standing, now)
            if not verdict.allowed:
                return verdict
            reservation = Reservation(self._ids.attempt(now), intent, now)
            entry = entry_of(reservation)
            # held first: a line that others write meanwhile is not missed at the answer
            self.watch.hold(reservation.attempt, subject, standing)
            try:
                won = await self._ledger.reserve(entry, standing)
            except (LedgerAwayError, asyncio.CancelledError):
                self._take_back(entry)
                raise
            if won:
                return await self._open(reservation, entry, verdict)
            self.watch.drop(reservation.attempt)
        return _refused(Reason.IN_FLIGHT)

    async def _open(self, reservation: Reservation, entry: Entry, verdict: Verdict) -> Clearance | Verdict:
        attempt, intent = reservation.attempt, reservation.intent
        try:
            await self._record.open(reservation, entry, Decision(reservation.cleared_at, intent, verdict, attempt))
        except AwayError:
            self._take_back(entry)
            return _refused(Reason.STORE_AWAY)
        except CaseNotOpenError:
            self._take_back(entry)
            return _refused(Reason.CASE_NOT_OPEN)
        return Clearance(SEAL, reservation, self.treatment(intent.packs))

    def _take_back(self, entry: Entry) -> None:
        """Nobody will dial it: the PBX hears of an attempt only through its clearance."""
        self.watch.drop(AttemptId(entry.id))
        self.put(replace(entry, revision=1, in_flight=False, result=EntryResult.TRUNK_FAILURE))

    def _door(self, number: PhoneNumber | None, now: datetime) -> Verdict | None:
        if now < self._latest - CLOCK_TOLERANCE:
            return Verdict((Refusal(Reason.CLOCK, not_before=self._latest, facts="the clock went back"),))
        self._latest = max(now, self._latest)
        skew = self.surroundings.pbx_skew()
        if abs(skew) > CLOCK_TOLERANCE:
            seconds = skew.total_seconds()
            return Verdict((Refusal(Reason.CLOCK, facts=f"{seconds:+.1f} s from the PBX's"),))
        if not self.pbx_ready:
            return _refused(Reason.PBX_AWAY)
        if not self.surroundings.record_is_held():
            return _refused(Reason.STORE_AWAY)
        return None if number is None or phone.is_dialable(number) else _refused(Reason.NUMBER_INVALID)


def judge_standing(law: Law, intent: Intent, standing: Standing, now: datetime) -> Verdict:
    """What every rule says about this call at `now`, on what stands. A pack that isn't loaded refuses."""
    missing = [name for name in intent.packs if name not in law.packs]
    if missing or not intent.packs:
        return Verdict((Refusal(Reason.NO_PACK, facts=f"not loaded: {', '.join(missing) or 'none named'}"),))
    return judge([law.packs[name] for name in intent.packs], facts_of(intent, standing, now, law.calendars))


def subject_of(intent: Intent) -> Subject:
    """About whom the ledger is asked for this call."""
    return Subject(intent.debtor_id, intent.number, intent.household)


def entry_of(reservation: Reservation) -> Entry:
    """The line of an attempt in flight: it counts as the worst until there is evidence."""
    intent = reservation.intent
    return Entry(
        reservation.attempt,
        0,
        intent.debtor_id,
        intent.number,
        intent.household,
        at=reservation.cleared_at,
        result=EntryResult.UNKNOWN,
        in_flight=True,
        debts=intent.debts or None,
        campaign=intent.campaign,
        collector=intent.collector,
        workplace=intent.workplace,
    )


def facts_of(intent: Intent, standing: Standing, now: datetime, calendars: Calendars) -> Facts:
    """What stands, as the rules see it."""
    past: list[Entry] = []
    flags: list[Flag] = []
    agreements: list[Agreement] = []
    consents: list[Consent] = []
    blackouts: list[Blackout] = []
    busy: set[str] = set()
    for line in standing.lines:
        mine = line.debtor_id in (None, intent.debtor_id)
        match line:
            case Entry() if line.in_flight:
                busy |= {"debtor"} if line.debtor_id == intent.debtor_id else set()
                busy |= {"number"} if line.number == intent.number else set()
                busy |= {"household"} if line.household and line.household == intent.household else set()
            case Entry():
                past.append(line)
            case Flag() if mine and line.number in (None, intent.number):
                flags.append(line)
            case Agreement() if mine and line.number in (None, intent.number):
                agreements.append(line)
            case Consent() if mine and line.number in (None, intent.number):
                consents.append(line)
            case Blackout() if mine:
                blackouts.append(line)
            case _:
                pass
    past.sort(key=lambda entry: entry.at)
    return Facts(
        intent=intent,
        now=now,
        rings_until=now + timedelta(seconds=intent.ring_max_seconds),
        zones=zones_of(intent.zones),
        past=tuple(past),
        in_flight=frozenset(busy),
        flags=tuple(flags),
        agreements=tuple(agreements),
        consents=tuple(consents),
        blackouts=tuple(blackouts),
        calendars=calendars,
    )


_RECORDING = ("nothing", "notice", "consent")


def treatment_of(packs: Sequence[Pack]) -> Treatment:
    """What the packs together demand of an answered call: the earliest deadline, and where one of them forbids a
    recorded message, none.
    """
    deadlines = [rule.claim_seconds for pack in packs for rule in pack.of_kind(AnswerToAgentMax)]
    treatments = [rule for pack in packs for rule in pack.of_kind(AbandonTreatment)]
    return Treatment(
        claim_seconds=min(deadlines),
        comfort_noise=any(rule.comfort_noise for rule in treatments),
        message=all(rule.treatment == "message" for rule in treatments),
        language=treatments[0].language,
        recording=max((pack.recording for pack in packs), key=_RECORDING.index),
    )


def _refused(reason: Reason) -> Verdict:
    return Verdict((Refusal(reason),))
