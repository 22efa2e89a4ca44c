"""Working hours of operators. Nobody has any after the upgrade, so that everybody is on shift as before."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operators", sa.Column("hours", sa.JSON(), nullable=True))
    op.add_column("operators", sa.Column("on_shift", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("operators", sa.Column("shift_changes_at", Instant(), nullable=True))
