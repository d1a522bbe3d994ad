"""The order of the cases: what each is worth, since when nobody has called it, and indexes by which the next are found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BAND = "CASE WHEN substr(why, 1, 16) = 'agreed call-back' THEN 10 WHEN wanted_by <= due_at THEN 9 ELSE worth END"
_CALLED = (
    "UPDATE cases SET uncalled_since = coalesce("
    "(SELECT max(cleared_at) FROM attempts WHERE attempts.case_id = cases.id), cases.due_at, 0)"
)


def upgrade() -> None:
    op.add_column("cases", sa.Column("worth", sa.Integer(), server_default="1", nullable=False))
    op.add_column("cases", sa.Column("uncalled_since", sa.BigInteger(), server_default="0", nullable=False))
    op.execute(_CALLED)
    # SQLite can add only a column that is reckoned when it is read, PostgreSQL keeps it
    stored = op.get_bind().dialect.name == "postgresql"
    op.add_column("cases", sa.Column("band", sa.Integer(), sa.Computed(_BAND, persisted=stored)))
    op.drop_index(op.f("ix_cases_campaign_state_due_at"), "cases")
    order = ["due_at", "uncalled_since", "id"]
    op.create_index("ix_cases_due", "cases", ["campaign", "state", *order])
    op.create_index("ix_cases_band", "cases", ["campaign", "state", "band", *order])
    climbing = sa.text("state = 'open' AND band < 9")
    op.create_index(
        "ix_cases_climbing", "cases", ["campaign", "wanted_by", "id"], sqlite_where=climbing, postgresql_where=climbing
    )
    op.drop_index(op.f("ix_attempts_debtor_id_number"), "attempts")
    op.create_index(
        op.f("ix_attempts_debtor_id_number_cleared_at_result"),
        "attempts",
        ["debtor_id", "number", "cleared_at", "result"],
    )
    op.create_table(
        "habits",
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "cell", name=op.f("pk_habits")),
    )


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
