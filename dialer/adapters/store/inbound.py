"""Calls that came in, on record beside our own attempts."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, or_, select, union_all
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import attempts, cases, inbound_calls, numbers
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.calls.inbound import InboundCall, InboundResult, InboundState, KnownCaller
from dialer.kernel.ids import AttemptId
from dialer.kernel.phone import PhoneNumber

MOST_KNOWN = 50
"""Cases of one number that an agent may be shown."""
_MOVES = (
    "campaign", "called", "number", "case_id", "candidates", "packs", "debts", "state", "bridged_at", "unserved_at", "call_back_at",
    "call_back_due_at", "ended_at", "agent", "result",
)  # fmt: skip
_CALL = upsert(inbound_calls)
_CALL = _CALL.on_conflict_do_update(index_elements=["id"], set_={name: _CALL.excluded[name] for name in _MOVES})


class SqlInbound:
    """The port (`dialer.calls.inbound.InboundRecord`)."""

    def __init__(self, engine: AsyncEngine, writer: Writer) -> None:
        self._engine = engine
        self._writer = writer

    def save_inbound(self, call: InboundCall) -> None:
        """Write it as it stands, soon."""
        self._writer.put(Write(1, _CALL, _values(call)))

    async def known_callers(self, number: PhoneNumber) -> list[KnownCaller]:
        """Every case of a debtor who has the number, with its last conversation."""
        chosen = (
            select(cases.c.id, cases.c.campaign)
            .join(numbers, numbers.c.debtor_id == cases.c.debtor_id)
            .where(numbers.c.number == number)
            .order_by(cases.c.id)
            .limit(MOST_KNOWN)
        )
        async with reading(self._engine) as connection:
            rows = (await connection.execute(chosen)).all()
            talks = await _last_talks(connection, [row.id for row in rows])
        return [KnownCaller(row.id, row.campaign, *talks.get(row.id, (None, None))) for row in rows]

    async def unsettled_inbound(self, also: Collection[AttemptId], since: datetime) -> list[InboundCall]:
        """Those that have not ended, some others by their ids, and those whose call back isn't planned."""
        chosen = select(inbound_calls).where(
            or_(
                inbound_calls.c.ended_at.is_(None),
                inbound_calls.c.id.in_(list(also)),
                (inbound_calls.c.call_back_at >= since) & inbound_calls.c.call_back_due_at.is_(None),
            )
        )
        async with reading(self._engine) as connection:
            return [call_of(row) for row in await connection.execute(chosen)]

    async def flush(self) -> None:
        """Return once everything asked so far is on disk. Raises AwayError."""
        await self._writer.flush()


async def _last_talks(connection: AsyncConnection, case_ids: Sequence[int]) -> dict[int, tuple[str, Any]]:
    """With whom each case was last spoken about, and when."""
    talks = union_all(
        *(
            select(table.c.case_id, table.c.agent, table.c.bridged_at).where(
                table.c.case_id.in_(case_ids), table.c.bridged_at.is_not(None), table.c.agent.is_not(None)
            )
            for table in (attempts, inbound_calls)
        )
    ).subquery()
    last = select(talks.c.case_id, func.max(talks.c.bridged_at).label("at")).group_by(talks.c.case_id).subquery()
    chosen = select(talks).join(last, (last.c.case_id == talks.c.case_id) & (last.c.at == talks.c.bridged_at))
    return {row.case_id: (row.agent, row.bridged_at) for row in await connection.execute(chosen)}


def _values(call: InboundCall) -> dict[str, Any]:
    return {
        "id": call.id,
        "campaign": call.campaign,
        "called": call.called,
        "number": call.caller,
        "case_id": call.case_id,
        "candidates": ",".join(map(str, call.candidates)),
        "packs": ",".join(call.intent.packs) if call.intent else "",
        "debts": ",".join(map(str, call.intent.debts)) if call.intent else "",
        "state": call.state.value,
        "arrived_at": call.arrived_at,
        "bridged_at": call.bridged_at,
        "unserved_at": call.unserved_at,
        "call_back_at": call.call_back_at,
        "call_back_due_at": call.call_back_due_at,
        "ended_at": call.ended_at,
        "agent": call.agent,
        "result": None if call.result is None else call.result.value,
    }


def call_of(row: Row[Any]) -> InboundCall:
    """The call of one row."""
    return InboundCall(
        AttemptId(row.id),
        row.called,
        PhoneNumber(row.number) if row.number else None,
        row.arrived_at,
        InboundState(row.state),
        row.campaign,
        row.case_id,
        tuple(int(case) for case in row.candidates.split(",") if case),
        row.agent,
        row.bridged_at,
        row.unserved_at,
        row.call_back_at,
        row.call_back_due_at,
        row.ended_at,
        InboundResult(row.result) if row.result else None,
    )
