"""A source can keep what its clients send from being forwarded and saved. None does so after the upgrade."""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("protect_content", sa.Boolean(), server_default=sa.false(), nullable=False))
