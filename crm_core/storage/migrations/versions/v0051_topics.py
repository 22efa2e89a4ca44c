"""Operators can have a topic for each of their contacts in the chat with a bot. Nobody has them after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("has_topics", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "topics",
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("bot_id", RowId, nullable=False),
        sa.Column("chat_id", RowId, nullable=False),
        sa.Column("topic_id", RowId, nullable=False),
        sa.Column("shown", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_topics_contact_id_contacts")),
        sa.PrimaryKeyConstraint("contact_id", "bot_id", "chat_id", name=op.f("pk_topics")),
    )
