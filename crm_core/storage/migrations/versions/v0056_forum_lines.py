"""It is stored where a forum shows which message. Of what it shows at the upgrade that is not known: it stays so."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "forum_lines",
        sa.Column("message_ref", RowId, nullable=False),
        sa.Column("chat_id", RowId, nullable=False),
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("posted_id", RowId, nullable=False),
        sa.Column("shape", sa.String(8), nullable=False),
        sa.Column("above", sa.JSON(), nullable=True),
        sa.Column("is_stale", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=op.f("fk_forum_lines_contact_id_contacts")),
        sa.ForeignKeyConstraint(["message_ref"], ["messages.id"], name=op.f("fk_forum_lines_message_ref_messages")),
        sa.PrimaryKeyConstraint("message_ref", "chat_id", name=op.f("pk_forum_lines")),
    )
    op.create_index("ix_forum_lines_posted", "forum_lines", ["chat_id", "posted_id"])
    is_stale = sa.text("is_stale")
    op.create_index(
        "ix_forum_lines_stale",
        "forum_lines",
        ["contact_id", "chat_id"],
        sqlite_where=is_stale,
        postgresql_where=is_stale,
    )
