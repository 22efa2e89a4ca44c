"""A contact can have a topic in several forums: in that of its source, and closed ones where it was before."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = [dict(row) for row in op.get_bind().execute(sa.text("SELECT * FROM forum_topics")).mappings()]
    op.drop_table("forum_topics")  # with its key, which neither database changes where it stands
    topics = op.create_table(
        "forum_topics",
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("chat_id", RowId, nullable=False),
        sa.Column("topic_id", RowId, nullable=False),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("head", sa.String(16), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("shown_to", RowId, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_forum_topics_contact_id_contacts")),
        sa.PrimaryKeyConstraint("contact_id", "chat_id", name=op.f("pk_forum_topics")),
    )
    op.create_index("uq_forum_topics_topic", "forum_topics", ["chat_id", "topic_id"], unique=True)
    if known:
        op.bulk_insert(topics, known)
