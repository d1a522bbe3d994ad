"""The register of flags: every word about one, written in the transaction of the ledger's line that the gate reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection

from dialer.adapters.store.schema import flag_changes
from dialer.adapters.store.write import Write
from dialer.cases.flag import FlagChange, StandingFlag, standing
from dialer.kernel.phone import PhoneNumber

CHANGE_RANK = 3
# the same line may be written again after a failure: the first word of a revision stays
_CHANGE = upsert(flag_changes).on_conflict_do_nothing(index_elements=["line_id", "revision"])
_SAME = ("line_id", "name", "debtor_id", "number", "debt_id", "at", "until", "recorded_by", "evidence")


def change_write(change: FlagChange, revision: int, now: datetime) -> Write:
    """The write of one word about a flag."""
    values = {name: getattr(change, name) for name in _SAME}
    return Write(CHANGE_RANK, _CHANGE, values | {"revision": revision, "recorded_at": now})


async def changes_about(connection: AsyncConnection, debtor_id: int, numbers: Sequence[str]) -> list[FlagChange]:
    """Every word about flags of a debtor, and about those of the debtor's numbers that are nobody's."""
    nobodys: ColumnElement[bool] = and_(flag_changes.c.debtor_id.is_(None), flag_changes.c.number.in_(numbers))
    chosen = select(flag_changes).where(or_(flag_changes.c.debtor_id == debtor_id, nobodys))
    order = (flag_changes.c.at, flag_changes.c.revision)
    return [change_of_row(row) for row in await connection.execute(chosen.order_by(*order))]


async def standing_about(
    connection: AsyncConnection, debtor_id: int, numbers: Sequence[str], now: datetime
) -> tuple[StandingFlag, ...]:
    """The flags of a debtor, and of the debtor's numbers, that stop calls now."""
    return standing(await changes_about(connection, debtor_id, numbers), now)


def change_of_row(row: Any) -> FlagChange:
    """One word about a flag, as it stands in the register."""
    return FlagChange(
        row.line_id,
        row.name,
        row.at,
        row.until,
        row.debtor_id,
        None if row.number is None else PhoneNumber(row.number),
        row.debt_id,
        row.recorded_by,
        row.evidence,
    )
