"""The timeline of a case: one ordered history, read from wherever its moments are on record."""

import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.adapters.store.flags import changes_about
from dialer.adapters.store.inbound import call_of
from dialer.adapters.store.letters import letter_of
from dialer.adapters.store.schema import (
    attempts,
    case_history,
    debts,
    decisions,
    inbound_calls,
    ledger,
    letters,
    offers,
    outcomes,
    payments,
    promises,
    written_facts,
)
from dialer.cases.history import Moment, MomentKind
from dialer.cases.letter import Letter
from dialer.cases.offers import Terms
from dialer.compliance.entry import Entry
from dialer.compliance.lines import decode
from dialer.kernel.money import Money
from dialer.outcomes.lettering import letter_words

MOST_MOMENTS = 1_000
"""So many of each kind are read, and so many are shown."""


class Whose:
    """A case, and whom it is about."""

    def __init__(self, case_id: int, debtor_id: int, numbers: tuple[str, ...]) -> None:
        self.case_id = case_id
        self.debtor_id = debtor_id
        self.numbers = numbers


async def timeline_of(connection: AsyncConnection, whose: Whose, most: int) -> tuple[tuple[Moment, ...], bool]:
    """The newest moments of a case, the newest first, and whether older ones were left out."""
    found: list[Moment] = []
    cut = False
    for source in _SOURCES:
        moments = list(await source(connection, whose, most + 1))
        cut = cut or len(moments) > most
        found += moments
    found.sort(key=lambda moment: (moment.at, moment.kind), reverse=True)
    return tuple(found[:most]), cut or len(found) > most


