"""Indexes that every message pays for hold only what is looked for in them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEPT = (
    ("outbox", "uq_outbox_once", "once", True, "state = 'pending' AND once IS NOT NULL"),
    ("outbox", "ix_outbox_settled_at", "settled_at", False, "settled_at IS NOT NULL"),
    ("inbox", "ix_inbox_finished_at", "finished_at", False, "finished_at IS NOT NULL"),
    ("posted", "ix_posted_message_ref", "message_ref", False, "message_ref IS NOT NULL"),
)


def upgrade() -> None:
    op.drop_index("ix_chats_lead_id", table_name="chats")
    for table, name, column, unique, condition in _KEPT:
        op.drop_index(name, table_name=table)
        op.create_index(
            name, table, [column], unique=unique, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition)
        )
