"""Calls that came in; an outcome may be one of theirs."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbound_calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("called", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=True),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("candidates", sa.String(), nullable=False),
        sa.Column("packs", sa.String(), nullable=False),
        sa.Column("debts", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("arrived_at", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("bridged_at", "unserved_at", "call_back_at", "call_back_due_at", "ended_at")
        ),
        sa.Column("agent", sa.String(), nullable=True),
        sa.Column("result", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_inbound_calls_case_id_cases")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_calls")),
    )
    for column in ("arrived_at", "ended_at", "case_id", "number"):
        op.create_index(f"ix_inbound_calls_{column}", "inbound_calls", [column])
    for table, column in (
        ("outcomes", "attempt_id"),
        ("promises", "attempt_id"),
        ("offers", "attempt_id"),
        ("sessions", "wrapping"),
    ):
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"fk_{table}_{column}_attempts", type_="foreignkey")


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