async def _attempts(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    told = (outcomes.c[name] for name in ("code", "note", "next_why", "script", "form"))
    chosen = select(attempts, *told).outerjoin(outcomes, outcomes.c.attempt_id == attempts.c.id)
    rows = await _newest(connection, chosen, attempts.c.case_id == whose.case_id, attempts.c.cleared_at, most)
    return [_attempt(row) for row in rows]


def _attempt(row: Any) -> Moment:
    talked = (row.ended_at - row.bridged_at).total_seconds() if row.ended_at and row.bridged_at else None
    what = f"called {row.number}: {row.result or 'under way'}" + (f", {row.code}" if row.code else "")
    details = {
        "attempt": row.id,
        "number": row.number,
        "result": row.result,
        "outcome": row.code,
        "note": row.note or "",
        "next": row.next_why,
        "talk_seconds": talked,
        "script": row.script,
        "unsaid": json.loads(row.form or "{}").get("unsaid", []),
    }
    return Moment(row.cleared_at, MomentKind.ATTEMPT, row.agent or "", what, details)


async def _came_in(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    told = (outcomes.c[name] for name in ("code", "note", "next_why", "script", "form"))
    chosen = select(inbound_calls, *told).outerjoin(outcomes, outcomes.c.attempt_id == inbound_calls.c.id)
    here = inbound_calls.c.case_id == whose.case_id
    rows = await _newest(connection, chosen, here, inbound_calls.c.arrived_at, most)
    return [_inbound(row) for row in rows]


def _inbound(row: Any) -> Moment:
    call = call_of(row)
    talked = (call.ended_at - call.bridged_at).total_seconds() if call.ended_at and call.bridged_at else None
    what = f"rang us from {call.caller or 'a withheld number'}: {call.result or 'under way'}"
    what += f", {row.code}" if row.code else ""
    what += ", asked to be called back" if call.call_back_at else ""
    details = {
        "call": call.id,
        "number": call.caller,
        "called": call.called,
        "result": call.result,
        "outcome": row.code,
        "note": row.note or "",
        "next": row.next_why,
        "waited_seconds": call.waited_seconds,
        "talk_seconds": talked,
        "call_back_due_at": call.call_back_due_at and call.call_back_due_at.isoformat(),
        "script": row.script,
        "unsaid": json.loads(row.form or "{}").get("unsaid", []),
    }
    return Moment(call.arrived_at, MomentKind.INBOUND, call.agent or "", what, details)


async def _not_called(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    here = (decisions.c.case_id == whose.case_id) & decisions.c.decision.in_(("block", "withhold"))
    rows = await _newest(connection, select(decisions), here, decisions.c.at, most)
    words = {"block": "not called", "withhold": "answered, and not put through"}
    return [
        Moment(
            row.at,
            MomentKind.NOT_CALLED,
            row.chain,
            f"{words[row.decision]} because of {row.reasons.replace(',', ', ')}",
            {"decision": row.decision, "reasons": row.reasons.split(","), "attempt": row.attempt_id},
        )
        for row in rows
    ]


async def _contacts(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    """What others told the ledger of this debtor: our own attempts stand there too, under their own ids."""
    here = (ledger.c.debtor_id == whose.debtor_id) & (ledger.c.kind == "entry") & ledger.c.id.like("con-%")
    rows = await _newest(connection, select(ledger.c.line), here, ledger.c.written_at, most)
    lines = [line for row in rows if isinstance(line := decode(row.line), Entry)]
    return [
        Moment(
            line.at,
            MomentKind.CONTACT,
            "",
            f"{line.direction} {line.channel}: {line.result}",
            {
                "reference": line.id.removeprefix("con-").removeprefix(f"{line.debtor_id}-"),
                "direction": line.direction.value,
                "channel": line.channel.value,
                "result": line.result.value,
                "number": line.number,
            },
        )
        for line in lines
    ]


async def _entries(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    rows = await _newest(
        connection, select(case_history), case_history.c.case_id == whose.case_id, case_history.c.at, most
    )
    return [
        Moment(
            row.at,
            MomentKind(row.kind),
            row.recorded_by,
            row.text,
            {"reference": row.reference, "direction": row.direction},
        )
        for row in rows
    ]


async def _promises(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    rows = await _newest(connection, select(promises), promises.c.case_id == whose.case_id, promises.c.made_at, most)
    return [_promise(row) for row in rows]


def _promise(row: Any) -> Moment:
    parts = json.loads(row.instalments)
    amount = Money(row.amount_cents, row.currency)
    when = (
        f"by {parts[0][0]}" if len(parts) == 1 else f"in {len(parts)} instalments from {parts[0][0]} to {parts[-1][0]}"
    )
    details = {"attempt": row.attempt_id, "cents": row.amount_cents, "currency": row.currency, "instalments": parts}
    late = "" if row.paid_late_on is None else f", paid late on {row.paid_late_on}"
    return Moment(
        row.made_at,
        MomentKind.PROMISE,
        row.agent,
        f"{amount} promised {when}: {row.kept}{late}",
        {**details, "kept": row.kept, "paid_late_on": row.paid_late_on},
    )


async def _offers(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    rows = await _newest(connection, select(offers), offers.c.case_id == whose.case_id, offers.c.made_at, most)
    return [
        Moment(
            row.made_at,
            MomentKind.OFFER,
            row.agent,
            f"offered {Terms(row.discount_percent, row.instalments, row.until)}: {row.answer}",
            {
                "attempt": row.attempt_id,
                "discount_percent": row.discount_percent,
                "instalments": row.instalments,
                "until": row.until,
                "answer": row.answer,
                "approved_by": row.approved_by,
            },
        )
        for row in rows
    ]


async def _payments(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    chosen = select(payments, debts.c.currency, debts.c.reference.label("debt")).join(debts)
    rows = await _newest(connection, chosen, debts.c.case_id == whose.case_id, payments.c.recorded_at, most)
    return [
        Moment(
            row.recorded_at,
            MomentKind.PAYMENT,
            row.recorded_by,
            f"{Money(row.amount_cents, row.currency)} for {row.debt}, paid on {row.paid_on}",
            {
                "reference": row.reference,
                "debt": row.debt,
                "cents": row.amount_cents,
                "currency": row.currency,
                "paid_on": row.paid_on,
                "method": row.method,
                "receipt": row.receipt,
            },
        )
        for row in rows
    ]


async def _facts(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    chosen = select(written_facts, debts.c.reference.label("debt")).join(debts)
    rows = await _newest(connection, chosen, debts.c.case_id == whose.case_id, written_facts.c.recorded_at, most)
    return [
        Moment(
            row.recorded_at,
            MomentKind.WRITTEN_FACT,
            row.recorded_by,
            f"{row.kind} of {row.happened_on} for {row.debt}: {row.evidence}",
            {"debt": row.debt, "kind": row.kind, "happened_on": row.happened_on},
        )
        for row in rows
    ]


async def _letters(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    rows = await _newest(connection, select(letters), letters.c.case_id == whose.case_id, letters.c.written_at, most)
    return [_letter(letter_of(row)) for row in rows]


def _letter(letter: Letter) -> Moment:
    dates = letter.dates
    happened = (("sent", dates.sent_on), ("received", dates.received_on), ("came back", dates.returned_on))
    told = "".join(f", {what} on {on}" for what, on in (*happened, ("cancelled", dates.cancelled_on)) if on is not None)
    details = {
        "letter": letter.id,
        "letter_kind": letter.kind.value,
        "template": letter.template,
        "version": letter.version,
        "total_cents": letter.total.cents,
        "currency": letter.total.currency,
        "tracking": dates.tracking,
    }
    words = f"{letter_words(letter)} over {letter.total} written{told}"
    return Moment(letter.written_at, MomentKind.LETTER, letter.written_by, words, details)


async def _flags(connection: AsyncConnection, whose: Whose, most: int) -> Iterable[Moment]:
    changes = (await changes_about(connection, whose.debtor_id, whose.numbers))[-most:]
    return [
        Moment(
            change.at,
            MomentKind.FLAG,
            change.recorded_by,
            _flag_words(change.name, change.until, lifted=change.lifts)
            + (f": {change.evidence}" if change.evidence else ""),
            {"name": change.name, "until": change.until, "number": change.number, "debt_id": change.debt_id},
        )
        for change in changes
    ]


def _flag_words(name: str, until: datetime | None, *, lifted: bool) -> str:
    if lifted:
        return f"{name} lifted"
    return f"{name} set" + (f" until {until:%Y-%m-%d %H:%M} UTC" if until else "")


async def _newest(connection: AsyncConnection, chosen: Select[Any], here: Any, at: Any, most: int) -> list[Any]:
    return list(await connection.execute(chosen.where(here).order_by(at.desc()).limit(most)))


_SOURCES: tuple[Callable[[AsyncConnection, Whose, int], Awaitable[Iterable[Moment]]], ...] = (
    _attempts, _came_in, _not_called, _contacts, _entries, _promises, _offers, _payments, _facts, _flags, _letters,
)  # fmt: skip
