"""Recordings that are no more: when, by whom and why; and at which cell a file is."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recordings", sa.Column("cell", sa.String(), nullable=False, server_default="cell1"))
    op.add_column("recordings", sa.Column("deleted_at", sa.BigInteger(), nullable=True))
    op.add_column("recording_moments", sa.Column("why", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
