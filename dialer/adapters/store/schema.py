"""The tables. Times are UTC microseconds since the epoch, money is cents; a migration makes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Date,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

from dialer.cases.model import AGREED
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


AGREED_BAND, URGENT_BAND = 10, 9
"""Above the bands of worth: who agreed to be called, and who is wanted by the time at which the case is due."""
BAND = (
    f"CASE WHEN substr(why, 1, {len(AGREED)}) = '{AGREED}' THEN {AGREED_BAND} "
    f"WHEN wanted_by <= due_at THEN {URGENT_BAND} ELSE worth END"
)
CLIMBING = text(f"state = 'open' AND band < {URGENT_BAND}")

creditors = Table(
    "creditors",
    METADATA,
    Column("name", String, primary_key=True),
    Column("tax_code", String, nullable=False, server_default=""),
)

mandates = Table(
    "mandates",
    METADATA,
    Column("creditor", String, primary_key=True),
    Column("reference", String, primary_key=True),
    Column("licence", String, nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date),
    Column("packs", String, nullable=False),
    Column("retention_days", Integer, nullable=False),
    Column("currency", String, nullable=False),
)

debtors = Table(
    "debtors",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("creditor", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("name", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("zone_guessed", Boolean, nullable=False, server_default=false()),  # nobody named it: the numbers tell
    Column("language", String, nullable=False),
    Column("household", String, nullable=False, server_default=""),
    Column("place", String, nullable=False, server_default=""),  # where the address is: IT, US-MA
    Column("kind", String, nullable=False, server_default="person"),
    Column("tax_code", String, nullable=False, server_default=""),
    Column("pec", String, nullable=False, server_default=""),
    Column("risk_class", String, nullable=False, server_default=""),
    Column("income_class", String, nullable=False, server_default=""),
    UniqueConstraint("creditor", "reference"),
    Index(None, "household"),
    Index(None, "tax_code"),
)

addresses = Table(
    "addresses",
    METADATA,
    Column("debtor_id", ForeignKey("debtors.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("street", String, nullable=False),
    Column("postal_code", String, nullable=False),
    Column("city", String, nullable=False),
    Column("province", String, nullable=False),
    Column("country", String, nullable=False),
)

numbers = Table(
    "numbers",
    METADATA,
    Column("debtor_id", ForeignKey("debtors.id"), primary_key=True),
    Column("number", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("kind", String, nullable=False, server_default="unknown"),
    Column("provenance", String, nullable=False, server_default="unknown"),
    Column("verified_on", Date),
    Column("best_hours", String, nullable=False, server_default=""),  # hours of the debtor's day, as 18,19
    Column("note", String, nullable=False, server_default=""),
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
    Column("first_number", String),  # which one is tried first, as the last outcome suggests
    Column("mandate", String, nullable=False, server_default=""),
    Column("note", Text, nullable=False, server_default=""),
    Column("worth", Integer, nullable=False, server_default="1"),  # its band, by what calling it is worth
    Column("uncalled_since", Instant, nullable=False, server_default="0"),  # its last attempt, or when it came in
    Column("band", Integer, Computed(BAND)),  # the order of the choice, kept by the database itself
    UniqueConstraint("campaign", "debtor_id"),
    Index("ix_cases_due", "campaign", "state", "due_at", "uncalled_since", "id"),
    Index("ix_cases_band", "campaign", "state", "band", "due_at", "uncalled_since", "id"),
    # those that are due, and were wanted only since: the band doesn't know of them
    Index("ix_cases_climbing", "campaign", "wanted_by", "id", sqlite_where=CLIMBING, postgresql_where=CLIMBING),
    Index(None, "debtor_id"),
)

guarantors = Table(
    "guarantors",
    METADATA,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("tax_code", String, nullable=False),
    Column("numbers", String, nullable=False),  # with commas between
    Column("note", String, nullable=False),
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
    Column("limitation_on", Date),  # as the creditor says; what moved it stands in written_facts
    Column("limitation_years", Integer),
    UniqueConstraint("creditor", "reference"),
    Index(None, "case_id"),
    Index(None, "limitation_on"),
)

debt_items = Table(
    "debt_items",
    METADATA,
    Column("debt_id", ForeignKey("debts.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("due_on", Date),
    Column("description", String, nullable=False),
)

payments = Table(
    "payments",
    METADATA,
    Column("creditor", String, primary_key=True),
    Column("reference", String, primary_key=True),
    Column("debt_id", ForeignKey("debts.id"), nullable=False),
    Column("amount_cents", BigInteger, nullable=False),  # in the debt's currency; below zero: taken back
    Column("paid_on", Date, nullable=False),
    Column("method", String, nullable=False),
    Column("receipt", String, nullable=False),  # the terminal's reference, never a card's number
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "debt_id"),
    Index(None, "recorded_at"),
)

# what moves a debt's limitation date: in writing, and nothing else
written_facts = Table(
    "written_facts",
    METADATA,
    Column("debt_id", ForeignKey("debts.id"), primary_key=True),
    Column("kind", String, primary_key=True),
    Column("happened_on", Date, primary_key=True),
    Column("evidence", String, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("letter", String),  # the letter whose receipt it is, as 17-1
    Index(None, "kind", "debt_id"),
)

letters = Table(
    "letters",
    METADATA,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("template", String, nullable=False),
    Column("version", String, nullable=False),  # the hash of the template's file
    Column("batch", String, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("written_on", Date, nullable=False),
    Column("written_by", String, nullable=False),
    Column("debts", String, nullable=False),  # ids, with commas between
    Column("total_cents", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("wait_days", Integer, nullable=False),
    Column("next", String, nullable=False),  # call, escalate
    Column("content", Text, nullable=False),  # to whom, and every word of it, as JSON
    Column("sent_on", Date),
    Column("received_on", Date),
    Column("returned_on", Date),
    Column("cancelled_on", Date),
    Column("tracking", String),
    Column("told_by", String, nullable=False, server_default=""),
    Column("told_at", Instant),
    Index(None, "batch"),
    Index(None, "written_at"),
)

# what happened in a case beside calls, payments and flags
case_history = Table(
    "case_history",
    METADATA,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("reference", String, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", String, nullable=False),
    Column("direction", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "case_id", "at"),
)

# every word about a flag, written with the ledger's line that the gate reads: a line knows only the last one
flag_changes = Table(
    "flag_changes",
    METADATA,
    Column("line_id", String, primary_key=True),
    Column("revision", BigInteger, primary_key=True),
    Column("name", String, nullable=False),
    Column("debtor_id", Integer),
    Column("number", String),
    Column("debt_id", Integer),
    Column("at", Instant, nullable=False),
    Column("until", Instant),  # at or before `at`: it was lifted
    Column("recorded_at", Instant, nullable=False),
    Column("recorded_by", String, nullable=False),
    Column("evidence", String, nullable=False),
    Index(None, "debtor_id"),
    Index(None, "number"),
)

# who looked at which case when
case_views = Table(
    "case_views",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("case_id", Integer, nullable=False),
    Column("viewed_by", String, nullable=False),
    Column("viewed_at", Instant, nullable=False),
    Column("how", String, nullable=False),
    Index(None, "case_id", "viewed_at"),
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
    Column("caller_id", String, nullable=False, server_default=""),  # what was presented
    Column("trunk", String, nullable=False, server_default=""),
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
    Index(None, "debtor_id", "number", "cleared_at", "result"),
    Index(None, "number"),
    Index(None, "cleared_at"),
)

# calls that came in: none of them is an attempt of ours, and no count of those knows them
inbound_calls = Table(
    "inbound_calls",
    METADATA,
    Column("id", String, primary_key=True),
    Column("campaign", String, nullable=False),  # empty: the number that was rung is no campaign's
    Column("called", String, nullable=False),
    Column("number", String),  # the caller's; empty: withheld
    Column("case_id", ForeignKey("cases.id")),
    Column("candidates", String, nullable=False),  # cases of everybody with the number, with commas between
    Column("packs", String, nullable=False),  # by which the talk about its case counts
    Column("debts", String, nullable=False),
    Column("state", String, nullable=False),
    Column("arrived_at", Instant, nullable=False),
    Column("bridged_at", Instant),
    Column("unserved_at", Instant),
    Column("call_back_at", Instant),  # when it was asked for
    Column("call_back_due_at", Instant),
    Column("ended_at", Instant),
    Column("agent", String),
    Column("result", String),
    Index(None, "arrived_at"),
    Index(None, "ended_at"),
    Index(None, "case_id"),
    Index(None, "number"),
)

# calls to somebody who is no debtor, into a debtor's call: no count of attempts knows them
outside_calls = Table(
    "outside_calls",
    METADATA,
    Column("leg", String, primary_key=True),
    Column("attempt_id", String, nullable=False),  # the debtor's call: an attempt, or one that came in
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("campaign", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("party", String, nullable=False),  # the destination's name, or the supervisor's
    Column("number", String),  # empty: a supervisor's phone
    Column("caller_id", String),
    Column("trunk", String, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("bridged_at", Instant),
    Column("handed_over_at", Instant),
    Column("ended_at", Instant),
    Index(None, "attempt_id"),
    Index(None, "case_id"),
    Index(None, "asked_at"),
    Index(None, "ended_at"),
)

# of an attempt of ours, or of a call that came in
outcomes = Table(
    "outcomes",
    METADATA,
    Column("attempt_id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("code", String, nullable=False),
    Column("note", String, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("counts_as", String, nullable=False, server_default="unknown"),  # for the gate, when it was said
    Column("right_party", Boolean, nullable=False, server_default=false()),
    Column("form", Text, nullable=False, server_default="{}"),  # what the agent filled in, as JSON
    Column("script", String),  # what the agent was to say: its language, name and version
    # what comes next in the case once the call is over
    Column("next_state", String),
    Column("next_due_at", Instant),
    Column("next_why", String),
    Column("next_number", String),
)

# one a call; a later word about the same call replaces it
promises = Table(
    "promises",
    METADATA,
    Column("attempt_id", String, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("agent", String, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("made_on", Date, nullable=False),
    Column("grace_days", Integer, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("instalments", Text, nullable=False),  # [day, cents] each, as JSON
    Column("kept", String, nullable=False),  # as it was judged last
    Column("check_on", Date),  # when it must be judged again
    Column("remission_cents", BigInteger, nullable=False, server_default="0"),  # once it is kept
    Column("paid_late_on", Date),  # when all of it had come, though it wasn't kept
    Index(None, "case_id"),
    Index(None, "check_on"),
)

offers = Table(
    "offers",
    METADATA,
    Column("attempt_id", String, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("case_id", ForeignKey("cases.id"), nullable=False),
    Column("agent", String, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("discount_percent", Float, nullable=False),
    Column("instalments", Integer, nullable=False),
    Column("until", Date, nullable=False),
    Column("answer", String, nullable=False),
    Column("approved_by", String),
    Index(None, "case_id"),
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
    Column("wrapping", String),  # the call whose outcome the agent is writing
)

# which supervisor listened to which agent
listenings = Table(
    "listenings",
    METADATA,
    Column("leg", String, primary_key=True),
    Column("supervisor", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("basis", String, nullable=False),  # why it is lawful, as the configuration said
    Column("agent_told", Boolean, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("ended", String),  # how the end is known: seen, found
    Index(None, "agent", "asked_at"),
    Index(None, "asked_at"),
    Index(None, "ended_at"),
)

listening_turns = Table(
    "listening_turns",
    METADATA,
    Column("leg", ForeignKey("listenings.leg"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("mode", String, nullable=False),
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", String, nullable=False),
    Column("on_at", Instant),  # from when it held, by the PBX's word
)

# how long agents were at what, by quarters of an hour
working_times = Table(
    "working_times",
    METADATA,
    Column("agent", String, primary_key=True),
    Column("began_at", Instant, primary_key=True, autoincrement=False),
    Column("work", String, primary_key=True),
    Column("microseconds", BigInteger, nullable=False),
    Index(None, "began_at"),
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

# complete files; `attempt_id` refers to nothing: a file whose call is unknown is on record too
recordings = Table(
    "recordings",
    METADATA,
    Column("attempt_id", String, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("stopped_at", Instant, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("known", Boolean, nullable=False),
    Column("cell", String, nullable=False, server_default="cell1"),
    Column("deleted_at", Instant),  # the file is no more; the row stays
)

recording_moments = Table(
    "recording_moments",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("attempt_id", String, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("what", String, nullable=False),
    Column("by", String, nullable=False),
    Column("why", String, nullable=False, server_default=""),
)

# when numbers are answered, as a cell learnt of a campaign's calls, as JSON
habits = Table(
    "habits",
    METADATA,
    Column("campaign", String, primary_key=True),
    Column("cell", String, primary_key=True),
    Column("saved_at", Instant, nullable=False),
    Column("memory", Text, nullable=False),
)

# of the configuration; what changed and what waits for a restart, as JSON: [[key, before, after], …]
reloads = Table(
    "reloads",
    METADATA,
    Column("cell", String, primary_key=True),
    Column("at", Instant, primary_key=True, autoincrement=False),
    Column("by", String, nullable=False),
    Column("result", String, nullable=False),
    Column("changed", Text, nullable=False),
    Column("waiting", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("remedy", Text, nullable=False),
)
