"""When each bot last took from Telegram whatever waited for it."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bots", sa.Column("heard_at", Instant(), nullable=True))
