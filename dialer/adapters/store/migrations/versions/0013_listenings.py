"""Who listened to which agent, from when to when, in which modes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listenings",
        sa.Column("leg", sa.String(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("supervisor", "agent", "basis")),
        sa.Column("agent_told", sa.Boolean(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("ended", sa.String()),
        sa.PrimaryKeyConstraint("leg", name=op.f("pk_listenings")),
    )
    op.create_index(op.f("ix_listenings_agent_asked_at"), "listenings", ["agent", "asked_at"])
    op.create_index(op.f("ix_listenings_asked_at"), "listenings", ["asked_at"])
    op.create_index(op.f("ix_listenings_ended_at"), "listenings", ["ended_at"])
    op.create_table(
        "listening_turns",
        sa.Column("leg", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("on_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["leg"], ["listenings.leg"], name=op.f("fk_listening_turns_leg_listenings")),
        sa.PrimaryKeyConstraint("leg", "position", name=op.f("pk_listening_turns")),
    )


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
