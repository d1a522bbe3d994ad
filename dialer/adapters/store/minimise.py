"""The end of a mandate: personal data goes as soon as the law lets it, and the counts and the chain stay."""

import hmac
import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    String,
    Table,
    Update,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.heard import Heard, forget, heard
from dialer.adapters.store.ledger import line_writes
from dialer.adapters.store.recordings import flag_words, holds_of
from dialer.adapters.store.schema import (
    addresses,
    attempts,
    case_history,
    case_views,
    cases,
    debt_items,
    debtors,
    debts,
    decisions,
    flag_changes,
    guarantors,
    inbound_calls,
    ledger,
    ledger_keys,
    letters,
    mandates,
    numbers,
    outcomes,
    outside_calls,
    payments,
    recording_moments,
    recordings,
    written_facts,
)
from dialer.calls.recording import What
from dialer.cases.model import CaseState
from dialer.compliance.entry import Flag
from dialer.kernel.clock import Clock
from dialer.kernel.errors import InputError, UnknownNameError
from dialer.kernel.ids import AttemptId

PAGE_DEBTORS = 200
MOST_IN_LIST = 5_000
ERASED = "erased"
FLAG = "mandate_closed"
_CALLS = union_all(
    select(attempts.c.id, attempts.c.debtor_id, attempts.c.number),
    select(inbound_calls.c.id, cases.c.debtor_id, inbound_calls.c.number).join(
        cases, cases.c.id == inbound_calls.c.case_id
    ),
).subquery("calls")
_RENAME_PAYMENT = (
    update(payments)
    .where(payments.c.creditor == bindparam("of"), payments.c.reference == bindparam("old"))
    .values(reference=bindparam("new"), receipt="")
)
_RENAME = (
    update(attempts)
    .where(attempts.c.debtor_id == bindparam("whose"), attempts.c.number == bindparam("called"))
    .values(number=bindparam("pseudonym"))
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A debtor whose data must still be kept. until: None = not known."""

    debtor: int
    cases: tuple[int, ...]
    until: datetime | None
    why: str


@dataclass(slots=True)
class Minimised:
    """What became of a creditor's debtors. flagged: of the kept, those that got the flag now."""

    creditor: str
    dry_run: bool
    debtors: int = 0
    cases: int = 0
    attempts: int = 0
    decisions: int = 0
    notes: int = 0
    numbers: int = 0
    lines: int = 0
    recordings: int = 0
    listenings: int = 0
    flagged: int = 0
    kept: list[Kept] = field(default_factory=list)


@dataclass(slots=True)
class _History:
    """What happened with one debtor: when something happened last, and under which packs."""

    cases: list[int] = field(default_factory=list)
    packs: set[str] = field(default_factory=set)
    last: datetime | None = None
    under_way: bool = False
    mandate_days: int = 0

    def happened(self, at: datetime | None) -> None:
        if at is not None and (self.last is None or at > self.last):
            self.last = at


class Minimiser:
    """Erases what may go of one creditor's cases. No daemon may work on the record meanwhile.

    delete_recording: deletes the file of a call's recording, if there is one; raises OSError. cell: whose files it deletes;
    whoever has a recording at another is kept. hold_flags: while one of them stands, whoever was recorded is kept.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        retention_days: Mapping[str, int],
        delete_recording: Callable[[AttemptId], bool],
        cell: str,
        hold_flags: Collection[str] = (),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._retention = retention_days
        self._delete_recording = delete_recording
        self._cell = cell
        self._hold_flags = hold_flags
        # The auditor must go on counting calls per number, so each number becomes a pseudonym. Its key lives as long as
        # this run: with a key that somebody keeps, all numbers of a country could be tried in an hour.
        self._key = secrets.token_bytes(32)

    async def run(self, creditor: str, *, dry_run: bool = False) -> Minimised:
        """Erase, or only say what would be. Raises UnknownNameError, AwayError; InputError where a recording can't be
        deleted: its debtor, and those of the same page, then stay on record for the next run.
        """
        done = Minimised(creditor, dry_run)
        async with reading(self._engine) as connection:
            known = await connection.scalar(select(debtors.c.id).where(debtors.c.creditor == creditor).limit(1))
            listened = await heard(connection)
        if known is None:
            raise UnknownNameError(
                f"no creditor is named {creditor!r}", "dialer report attempts --csv lists the creditors"
            )
        after, gone = -1, set[int]()
        while True:
            async with reading(self._engine) as connection:
                chosen = (
                    select(debtors.c.id)
                    .where(
                        debtors.c.creditor == creditor, debtors.c.id > after, debtors.c.reference != _erased(debtors)
                    )
                    .order_by(debtors.c.id)
                    .limit(PAGE_DEBTORS)
                )
                ids = list(await connection.scalars(chosen))
            if not ids:
                break
            with telling_away():
                async with self._engine.begin() as connection:
                    if connection.dialect.name == "sqlite":  # what is erased is overwritten, not only unlinked
                        await connection.exec_driver_sql("PRAGMA secure_delete = ON")
                    await connection.run_sync(self._page, ids, done, gone)
                    # with the looks that say who was heard in it: who starts anew after a stop here finds neither
                    listened = await _forget(connection, listened, gone, None, done)
            after = ids[-1]
        longest = max(self._retention.values(), default=None)
        idle_until = None if longest is None else self._clock.now() - timedelta(days=longest)
        with telling_away():
            async with self._engine.begin() as connection:
                await _forget(connection, listened, gone, idle_until, done)
        return done

    def _page(self, connection: Connection, ids: list[int], done: Minimised, gone: set[int]) -> None:
        now = self._clock.now()
        over: list[int] = []
        kept: list[Kept] = []
        held = _held(connection, ids, self._hold_flags, now)
        elsewhere = _elsewhere(connection, ids, self._cell)
        for debtor, history in sorted(_histories(connection, ids).items()):
            keep = self._keep(debtor, history, now)
            if keep is None and debtor in held:
                why = f"{', '.join(held[debtor])} holds the recordings of calls to this debtor"
                keep = Kept(debtor, tuple(history.cases), None, why)
            if keep is None and debtor in elsewhere:
                why = f"a recording lies at {elsewhere[debtor]}; prune or delete it there first"
                keep = Kept(debtor, tuple(history.cases), None, why)
            if keep is None:
                over.append(debtor)
                gone.update(history.cases)
            else:
                kept.append(keep)
        done.kept += kept
        done.debtors += len(over)
        done.cases += _count(connection, cases, cases.c.debtor_id, over)
        self._erase(connection, over, done)
        if not done.dry_run:
            self._close(connection, kept, now, done)

    def _keep(self, debtor: int, history: _History, now: datetime) -> Kept | None:
        """Until when, and why; None where all of it may go."""
        whose = tuple(history.cases)
        if history.under_way:
            return Kept(debtor, whose, None, "a call to this debtor hasn't ended on record")
        if history.last is None:
            return None  # nothing was done with it: nothing to prove
        missing = sorted(history.packs - self._retention.keys())
        if missing:
            return Kept(
                debtor, whose, None, f"how long {', '.join(missing)} wants it kept isn't known: the pack isn't here"
            )
        # a contact that no call of ours stands behind names no pack: the longest of all then
        names = history.packs or set(self._retention)
        longest = max(names, key=lambda name: self._retention[name])
        days, who = max((self._retention[longest], longest), (history.mandate_days, "the mandate"))
        until = history.last + timedelta(days=days)
        if now >= until:
            return None
        return Kept(debtor, whose, until, f"{who} keeps it {days} days from the last activity")

    def _erase(self, connection: Connection, ids: Sequence[int], done: Minimised) -> None:
        called = set(_rows(connection, select(attempts.c.debtor_id, attempts.c.number), attempts.c.debtor_id, ids))
        own = {row.number for row in _rows(connection, select(numbers.c.number), numbers.c.debtor_id, ids)}
        case_ids = [row.id for row in _rows(connection, select(cases.c.id), cases.c.debtor_id, ids)]
        attempt_ids = [row.id for row in _rows(connection, select(attempts.c.id), attempts.c.debtor_id, ids)]
        came_in = [row.id for row in _rows(connection, select(inbound_calls.c.id), inbound_calls.c.case_id, case_ids)]
        written_up = [*attempt_ids, *came_in]
        noted = select(outcomes.c.attempt_id).where(or_(outcomes.c.note != "", outcomes.c.form != "{}"))
        done.attempts += len(attempt_ids)
        done.numbers += len(own)
        done.notes += len(_rows(connection, noted, outcomes.c.attempt_id, written_up))
        done.lines += _count(connection, ledger, ledger.c.debtor_id, ids)
        named = select(decisions.c.case_id).where(decisions.c.subject.is_not(None))
        done.decisions += len(_rows(connection, named, decisions.c.case_id, case_ids))
        there = select(recordings.c.attempt_id).where(recordings.c.deleted_at.is_(None))
        recorded = [row.attempt_id for row in _rows(connection, there, recordings.c.attempt_id, written_up)]
        done.recordings += len(recorded)
        if done.dry_run or not ids:
            return
        # files first, also those that aren't on record yet: one that stayed behind would never be looked for again
        for attempt in written_up:
            try:
                self._delete_recording(AttemptId(attempt))
            except OSError as error:  # it says nothing of the store
                remedy = "run it as a user who may delete it: nothing of its debtor is erased before"
                raise InputError(f"{error.filename}: {error.strerror}", remedy) from None
        now = self._clock.now()
        _each(connection, delete(recording_moments), recording_moments.c.attempt_id, written_up)
        _each(connection, update(recordings).values(deleted_at=now), recordings.c.attempt_id, recorded)
        tombstone = {"at": now, "what": What.DELETED.value, "by": "minimise", "why": "its debtor's data was erased"}
        for attempt in recorded:
            connection.execute(insert(recording_moments).values(attempt_id=attempt, **tombstone))
        homes = {
            row.household: self._pseudonym(row.household)
            for row in _rows(
                connection, select(debtors.c.household).where(debtors.c.household != ""), debtors.c.id, ids
            )
        }
        _each(connection, update(decisions).values(subject=None, salt=None), decisions.c.case_id, case_ids)
        _each(
            connection,
            update(outcomes).values(
                note="", form="{}", next_state=None, next_due_at=None, next_why=None, next_number=None
            ),
            outcomes.c.attempt_id,
            written_up,
        )
        pseudonyms = [
            {"whose": row.debtor_id, "called": row.number, "pseudonym": self._pseudonym(row.number)}
            for row in sorted(called)
        ]
        if pseudonyms:
            connection.execute(_RENAME, pseudonyms)
        for part in _parts(ids):
            connection.execute(delete(numbers).where(numbers.c.debtor_id.in_(part)))
            # an opt-out of a number is nobody's line: it stays, because who asked never to be called there must not be
            connection.execute(delete(ledger).where(ledger.c.debtor_id.in_(part)))
        self._forget_people(connection, ids, homes)
        closed = {
            "state": CaseState.CLOSED.value,
            "due_at": None,
            "wanted_by": None,
            "facts": "{}",
            "note": "",
            "first_number": None,
        }
        _each(
            connection,
            update(cases).values(**closed, why="the mandate is over, and its data erased"),
            cases.c.debtor_id,
            ids,
        )
        _each(connection, update(debts).values(reference=_erased(debts)), debts.c.case_id, case_ids)
        _forget_dossier(connection, ids, case_ids, own)
        _forget_keys(connection, ids, own | {row.number for row in called}, homes)

    def _forget_people(self, connection: Connection, ids: Sequence[int], homes: Mapping[str, str]) -> None:
        # the reference is the creditor's own, and names the person for whoever has the creditor's books
        values: dict[str, Any] = {"name": "", "reference": _erased(debtors)}
        values |= {"tax_code": "", "pec": "", "risk_class": "", "income_class": ""}
        _each(connection, update(debtors).values(**values), debtors.c.id, ids)
        for home, pseudonym in homes.items():
            for part in _parts(ids):
                connection.execute(
                    update(debtors)
                    .where(debtors.c.id.in_(part), debtors.c.household == home)
                    .values(household=pseudonym)
                )

    def _close(self, connection: Connection, kept: Iterable[Kept], now: datetime, done: Minimised) -> None:
        """What is kept is closed: nobody works it, and a flag says so to the gate."""
        for keep in kept:
            id_ = f"flg-{FLAG}-{keep.debtor}--"
            if connection.scalar(select(ledger.c.id).where(ledger.c.id == id_)) is None:
                revision = round(now.timestamp() * 1_000_000)
                for write in line_writes(Flag(id_, revision, keep.debtor, name=FLAG), now):
                    connection.execute(write.statement, [write.values])
                done.flagged += 1
            until = f"{keep.until:%Y-%m-%d}" if keep.until else "nobody knows when"
            connection.execute(
                update(cases)
                .where(cases.c.debtor_id == keep.debtor)
                .values(
                    state=CaseState.CLOSED.value,
                    due_at=None,
                    wanted_by=None,
                    why=f"the mandate is over; kept until {until}",
                )
            )

    def _pseudonym(self, text: str) -> str:
        return f"{ERASED}-{hmac.new(self._key, text.encode(), 'sha256').hexdigest()[:16]}"


async def _forget(
    connection: AsyncConnection, listened: list[Heard], gone: set[int], idle_until: datetime | None, done: Minimised
) -> list[Heard]:
    """The listenings that go with these cases, or ended idle by that time, are no more; the others."""
    over = {one for one in listened if one.is_over(gone, idle_until)}
    done.listenings += len(over)
    if not done.dry_run:
        await forget(connection, over)
    return [one for one in listened if one not in over]


def _held(connection: Connection, ids: Sequence[int], flags: Collection[str], now: datetime) -> Mapping[int, list[str]]:
    """The debtors with a recording that one of these flags holds, each with the flags."""
    there = (
        select(_CALLS.c.debtor_id, _CALLS.c.number)
        .join(recordings, recordings.c.attempt_id == _CALLS.c.id)
        .where(recordings.c.deleted_at.is_(None))
    )
    called = _rows(connection, there, _CALLS.c.debtor_id, ids)
    holds = holds_of(connection.execute(flag_words(called, flags)) if called and flags else (), now)
    found: dict[int, set[str]] = {}
    for row in called:
        found[row.debtor_id] = found.get(row.debtor_id, set()) | holds[row.debtor_id] | holds[row.number]
    return {debtor: sorted(names) for debtor, names in found.items() if names}


def _elsewhere(connection: Connection, ids: Sequence[int], cell: str) -> dict[int, str]:
    """The debtors with a recording at another cell, each with one such cell."""
    there = (
        select(_CALLS.c.debtor_id, recordings.c.cell)
        .join(recordings, recordings.c.attempt_id == _CALLS.c.id)
        .where(recordings.c.deleted_at.is_(None), recordings.c.cell != cell)
    )
    return {row.debtor_id: row.cell for row in _rows(connection, there, _CALLS.c.debtor_id, ids)}


def _histories(connection: Connection, ids: list[int]) -> dict[int, _History]:
    found = {debtor: _History() for debtor in ids}
    owner: dict[int, int] = {}
    for row in _rows(connection, select(cases.c.id, cases.c.debtor_id), cases.c.debtor_id, ids):
        found[row.debtor_id].cases.append(row.id)
        owner[row.id] = row.debtor_id
    terms = select(cases.c.debtor_id, mandates.c.retention_days).join(
        mandates, (mandates.c.creditor == cases.c.creditor) & (mandates.c.reference == cases.c.mandate)
    )
    for row in _rows(connection, terms, cases.c.debtor_id, ids):
        found[row.debtor_id].mandate_days = max(found[row.debtor_id].mandate_days, row.retention_days)
    calls = select(
        attempts.c.debtor_id, attempts.c.packs, attempts.c.cleared_at, attempts.c.ended_at, outcomes.c.recorded_at
    ).outerjoin(outcomes, attempts.c.id == outcomes.c.attempt_id)
    for row in _rows(connection, calls, attempts.c.debtor_id, ids):
        history = found[row.debtor_id]
        history.packs.update(part for part in row.packs.split(",") if part)
        history.under_way = history.under_way or row.ended_at is None
        for at in (row.cleared_at, row.ended_at, row.recorded_at):
            history.happened(at)
    callers = select(
        inbound_calls.c.case_id, inbound_calls.c.arrived_at, inbound_calls.c.ended_at, outcomes.c.recorded_at
    ).outerjoin(outcomes, inbound_calls.c.id == outcomes.c.attempt_id)
    for row in _rows(connection, callers, inbound_calls.c.case_id, list(owner)):
        history = found[owner[row.case_id]]
        history.under_way = history.under_way or row.ended_at is None
        for at in (row.arrived_at, row.ended_at, row.recorded_at):
            history.happened(at)
    told = select(decisions.c.case_id, decisions.c.at, decisions.c.content)
    for row in _rows(connection, told, decisions.c.case_id, list(owner)):
        history = found[owner[row.case_id]]
        history.packs.update(json.loads(row.content).get("packs_named", ()))
        history.happened(row.at)
    came = select(debts.c.case_id, payments.c.recorded_at).join(debts)
    written = select(case_history.c.case_id, case_history.c.recorded_at)
    sent = select(letters.c.case_id, func.coalesce(letters.c.told_at, letters.c.written_at).label("recorded_at"))
    for chosen, column in (
        (came, debts.c.case_id),
        (written, case_history.c.case_id),
        (sent, letters.c.case_id),
    ):
        for row in _rows(connection, chosen, column, list(owner)):
            found[owner[row.case_id]].happened(row.recorded_at)
    lines = select(ledger.c.debtor_id, ledger.c.written_at).where(ledger.c.kind == "entry")
    for row in _rows(connection, lines, ledger.c.debtor_id, ids):
        found[row.debtor_id].happened(row.written_at)
    return found


def _forget_dossier(connection: Connection, ids: Sequence[int], case_ids: Sequence[int], own: Collection[str]) -> None:
    """What was paid and owed stays as sums and days; what names somebody, or was written about one, goes."""
    debt_ids = [row.id for row in _rows(connection, select(debts.c.id), debts.c.case_id, case_ids)]
    paid = [
        {"of": row.creditor, "old": row.reference, "new": f"{ERASED}-{row.debt_id}-{place}"}
        for place, row in enumerate(_rows(connection, select(payments), payments.c.debt_id, debt_ids))
        if not row.reference.startswith(f"{ERASED}-")
    ]
    if paid:
        connection.execute(_RENAME_PAYMENT, paid)
    _each(connection, update(debt_items).values(description=""), debt_items.c.debt_id, debt_ids)
    nobodys = update(flag_changes).where(flag_changes.c.debtor_id.is_(None)).values(evidence="")
    _each(connection, nobodys, flag_changes.c.number, sorted(own))
    _each(connection, delete(written_facts), written_facts.c.debt_id, debt_ids)
    nobody = update(inbound_calls).values(number=None, candidates="")
    _each(connection, nobody, inbound_calls.c.case_id, case_ids)
    _each(connection, nobody.where(inbound_calls.c.case_id.is_(None)), inbound_calls.c.number, sorted(own))
    _each(connection, update(outside_calls).values(party="", number=None), outside_calls.c.case_id, case_ids)
    for table in (guarantors, case_history, case_views, letters):
        _each(connection, delete(table), table.c.case_id, case_ids)
    for table in (addresses, flag_changes):
        _each(connection, delete(table), table.c.debtor_id, ids)


def _forget_keys(connection: Connection, ids: Sequence[int], gone: Collection[str], homes: Mapping[str, str]) -> None:
    """The names under which reservations compare versions hold numbers too: those that nobody has any more go."""
    still = {row.number for row in _rows(connection, select(numbers.c.number), numbers.c.number, sorted(gone))}
    still |= {row.number for row in _rows(connection, select(ledger.c.number), ledger.c.number, sorted(gone))}
    housed = {
        row.household for row in _rows(connection, select(debtors.c.household), debtors.c.household, sorted(homes))
    }
    keys = [f"d:{debtor}" for debtor in ids]
    keys += [f"n:{number}" for number in gone if number not in still]
    keys += [f"h:{home}" for home in homes if home not in housed]
    for part in _parts(sorted(keys)):
        connection.execute(delete(ledger_keys).where(ledger_keys.c.key.in_(part)))


def _erased(table: Table) -> ColumnElement[str]:
    """What stands in place of a reference: unique, and of nobody outside."""
    return literal(f"{ERASED}-") + cast(table.c.id, String)


def _each(
    connection: Connection, statement: Update | Delete, column: ColumnElement[Any], values: Sequence[Any]
) -> None:
    for part in _parts(values):
        connection.execute(statement.where(column.in_(part)))


def _rows(connection: Connection, chosen: Any, column: ColumnElement[Any], values: Sequence[Any]) -> list[Any]:
    return [row for part in _parts(values) for row in connection.execute(chosen.where(column.in_(part)))]


def _count(connection: Connection, table: Any, column: ColumnElement[Any], values: Sequence[Any]) -> int:
    chosen = select(func.count()).select_from(table)
    return sum(connection.scalar(chosen.where(column.in_(part))) or 0 for part in _parts(values))


def _parts(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + MOST_IN_LIST] for start in range(0, len(values), MOST_IN_LIST))
