"""A source can have a forum, where each of its open contacts has a topic. None has one after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("forum_chat_id", RowId, nullable=True))
    op.add_column("sources", sa.Column("forum_bot_id", RowId, nullable=True))
    op.add_column("sources", sa.Column("forum_language", sa.String(), nullable=True))
    op.create_table(
        "forum_topics",
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("chat_id", RowId, nullable=False),
        sa.Column("topic_id", RowId, nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("head", sa.String(16), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("shown_to", RowId, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_forum_topics_contact_id_contacts")),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_forum_topics")),
    )
    op.create_index("uq_forum_topics_topic", "forum_topics", ["chat_id", "topic_id"], unique=True)
