"""Mandates on record."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.schema import creditors, mandates
from dialer.cases.mandate import Mandate

_TERMS = ("licence", "starts_on", "ends_on", "retention_days", "currency")
_MANDATE = upsert(mandates)
_MANDATE = _MANDATE.on_conflict_do_update(
    index_elements=["creditor", "reference"], set_={name: _MANDATE.excluded[name] for name in (*_TERMS, "packs")}
)


class SqlMandates:
    """What creditors entrusted. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def put(self, mandate: Mandate) -> None:
        """Keep a mandate; one with the same creditor and reference is replaced."""
        row = {name: getattr(mandate, name) for name in ("creditor", "reference", *_TERMS)}
        with telling_away():
            async with self._engine.begin() as connection:
                await connection.execute(upsert(creditors).on_conflict_do_nothing(), [{"name": mandate.creditor}])
                await connection.execute(_MANDATE, [row | {"packs": ",".join(mandate.packs)}])

    async def all(self) -> list[Mandate]:
        """Every mandate, by creditor and reference."""
        async with reading(self._engine) as connection:
            order = select(mandates).order_by(mandates.c.creditor, mandates.c.reference)
            return [_mandate(row) for row in await connection.execute(order)]


async def mandate_of(connection: AsyncConnection, creditor: str, reference: str) -> Mandate | None:
    """The mandate, where its terms are on record."""
    chosen = select(mandates).where(mandates.c.creditor == creditor, mandates.c.reference == reference)
    row = (await connection.execute(chosen)).one_or_none()
    return None if row is None else _mandate(row)


def _mandate(row: Any) -> Mandate:
    terms = {name: getattr(row, name) for name in _TERMS}
    return Mandate(row.creditor, row.reference, packs=tuple(filter(None, row.packs.split(","))), **terms)
