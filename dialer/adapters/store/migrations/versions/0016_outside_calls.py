"""Who outside was called into a debtor's call, by whom, and what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outside_calls",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("leg", "attempt_id")),
        sa.Column("case_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("campaign", "agent", "party")),
        *(sa.Column(name, sa.String()) for name in ("number", "caller_id")),
        sa.Column("trunk", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in ("bridged_at", "handed_over_at", "ended_at")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_outside_calls_case_id_cases")),
        sa.PrimaryKeyConstraint("leg", name=op.f("pk_outside_calls")),
    )
    for name in ("attempt_id", "case_id", "asked_at", "ended_at"):
        op.create_index(op.f(f"ix_outside_calls_{name}"), "outside_calls", [name])


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
