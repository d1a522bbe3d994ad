"""Decisions on record: one chain a cell, linked in the order in which they are written."""

import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dialer.adapters.store.away import reading
from dialer.adapters.store.schema import decisions
from dialer.adapters.store.write import Write
from dialer.compliance import evidence
from dialer.compliance.evidence import Link
from dialer.compliance.gate import Decision

DECISION_RANK = 5
PAGE = 5_000
_DECIDE = insert(decisions)


def decision_write(decision: Decision) -> Write:
    """The write of one decision; the writer links it to the one before."""
    intent, verdict = decision.intent, decision.verdict
    about = {
        "at": decision.at.isoformat(),
        "decision": word_of(decision),
        "attempt": decision.attempt,
        "case": intent.case_id,
        "campaign": intent.campaign,
        "mode": intent.mode.value,
        "packs_named": intent.packs,
        "zones": intent.zones,
        "ring_max_seconds": intent.ring_max_seconds,
        "ring_timeout_seconds": intent.ring_timeout_seconds,
        "workplace": intent.workplace,
        "caller_id": intent.caller_id,
        "trunk": intent.trunk,
        "given": dict(intent.given),
        "blind": decision.blind,
    }
    subject = {
        "debtor": intent.debtor_id,
        "number": intent.number,
        "debts": intent.debts,
        "household": intent.household,
    }
    values = {
        "at": decision.at,
        "case_id": intent.case_id,
        "attempt_id": decision.attempt,
        "decision": word_of(decision),
        "reasons": ",".join(verdict.reasons),
        "content": evidence.content_of(verdict, about),
        "subject": evidence.canonical(subject),
    }
    return Write(DECISION_RANK, _DECIDE, values)


def word_of(decision: Decision) -> str:
    """One word for what was decided."""
    if decision.bridge:
        return "bridge" if decision.verdict.allowed else "withhold"
    return "allow" if decision.verdict.allowed else "block"


class Chain:
    """The end of a cell's chain: knows what the next decision follows."""

    statement = _DECIDE

    def __init__(self, cell: str) -> None:
        self._cell = cell
        self._head: tuple[int, str] | None = None
        self._next: tuple[int, str] | None = None

    async def link(self, connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows as links. They hold once the transaction is committed."""
        head = self._next or self._head  # more of one transaction follows what it linked before
        if head is None:
            last = (
                await connection.execute(
                    select(decisions.c.position, decisions.c.digest)
                    .where(decisions.c.chain == self._cell)
                    .order_by(decisions.c.position.desc())
                    .limit(1)
                )
            ).one_or_none()
            head = self._head = (last.position, last.digest) if last else (0, evidence.BEGINNING)
        position, previous = head
        linked = []
        for row in rows:
            position += 1
            made = evidence.link(self._cell, position, previous, row["content"], row["subject"], secrets.token_hex(16))
            previous = made.digest
            linked.append(
                row
                | {
                    "chain": made.chain,
                    "position": made.position,
                    "salt": made.salt,
                    "subject_digest": made.subject_digest,
                    "previous": made.previous,
                    "digest": made.digest,
                }
            )
        self._next = position, previous
        return linked

    def committed(self) -> None:
        """They are on the disk."""
        if self._next is not None:
            self._head, self._next = self._next, None

    def failed(self) -> None:
        """They may or may not be: the head is read again."""
        self._head = self._next = None


class SqlDecisions:
    """The chains, read in order. Raises AwayError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def links(self) -> AsyncIterator[Link]:
        """Every decision, by chain and position."""
        order = (decisions.c.chain, decisions.c.position)
        after: tuple[str, int] | None = None
        while True:
            chosen = select(decisions).order_by(*order).limit(PAGE)
            if after is not None:
                chain, position = after
                chosen = chosen.where(
                    (decisions.c.chain > chain) | ((decisions.c.chain == chain) & (decisions.c.position > position))
                )
            async with reading(self._engine) as connection:
                rows = (await connection.execute(chosen)).all()
            if not rows:
                return
            for row in rows:
                yield Link(
                    row.chain, row.position, row.content, row.subject_digest, row.previous, row.digest, row.subject,
                    row.salt,
                )  # fmt: skip
            after = rows[-1].chain, rows[-1].position
