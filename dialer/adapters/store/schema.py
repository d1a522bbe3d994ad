"""The tables. Times are UTC microseconds since the epoch, money is cents; a migration makes them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_MICRO = 1_000_000


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as UTC microseconds: exact, sortable, the same in every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "an instant without a zone"
            raise ValueError(msg)
        return round(value.timestamp() * _MICRO)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else datetime.fromtimestamp(value / _MICRO, UTC)


debtors = Table(
    "debtors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("creditor", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("name", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("language", String, nullable=False),
    UniqueConstraint("creditor", "reference"),
)

numbers = Table(
    "numbers",
    METADATA,
    Column("debtor_id", ForeignKey("debtors.id"), primary_key=True),
    Column("number", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Index(None, "number"),
)

do_not_call = Table(
    "do_not_call",
    METADATA,
    Column("number", String, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("source", String, nullable=False),
)

cases = Table(
    "cases",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("debtor_id", ForeignKey("debtors.id"), nullable=False),
    Column("creditor", String, nullable=False),
    Column("state", String, nullable=False),
    Column("due_at", Instant),  # when it may be dialled again; empty while a call is under way or it is over
    Column("why", String, nullable=False),  # the reason of state and due_at, in words
    UniqueConstraint("campaign", "debtor_id"),
    Index(None, "campaign", "state", "due_at"),
)

debts = Table(
    "debts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("creditor", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("due_on", Date),
    UniqueConstraint("creditor", "reference"),
    Index(None, "case_id"),
)

attempts = Table(
    "attempts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("campaign", String, nullable=False),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("debtor_id", ForeignKey("debtors.id"), nullable=False),
    Column("number", String, nullable=False),
    Column("packs", String, nullable=False),
    Column("cleared_at", Instant, nullable=False),
    Column("state", String, nullable=False),
    Column("dialled_at", Instant),
    Column("gives_up_at", Instant),
    Column("rang_at", Instant),
    Column("answered_at", Instant),
    Column("bridged_at", Instant),
    Column("abandoned_at", Instant),
    Column("ended_at", Instant),
    Column("agent", String),
    Column("cause", Integer),
    Column("sip", Integer),
    Column("result", String),
    Column("refusals", String, nullable=False),
    Index(None, "ended_at"),
    Index(None, "case_id"),
    Index(None, "debtor_id", "number"),
    Index(None, "cleared_at"),
)

outcomes = Table(
    "outcomes",
    METADATA,
    Column("attempt_id", ForeignKey("attempts.id"), primary_key=True),
    Column("agent", String, nullable=False),
    Column("code", String, nullable=False),
    Column("note", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
)

refusals = Table(
    "refusals",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("reasons", String, nullable=False),
    Column("not_before", Instant),
    Index(None, "case_id"),
)

campaign_states = Table(
    "campaign_states",
    METADATA,
    Column("campaign", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("since", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("agent", String, primary_key=True),
    Column("leg", String),  # the seat's channel; empty = logged out
    Column("pause_reason", String),
    Column("since", Instant, nullable=False),
    Column("wrapping", ForeignKey("attempts.id")),  # the attempt whose outcome the agent is writing
)
