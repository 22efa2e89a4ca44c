"""A request that waits for its client can count less in its operator's load. All count fully after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("waiting_load", RowId, server_default="100", nullable=False))
    op.add_column("operators", sa.Column("relief", RowId, server_default="0", nullable=False))
    op.add_column("contacts", sa.Column("relief", RowId, server_default="0", nullable=False))
