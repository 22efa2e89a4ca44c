"""Cards that were shown again know when their operators asked for them. Those that exist do not."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posted", sa.Column("asked_at", Instant(), nullable=True))
