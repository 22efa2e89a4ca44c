"""Whether a client who comes back goes to the operator whom they had: at no source, until an admin says so."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("sticky_days", RowId, server_default="0", nullable=False))
    op.add_column("sources", sa.Column("sticky_mode", sa.String(8), server_default="charged", nullable=False))
