"""Sources, leads and contacts can have a head start in the queue. Nothing has any after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("priority_minutes", RowId, server_default="0", nullable=False))
    op.add_column("leads", sa.Column("head_start", RowId, server_default="0", nullable=False))
    op.add_column("contacts", sa.Column("head_start", RowId, server_default="0", nullable=False))
    op.add_column("contacts", sa.Column("order_at", Instant(), nullable=True))
    waits = sa.text("operator_id IS NULL AND status = 'new'")
    op.execute(sa.text("UPDATE contacts SET order_at = created_at WHERE operator_id IS NULL AND status = 'new'"))
    op.drop_index("ix_contacts_queue", table_name="contacts")
    op.create_index(
        "ix_contacts_queue",
        "contacts",
        ["source_id", "order_at", "id"],
        sqlite_where=waits,
        postgresql_where=waits,
    )
