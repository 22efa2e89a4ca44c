"""Working hours of sources. No source has any after the upgrade, so that all are open as before."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("hours", sa.JSON(), nullable=True))
    op.add_column("sources", sa.Column("is_open", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("sources", sa.Column("opening_changes_at", Instant(), nullable=True))
