"""Promises and offers on record, and the outcome that brings them."""

import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.payments import close_and_reopen, lock
from dialer.adapters.store.ranking import rank
from dialer.adapters.store.schema import Instant, cases, debtors, offers, outcomes, promises
from dialer.adapters.store.statements import statements_of
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.cases.model import AGREED, CaseState
from dialer.cases.offers import Answer, Offer, Terms
from dialer.cases.promises import Instalment, Judged, Kept, Promise
from dialer.kernel.money import Money
from dialer.outcomes.form import encode
from dialer.outcomes.keeping import Found, ToJudge, Waiting
from dialer.outcomes.record import RecordedOutcome

_VALUES = (
    "agent", "code", "note", "recorded_at", "counts_as", "right_party", "form", "next_state", "next_due_at", "next_why",
    "next_number", "script",
)  # fmt: skip
_OUTCOME = upsert(outcomes)
_OUTCOME = _OUTCOME.on_conflict_do_update(
    index_elements=["attempt_id"], set_={name: _OUTCOME.excluded[name] for name in _VALUES}
)
# a later word about a call replaces what the earlier one brought
_NO_PROMISE = delete(promises).where(promises.c.attempt_id == bindparam("attempt"))
_NO_OFFERS = delete(offers).where(offers.c.attempt_id == bindparam("attempt"))
_PROMISE = insert(promises)
_JUDGED = (
    update(promises)
    .where(promises.c.attempt_id == bindparam("attempt"))
    .values({name: bindparam(f"new_{name}") for name in ("kept", "check_on", "paid_late_on")})
)
_LAST = (
    select(promises.c.kept, promises.c.check_on)
    .where(promises.c.case_id == bindparam("case"))
    .order_by(promises.c.made_at.desc())
    .limit(1)
)
_FOUND = (
    update(cases)
    .where(
        cases.c.id == bindparam("case"),
        cases.c.state == CaseState.OPEN.value,
        cases.c.due_at.is_not(None),  # while it is being called its end plans what comes next
        ~cases.c.why.startswith(AGREED),
    )
    .values(
        why=bindparam("new_why"),
        due_at=func.coalesce(bindparam("new_due_at", type_=Instant), cases.c.due_at),
        wanted_by=bindparam("new_wanted_by", type_=Instant),
    )
)
_OFFER = insert(offers)


def outcome_writes(said: RecordedOutcome) -> Iterator[Write]:
    """What is written of an outcome, beside the ledger's lines and the case's next action."""
    action = said.action
    yield Write(
        3,
        _OUTCOME,
        {
            "attempt_id": said.attempt,
            "agent": said.agent,
            "code": said.code,
            "note": said.note,
            "recorded_at": said.recorded_at,
            "counts_as": said.counts_as.value,
            "right_party": said.right_party,
            "form": encode(said.form),
            "next_state": action.state.value if action else None,
            "next_due_at": action.due_at if action else None,
            "next_why": action.why if action else None,
            "next_number": action.number if action else None,
            "script": said.script,
        },
    )
    yield Write(4, _NO_PROMISE, {"attempt": said.attempt})
    yield Write(4, _NO_OFFERS, {"attempt": said.attempt})
    if said.promise is not None:
        yield Write(5, _PROMISE, _row(said.promise))
    for offer in said.offers:
        yield Write(
            5,
            _OFFER,
            {
                "attempt_id": offer.id,
                "position": offer.position,
                "case_id": offer.case_id,
                "agent": offer.agent,
                "made_at": offer.made_at,
                "discount_percent": offer.terms.discount_percent,
                "instalments": offer.terms.instalments,
                "until": offer.terms.until,
                "answer": offer.answer.value,
                "approved_by": offer.approved_by,
            },
        )


def _row(promise: Promise) -> dict[str, Any]:
    return {
        "attempt_id": promise.id,
        "case_id": promise.case_id,
        "agent": promise.agent,
        "made_at": promise.made_at,
        "made_on": promise.made_on,
        "grace_days": promise.grace_days,
        "amount_cents": promise.amount.cents,
        "currency": promise.amount.currency,
        "instalments": json.dumps([[part.due_on.isoformat(), part.amount.cents] for part in promise.instalments]),
        "kept": Kept.OPEN.value,
        "check_on": promise.over_on(promise.instalments[0]),
        "remission_cents": promise.remission_cents,
    }


