"""Letters with what stood in them, the fact that one was received, and the script of a call."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "letters",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        *(_text(name) for name in ("kind", "template", "version", "batch")),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("written_on", sa.Date(), nullable=False),
        *(_text(name) for name in ("written_by", "debts")),
        sa.Column("total_cents", sa.BigInteger(), nullable=False),
        _text("currency"),
        sa.Column("wait_days", sa.Integer(), nullable=False),
        _text("next"),
        sa.Column("content", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Date()) for name in ("sent_on", "received_on", "returned_on", "cancelled_on")),
        sa.Column("tracking", sa.String()),
        sa.Column("told_by", sa.String(), server_default="", nullable=False),
        sa.Column("told_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_letters_case_id_cases")),
        sa.PrimaryKeyConstraint("case_id", "number", name=op.f("pk_letters")),
    )
    op.create_index(op.f("ix_letters_batch"), "letters", ["batch"])
    op.create_index(op.f("ix_letters_written_at"), "letters", ["written_at"])
    op.add_column("written_facts", sa.Column("letter", sa.String()))
    op.add_column("outcomes", sa.Column("script", sa.String()))


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.String(), nullable=False)
