"""What a promise under an accepted offer leaves out of what is owed, once it is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("promises", sa.Column("remission_cents", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    msg = "a record is never taken back: restore the backup"
    raise RuntimeError(msg)
