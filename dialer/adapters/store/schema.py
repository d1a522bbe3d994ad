"""The tables. Times are UTC microseconds since the epoch, money is cents; a migration makes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from dialer.kernel.clock import from_micro, to_micro

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


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
        return to_micro(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else from_micro(value)


debtors = Table(
    "debtors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("creditor", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("name", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("language", String, nullable=False),
    Column("household", String, nullable=False, server_default=""),
    Column("place", String, nullable=False, server_default=""),  # where the address is: IT, US-MA
    UniqueConstraint("creditor", "reference"),
    Index(None, "household"),
)

numbers = Table(
    "numbers",
    METADATA,
    Column("debtor_id", ForeignKey("debtors.id"), primary_key=True),
    Column("number", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Index(None, "number"),
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
    Column("facts", Text, nullable=False, server_default="{}"),  # what packs may require, as JSON
    Column("wanted_by", Instant),  # the least cadence: after this the case is urgent
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
    Column("mode", String, nullable=False, server_default="progressive"),
    Column("debts", String, nullable=False, server_default=""),  # ids of the debts that it was about
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
    Index(None, "number"),
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

ledger = Table(
    "ledger",
    METADATA,
    Column("id", String, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("debtor_id", Integer),
    Column("number", String),
    Column("household", String),
    Column("counts_until", Instant),  # when no rule looks at it any more; empty = for ever, or while in flight
    Column("in_flight", Boolean, nullable=False),
    Column("line", Text, nullable=False),
    Column("written_at", Instant, nullable=False),
    Index(None, "debtor_id"),
    Index(None, "number"),
    Index(None, "household"),
    Index(None, "counts_until"),
    Index(None, "written_at"),
)

# what a reservation compares, where cells share this database as their ledger
ledger_keys = Table(
    "ledger_keys",
    METADATA,
    Column("key", String, primary_key=True),
    Column("version", BigInteger, nullable=False),
)

decisions = Table(
    "decisions",
    METADATA,
    Column("chain", String, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("case_id", Integer, nullable=False),
    Column("attempt_id", String),
    Column("decision", String, nullable=False),  # allow, block; at the answer bridge, withhold
    Column("reasons", String, nullable=False),
    Column("content", Text, nullable=False),
    Column("subject", Text),  # about whom; empty once it was erased
    Column("salt", String),
    Column("subject_digest", String, nullable=False),
    Column("previous", String, nullable=False),
    Column("digest", String, nullable=False),
    Index(None, "case_id"),
    Index(None, "attempt_id"),
    Index(None, "at"),
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

# what a cell's pacing learnt of a campaign, as JSON
pacing_memory = Table(
    "pacing_memory",
    METADATA,
    Column("cell", String, primary_key=True),
    Column("campaign", String, primary_key=True),
    Column("saved_at", Instant, nullable=False),
    Column("memory", Text, nullable=False),
)
