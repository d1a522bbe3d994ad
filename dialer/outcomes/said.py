"""What happens outside our own calls, and what is said about a debtor: it enters the same ledger, and counts."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Protocol

from dialer.calls.live import LiveAttempts
from dialer.cases.book import CaseBook
from dialer.cases.model import AGREED, CaseState, DueCase
from dialer.compliance.entry import (
    Agreement,
    Blackout,
    Channel,
    Consent,
    Direction,
    Entry,
    EntryResult,
    Flag,
    Line,
)
from dialer.compliance.gate import Gate
from dialer.compliance.reasons import Reason
from dialer.kernel.clock import Clock
from dialer.kernel.errors import InputError, UnknownNameError
from dialer.kernel.phone import PhoneNumber
from dialer.outcomes.counting import flag_id, revision_at


@dataclass(frozen=True, slots=True)
class About:
    """Whom it is about: a case, and where it matters one of its numbers or some of its debts."""

    case_id: int
    number: PhoneNumber | None = None
    debts: tuple[int, ...] = ()


def is_nobodys(name: str, number: str | None) -> bool:
    """Whether such a flag stands about a number whoever has it: every creditor's calls to it stop. Every other flag is
    one debtor's.
    """
    return name == Reason.DO_NOT_CALL and bool(number)


class SaidRecord(Protocol):
    """Where it is kept. Raises AwayError."""

    def keep(self, *lines: Line, by: str = "", evidence: str = "") -> None: ...
    async def flush(self) -> None: ...


class Said:
    """Takes what others say. Each returns the line's id, once it is on record; with the same id it replaces it."""

    def __init__(self, gate: Gate, book: CaseBook, live: LiveAttempts, record: SaidRecord, clock: Clock) -> None:
        self._gate = gate
        self._book = book
        self._live = live
        self._record = record
        self._clock = clock

    async def contact(
        self,
        about: About,
        *,
        reference: str,
        at: datetime | None,
        direction: Direction,
        channel: Channel,
        result: EntryResult,
        workplace: bool,
    ) -> str:
        """An inbound or manual call, a message, a letter, a visit. Raises UnknownNameError, InputError, AwayError."""
        case = await self._case(about)
        now = self._clock.now()
        if at is not None and at > now:
            raise InputError(f"at: {at.isoformat()} hasn't come yet", "say when it ended")
        entry = Entry(
            f"con-{case.debtor_id}-{reference}",  # two senders may count alike: neither replaces the other's contact
            revision_at(now),
            case.debtor_id,
            about.number,
            case.household,
            at=at or now,
            result=result,
            direction=direction,
            channel=channel,
            debts=about.debts or None,
            workplace=workplace,
        )
        return await self._put(entry)

    async def flag(self, about: About, name: str, until: datetime | None, by: str = "", evidence: str = "") -> str:
        """Something that stops calls to the debtor, the number, or about the debt, with who says so and what shows it.

        Raises as `contact`.
        """
        case = await self._case(about)
        if name not in self._gate.law.flags:
            known = ", ".join(sorted(self._gate.law.flags))
            raise InputError(f"name: no pack knows the flag {name!r}", f"name one of {known}")
        if len(about.debts) > 1:
            raise InputError("debts: a flag is about one debt, or about all", "set one flag for each debt")
        if until is not None and until <= self._clock.now():  # as the last word about it, it would lift the flag
            raise InputError(f"until: {until.isoformat()} is over", "give an instant to come, or lift the flag")
        return await self._put(self._flag(case, about, name, until), by, evidence)

    async def lift(self, about: About, name: str, by: str = "", evidence: str = "") -> str:
        """The flag holds no more: the case is asked about again. Raises as `contact`."""
        case = await self._case(about)
        now = self._clock.now()
        id_ = await self._put(self._flag(case, about, name, now), by, evidence)
        self._ask_again(case, now, f"{name} was lifted")
        return id_

    async def agreement(self, about: About, start: datetime, until: datetime) -> str:
        """The debtor agreed to be called then. Raises as `contact`."""
        case = await self._case(about)
        if start >= until:
            raise InputError("until: isn't after start", "give the time in which the call may be placed")
        now = self._clock.now()
        id_ = f"agr-{case.debtor_id}-{round(start.timestamp())}"
        made = await self._put(Agreement(id_, revision_at(now), case.debtor_id, start=start, until=until))
        self._ask_again(case, max(start, now), AGREED)
        return made

    async def consent(self, about: About, at: datetime | None, until: datetime | None) -> str:
        """The debtor consented, directly to us, to be called. Raises as `contact`."""
        case = await self._case(about)
        now = self._clock.now()
        given = at or now
        if given > now:
            raise InputError(f"at: {given.isoformat()} hasn't come yet", "say when the consent was given")
        id_ = f"cst-{case.debtor_id}-{round(given.timestamp())}"
        line = Consent(id_, revision_at(now), case.debtor_id, at=given, debts=about.debts or None, until=until)
        return await self._put(line)

    async def blackout(
        self, about: About, weekdays: tuple[int, ...], start: time, end: time, until: datetime | None
    ) -> str:
        """A time of the week that the debtor ruled out. Raises as `contact`."""
        case = await self._case(about)
        if start == end:
            raise InputError("end: is the start", "give the time of the day in which no call may come")
        days = "".join(map(str, sorted(weekdays)))
        id_ = f"blk-{case.debtor_id}-{about.number or ''}-{days}-{start:%H%M}-{end:%H%M}"
        line = Blackout(
            id_,
            revision_at(self._clock.now()),
            case.debtor_id,
            about.number,
            weekdays=weekdays,
            start=start,
            end=end,
            until=until,
        )
        return await self._put(line)

    def _flag(self, case: DueCase, about: About, name: str, until: datetime | None) -> Flag:
        debtor = None if is_nobodys(name, about.number) else case.debtor_id
        debt = about.debts[0] if about.debts else None
        id_ = f"opt-{about.number}" if debtor is None else flag_id(name, debtor, about.number, debt)
        return Flag(id_, revision_at(self._clock.now()), debtor, about.number, name=name, debt_id=debt, until=until)

    async def _case(self, about: About) -> DueCase:
        try:
            case = await self._book.case(about.case_id)
        except LookupError:
            raise UnknownNameError(f"there is no case {about.case_id}", "dialer report attempts has the ids") from None
        if about.number is not None and about.number not in [line.number for line in case.numbers]:
            raise InputError("number: isn't one of the case's", "name one of its numbers, or leave it out")
        strange = set(about.debts) - set(case.debts)
        if strange:
            raise InputError(f"debts: {min(strange)} isn't one of the case's", "name its debts by their ids")
        return case

    def _ask_again(self, case: DueCase, at: datetime, why: str) -> None:
        """The case is due at `at` if it is open, unless it is being called: then its end plans what comes next."""
        if not any(attempt.intent.case_id == case.id for attempt in self._live):
            self._book.schedule(case.id, at, CaseState.OPEN, why)

    async def _put(self, line: Line, by: str = "", evidence: str = "") -> str:
        self._record.keep(line, by=by, evidence=evidence)
        self._gate.count(line)
        await self._record.flush()
        return line.id
