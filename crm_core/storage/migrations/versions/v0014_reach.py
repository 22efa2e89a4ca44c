"""Whether an operator was removed, replaced or lost a chat since they were chosen; who invited whom; removed admins."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operators", sa.Column("reach_version", RowId, server_default="0", nullable=False))
    op.add_column("invitations", sa.Column("invited_by", sa.BigInteger(), nullable=True))
    op.create_table(
        "removed_admins",
        sa.Column("telegram_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("removed_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("telegram_id", name=op.f("pk_removed_admins")),
    )
