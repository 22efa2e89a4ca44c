"""Contacts can be moved to another source. None has been after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("first_source_id", RowId, nullable=True))
    was_moved = sa.text("first_source_id IS NOT NULL")
    op.create_index(
        "ix_contacts_moved", "contacts", ["first_source_id"], sqlite_where=was_moved, postgresql_where=was_moved
    )
    # What came through one bot may wait at the source of another, where the same client has a request of their own.
    is_open = sa.text("status <> 'closed' AND chat_id IS NOT NULL")
    op.drop_index("uq_contacts_open", table_name="contacts")
    op.create_index(
        "uq_contacts_open",
        "contacts",
        ["lead_id", "source_id", "bot_id"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
