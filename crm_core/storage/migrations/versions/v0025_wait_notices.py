"""Messages to admins that tell that clients wait at a source: each is edited until nobody waits."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0025"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wait_notices",
        sa.Column("source_id", RowId, autoincrement=False, nullable=False),
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("waiting", RowId, nullable=False),
        sa.Column("contact_id", RowId, nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_wait_notices_source_id_sources"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("source_id", "chat_id", name=op.f("pk_wait_notices")),
    )
