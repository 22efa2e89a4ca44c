"""Sources can have keyword rules. None has any after the upgrade."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("keywords", sa.Text(), nullable=True))
