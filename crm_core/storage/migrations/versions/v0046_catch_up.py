"""Where shares are exact, planned absence can be credited on return. It is nowhere after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("catch_up", RowId, server_default="0", nullable=False))
    op.add_column("operators", sa.Column("on_leave", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("credits", sa.Column("missed", RowId, server_default="0", nullable=False))
