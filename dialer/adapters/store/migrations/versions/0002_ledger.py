"""The ledger, the chain of decisions, and what packs ask about a debtor."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_DAY = 86_400_000_000
_COUNTED_DAYS = 36
# what the calls made before this revision count as; who had a talk and no outcome, or no end, counts as the worst
_RESULTS = {"hung_up": "hung_up_early", "connected": "unknown", None: "unknown"}
_OUTCOMES = {
    "promise_to_pay": "conversation",
    "paid_already": "conversation",
    "refuses": "conversation",
    "call_back": "conversation",
    "do_not_call": "conversation",
    "third_party": "third_party",
    "wrong_number": "third_party",
    "machine": "machine",
    "fax": "machine",
    "network_tone": "machine",
    "no_voice": "machine",
    "hung_up": "hung_up",
}


def upgrade() -> None:
    op.add_column("debtors", sa.Column("household", sa.String(), server_default="", nullable=False))
    op.add_column("debtors", sa.Column("place", sa.String(), server_default="", nullable=False))
    op.create_index(op.f("ix_debtors_household"), "debtors", ["household"])
    op.create_index(op.f("ix_attempts_number"), "attempts", ["number"])
    op.add_column("cases", sa.Column("facts", sa.Text(), server_default="{}", nullable=False))
    op.add_column("cases", sa.Column("wanted_by", sa.BigInteger(), nullable=True))
    op.add_column("attempts", sa.Column("mode", sa.String(), server_default="progressive", nullable=False))
    op.add_column("attempts", sa.Column("debts", sa.String(), server_default="", nullable=False))
    ledger = op.create_table(
        "ledger",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("debtor_id", sa.Integer(), nullable=True),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("household", sa.String(), nullable=True),
        sa.Column("counts_until", sa.BigInteger(), nullable=True),
        sa.Column("in_flight", sa.Boolean(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    for column in ("debtor_id", "number", "household", "counts_until", "written_at"):
        op.create_index(op.f(f"ix_ledger_{column}"), "ledger", [column])
    op.create_table(
        "ledger_keys",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_ledger_keys")),
    )
    op.create_table(
        "decisions",
        sa.Column("chain", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=True),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reasons", sa.String(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("subject_digest", sa.String(), nullable=False),
        sa.Column("previous", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "position", name=op.f("pk_decisions")),
    )
    for column in ("case_id", "attempt_id", "at"):
        op.create_index(op.f(f"ix_decisions_{column}"), "decisions", [column])
    assert ledger is not None
    _take_over(op.get_bind(), ledger)
    op.drop_table("do_not_call")
    op.drop_table("refusals")


def _take_over(connection: sa.Connection, ledger: sa.Table) -> None:
    """What was on record before counts from the first decision on: the calls, and the do-not-call list."""
    rows: list[dict[str, Any]] = []
    for number, since in connection.execute(sa.text("SELECT number, since FROM do_not_call")):
        line = ["flag", f"opt-{number}", 0, None, number, "", "do-not-call", None, None]
        rows.append(_row(line, None, in_flight=False, written_at=since))
    past = sa.text(
        "SELECT a.id, a.debtor_id, a.number, a.campaign, a.cleared_at, a.ended_at, a.result, o.code "
        "FROM attempts a LEFT JOIN outcomes o ON o.attempt_id = a.id"
    )
    for id_, debtor, number, campaign, cleared_at, ended_at, result, code in connection.execute(past):
        counts_as = _OUTCOMES.get(code) if result in ("connected", None) else None
        counts_as = counts_as or _RESULTS.get(result, result)
        at = ended_at or cleared_at
        line = [
            "entry", id_, 1 if ended_at else 0, debtor, number, "", at, counts_as, ended_at is None, "outbound", "call",
            None, campaign, "", False,
        ]  # fmt: skip
        until = at + _COUNTED_DAYS * _DAY if ended_at else None
        rows.append(_row(line, until, in_flight=ended_at is None, written_at=at))
    if rows:
        connection.execute(ledger.insert(), rows)


def _row(line: list[Any], until: int | None, *, in_flight: bool, written_at: int) -> dict[str, Any]:
    return {
        "id": line[1],
        "revision": line[2],
        "kind": line[0],
        "debtor_id": line[3],
        "number": line[4],
        "household": line[5] or None,
        "counts_until": until,
        "in_flight": in_flight,
        "line": json.dumps(line, separators=(",", ":")),
        "written_at": written_at,
    }
