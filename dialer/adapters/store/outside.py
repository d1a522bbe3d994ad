"""Calls to somebody who is no debtor, on record beside our own attempts."""

from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import guarantors, numbers, outside_calls
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.compliance.outside import OutsideCall, OutsideIntent
from dialer.kernel.ids import AttemptId, OutsideLegId
from dialer.kernel.phone import PhoneNumber

OPEN_RANK, SAVE_RANK = 5, 6
_MOVES = ("bridged_at", "handed_over_at", "ended_at")
_OPEN = upsert(outside_calls).on_conflict_do_nothing()  # said again after a commit that nobody knows of
_SAVE = (
    update(outside_calls)
    .where(outside_calls.c.leg == bindparam("of_leg"))
    .values({name: bindparam(f"new_{name}") for name in _MOVES})
)


class SqlOutside:
    """The port (`dialer.compliance.outside.OutsideRecord`)."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    async def open_outside(self, call: OutsideCall) -> None:
        """Return once it is durable. Raises AwayError."""
        intent = call.intent
        values = {
            "leg": call.leg,
            "attempt_id": intent.attempt,
            "case_id": intent.case_id,
            "campaign": intent.campaign,
            "agent": intent.agent,
            "party": intent.to,
            "number": intent.number,
            "caller_id": intent.caller_id,
            "trunk": intent.trunk,
            "asked_at": call.asked_at,
        }
        await self._writer.commit(Write(OPEN_RANK, _OPEN, values))

    def save_outside(self, call: OutsideCall) -> None:
        """Write what became of it, soon."""
        moves = {f"new_{name}": getattr(call, name) for name in _MOVES}
        self._writer.put(Write(SAVE_RANK, _SAVE, {"of_leg": call.leg, **moves}))

    async def outside_under_way(self) -> list[OutsideCall]:
        """Those whose end isn't on record. Raises AwayError."""
        async with reading(self._engine) as connection:
            rows = await connection.execute(select(outside_calls).where(outside_calls.c.ended_at.is_(None)))
            return [
                OutsideCall(
                    OutsideLegId(row.leg),
                    OutsideIntent(
                        AttemptId(row.attempt_id),
                        row.case_id,
                        row.campaign,
                        row.agent,
                        row.party,
                        PhoneNumber(row.number) if row.number else None,
                        caller_id=PhoneNumber(row.caller_id) if row.caller_id else None,
                        trunk=row.trunk,
                    ),
                    row.asked_at,
                    row.bridged_at,
                    row.handed_over_at,
                )
                for row in rows
            ]

    async def is_debtors(self, number: PhoneNumber) -> bool:
        """Whether the number is a debtor's or a guarantor's. Raises AwayError."""
        stands = exists().where(numbers.c.number == number) | exists().where(
            ("," + guarantors.c.numbers + ",").contains(f",{number},", autoescape=True)
        )
        async with reading(self._engine) as connection:
            return bool(await connection.scalar(select(stands)))
