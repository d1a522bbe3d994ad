"""The ledger on record: the truth from which every faster one is rebuilt, and itself one for cells without Redis."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert  # SQLite's compiler takes it too
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading, telling_away
from dialer.adapters.store.flags import change_write
from dialer.adapters.store.schema import ledger, ledger_keys
from dialer.adapters.store.write import Write
from dialer.adapters.store.writer import Writer
from dialer.compliance.entry import Entry, Flag, Line, change_of
from dialer.compliance.ledger import LedgerAwayError, Standing, Subject, counts_until
from dialer.compliance.lines import decode, encode, kind_of
from dialer.kernel.clock import Clock, to_micro
from dialer.kernel.errors import AwayError

LINE_RANK = 3
PAGE = 500

_LINE = upsert(ledger)
_LINE = _LINE.on_conflict_do_update(
    index_elements=["id"],
    set_={column.name: _LINE.excluded[column.name] for column in ledger.columns if column.name != "id"},
    where=_LINE.excluded.revision >= ledger.c.revision,
)
_BUMP = upsert(ledger_keys)
_BUMP = _BUMP.on_conflict_do_update(index_elements=["key"], set_={"version": ledger_keys.c.version + 1})
_ORDER = (ledger.c.written_at, ledger.c.id)


def line_writes(line: Line, now: datetime, by: str = "", evidence: str = "") -> list[Write]:
    """The writes of one line: of two revisions the higher one stays. A flag is never written without its register, which
    also knows who said so, and what shows it.
    """
    writes = [Write(LINE_RANK, _LINE, _row(line, now))]
    if isinstance(line, Flag):
        writes.append(change_write(change_of(line, by, evidence), line.revision, now))
    return writes


class SqlLines:
    """The lines on record, read to load or to rebuild a ledger. Every coroutine raises AwayError."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def pages(self) -> AsyncIterator[Sequence[Line]]:
        """All lines at which a rule may still look, the oldest written first."""
        after: tuple[datetime, str] | None = None
        counts = ledger.c.counts_until.is_(None) | (ledger.c.counts_until > self._clock.now())
        while True:
            chosen = select(ledger.c.line, *_ORDER).where(counts).order_by(*_ORDER).limit(PAGE)
            if after is not None:
                at, last = after
                chosen = chosen.where((ledger.c.written_at > at) | ((ledger.c.written_at == at) & (ledger.c.id > last)))
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen)).all()
            if not rows:
                return
            yield [decode(row.line) for row in rows]
            after = rows[-1].written_at, rows[-1].id

    async def known(self, attempts: Collection[str]) -> Collection[str]:
        """Those of the attempts that the record has."""
        async with reading(self._engine) as connection:
            return set(await connection.scalars(select(ledger.c.id).where(ledger.c.id.in_(attempts))))

    async def watermark(self) -> int:
        """When the newest line was written, in microseconds; 0 where there is none."""
        async with reading(self._engine) as connection:
            newest = await connection.scalar(select(ledger.c.written_at).order_by(ledger.c.written_at.desc()).limit(1))
        return to_micro(newest) if newest else 0


class SqlLedger:
    """The port on the database itself: a reservation is a transaction that compares the versions of its keys."""

    def __init__(self, engine: AsyncEngine, writer: Writer, clock: Clock) -> None:
        self._engine = engine
        self._writer = writer
        self._clock = clock

    async def read(self, subject: Subject) -> Standing:
        keys = subject.keys
        if self._writer.backlog:
            await self.flush()  # what this cell has put is in what it reads
        try:
            async with reading(self._engine) as connection:
                # versions first: lines that come in between make the reservation fail, never pass
                rows = await connection.execute(select(ledger_keys).where(ledger_keys.c.key.in_(keys)))
                versions = {row.key: row.version for row in rows}
                found = await connection.scalars(select(ledger.c.line).where(_about(subject), self._counts()))
                lines = tuple(decode(line) for line in found)
        except AwayError as error:
            raise LedgerAwayError(str(error), error.remedy) from None
        return Standing(lines, tuple(versions.get(key, 0) for key in keys))

    async def reserve(self, entry: Entry, seen: Standing) -> bool:
        try:
            with telling_away():
                async with self._engine.connect() as connection:
                    if await self._reserve(connection, entry, seen):
                        await connection.commit()
                        return True
                    await connection.rollback()
                    # asked again after a lost reply: it is there already
                    known = await connection.scalar(select(ledger.c.line).where(ledger.c.id == entry.id))
                    return known is not None and decode(known) == entry
        except AwayError as error:
            raise LedgerAwayError(str(error), error.remedy) from None

    async def _reserve(self, connection: AsyncConnection, entry: Entry, seen: Standing) -> bool:
        # in one order for all, lest two wait for each other
        for key, version in sorted(zip(entry.keys, seen.versions, strict=True)):
            bump = upsert(ledger_keys).values(key=key, version=1)
            held = bump.on_conflict_do_update(
                index_elements=["key"],
                set_={"version": ledger_keys.c.version + 1},
                where=ledger_keys.c.version == version,
            ).returning(ledger_keys.c.version)
            if await connection.scalar(held) != version + 1:
                return False
        await connection.execute(_LINE, [_row(entry, self._clock.now())])
        return True

    def put(self, *lines: Line) -> None:
        now = self._clock.now()
        for line in lines:
            self._writer.put(
                *line_writes(line, now),
                *(Write(LINE_RANK + 1, _BUMP, {"key": key, "version": 1}) for key in sorted(line.keys)),
            )

    async def flush(self) -> None:
        try:
            await self._writer.flush()
        except AwayError as error:
            raise LedgerAwayError(str(error), error.remedy) from None

    def _counts(self) -> ColumnElement[bool]:
        # entries grow with every call; what else stands about somebody is little
        return (
            (ledger.c.kind != "entry") | ledger.c.counts_until.is_(None) | (ledger.c.counts_until > self._clock.now())
        )


def _about(subject: Subject) -> ColumnElement[bool]:
    named = (("debtor_id", subject.debtor_id), ("number", subject.number), ("household", subject.household or None))
    return or_(*(ledger.c[column] == value for column, value in named if value is not None))


def _row(line: Line, now: datetime) -> dict[str, Any]:
    return {
        "id": line.id,
        "revision": line.revision,
        "kind": kind_of(line),
        "debtor_id": line.debtor_id,
        "number": line.number,
        "household": line.household or None,
        "counts_until": counts_until(line),
        "in_flight": isinstance(line, Entry) and line.in_flight,
        "line": encode(line),
        "written_at": now,
    }
