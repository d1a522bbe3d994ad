"""What an outcome counted as and brought about; promises and offers."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# what the outcomes said before this revision count as
_COUNTED = {
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
    op.add_column("outcomes", sa.Column("counts_as", sa.String(), server_default="unknown", nullable=False))
    op.add_column("outcomes", sa.Column("right_party", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("outcomes", sa.Column("form", sa.Text(), server_default="{}", nullable=False))
    for name in ("next_state", "next_why", "next_number"):
        op.add_column("outcomes", sa.Column(name, sa.String(), nullable=True))
    op.add_column("outcomes", sa.Column("next_due_at", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("first_number", sa.String(), nullable=True))
    said = sa.table("outcomes", sa.column("code"), sa.column("counts_as"), sa.column("right_party"))
    for code, counts_as in _COUNTED.items():
        op.execute(
            said.update()
            .where(said.c.code == code)
            .values(counts_as=counts_as, right_party=sa.true() if counts_as == "conversation" else sa.false())
        )
    op.create_table(
        "promises",
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_on", sa.Date(), nullable=False),
        sa.Column("grace_days", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("instalments", sa.Text(), nullable=False),
        sa.Column("kept", sa.String(), nullable=False),
        sa.Column("check_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_promises_attempt_id_attempts")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_promises_case_id_cases")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_promises")),
    )
    op.create_index(op.f("ix_promises_case_id"), "promises", ["case_id"])
    op.create_index(op.f("ix_promises_check_on"), "promises", ["check_on"])
    op.create_table(
        "offers",
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("discount_percent", sa.Float(), nullable=False),
        sa.Column("instalments", sa.Integer(), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempts.id"], name=op.f("fk_offers_attempt_id_attempts")),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_offers_case_id_cases")),
        sa.PrimaryKeyConstraint("attempt_id", "position", name=op.f("pk_offers")),
    )
    op.create_index(op.f("ix_offers_case_id"), "offers", ["case_id"])


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
