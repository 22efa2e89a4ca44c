"""Cards that were shown again; which waits operators were reminded of; the pinned overview in each operator's chat.

Clients who are waiting at the time of the upgrade count as reminded of: else each operator would get a line for each.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posted", sa.Column("is_brief", sa.Boolean(), server_default=sa.false(), nullable=False))
