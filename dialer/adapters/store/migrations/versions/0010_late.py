"""When a promise that wasn't kept was paid all the same; whose zone nobody named."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promises", sa.Column("paid_late_on", sa.Date()))
    op.add_column("debtors", sa.Column("zone_guessed", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index("ix_written_facts_kind_debt_id", "written_facts", ["kind", "debt_id"])


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