class SqlPromises:
    """The port through which promises are judged. Every coroutine raises AwayError when the store is away."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def waiting(self, on: date, after: int, most: int) -> list[Waiting]:
        """Up to `most` cases with a higher id of which a promise must be judged on that day or before, by their ids."""
        chosen = (
            select(promises.c.case_id, debtors.c.zone, func.min(promises.c.check_on).label("check_on"))
            .join(cases, promises.c.case_id == cases.c.id)
            .join(debtors, cases.c.debtor_id == debtors.c.id)
            .where(promises.c.check_on <= on, promises.c.case_id > after)
            .group_by(promises.c.case_id, debtors.c.zone)
            .order_by(promises.c.case_id)
            .limit(most)
        )
        async with reading(self._engine) as connection:
            return [Waiting(row.case_id, row.check_on, row.zone) for row in await connection.execute(chosen)]

    async def to_judge(self, case_id: int) -> ToJudge | None:
        """What the case's promises are judged by; None where none is left, as a later word took the last one back."""
        async with reading(self._engine) as connection:
            made = await promises_of(connection, [case_id])
            last = (await connection.execute(_LAST, {"case": case_id})).one_or_none()
            statements = await statements_of(connection, case_id)
        paid = tuple(payment for statement in statements for payment in statement.payments)
        return ToJudge(tuple(made), paid, Kept(last.kept), last.check_on) if last else None

    async def judged(self, case_id: int, judged: Sequence[Judged], found: Found | None, now: datetime) -> None:
        """Return once it is on record. An agreed call-back stays what it is, and what isn't open isn't touched; a case
        of which nothing is left, as a promise was kept under an accepted offer, is closed.
        """
        rows = [
            {
                "attempt": one.promise.id,
                "new_kept": one.kept.value,
                "new_check_on": one.check_on,
                "new_paid_late_on": one.paid_late_on,
            }
            for one in judged
        ]
        await self._writer.flush()  # what was planned before stands on record before
        with telling_away():
            async with self._engine.begin() as connection:
                await connection.run_sync(lock, {case_id})
                await connection.execute(_JUDGED, rows)
                if found is not None:
                    values = {"case": case_id, "new_why": found.why, "new_due_at": found.due_at}
                    await connection.execute(_FOUND, values | {"new_wanted_by": found.wanted_by})
                await connection.run_sync(close_and_reopen, {case_id}, now)
                await connection.run_sync(rank, {case_id}, now)


async def promises_of(connection: AsyncConnection, case_ids: Sequence[int]) -> list[Promise]:
    """What was promised in these cases, the earliest first."""
    chosen = select(promises).where(promises.c.case_id.in_(case_ids)).order_by(promises.c.made_at)
    return [
        Promise(
            row.attempt_id,
            row.case_id,
            row.agent,
            row.made_at,
            row.made_on,
            tuple(
                Instalment(date.fromisoformat(day), Money(cents, row.currency))
                for day, cents in json.loads(row.instalments)
            ),
            row.grace_days,
            row.remission_cents,
        )
        for row in await connection.execute(chosen)
    ]


async def remitted_of(connection: AsyncConnection, case_id: int) -> list[Money]:
    """What needn't be paid of a case any more, as promises were kept under an accepted offer."""
    chosen = select(promises.c.remission_cents, promises.c.currency).where(
        promises.c.case_id == case_id, promises.c.kept == Kept.KEPT.value
    )
    return [Money(row.remission_cents, row.currency) for row in await connection.execute(chosen)]


async def offers_of(connection: AsyncConnection, case_id: int) -> list[Offer]:
    """What was offered in a case, the earliest first."""
    chosen = select(offers).where(offers.c.case_id == case_id).order_by(offers.c.made_at, offers.c.position)
    return [
        Offer(
            row.attempt_id,
            row.position,
            row.case_id,
            row.agent,
            row.made_at,
            Terms(row.discount_percent, row.instalments, row.until),
            Answer(row.answer),
            row.approved_by,
        )
        for row in await connection.execute(chosen)
    ]
