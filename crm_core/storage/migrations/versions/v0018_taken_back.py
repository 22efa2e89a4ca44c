"""Operators take words back, and what waits for their choice stands under one question that ends."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Questions that are open now go on as they are: each for itself, without an end.
    op.add_column("messages", sa.Column("withdrawn_at", Instant, nullable=True))
    op.add_column("pending_replies", sa.Column("closed_contact_id", RowId, nullable=True))
    op.add_column("pending_replies", sa.Column("ends_at", Instant, nullable=True))
    op.add_column("pending_replies", sa.Column("question_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_pending_replies_waiting",
        "pending_replies",
        ["bot_id", "chat_id"],
        sqlite_where=sa.text("ends_at IS NOT NULL"),
        postgresql_where=sa.text("ends_at IS NOT NULL"),
    )
