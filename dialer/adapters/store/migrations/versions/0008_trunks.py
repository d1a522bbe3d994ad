"""With which caller id, and over which trunk, each attempt was made."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("caller_id", "trunk"):
        op.add_column("attempts", sa.Column(name, sa.String(), server_default="", nullable=False))


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
