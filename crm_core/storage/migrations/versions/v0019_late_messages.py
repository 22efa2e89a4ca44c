"""Messages that come after a contact was closed; who had a contact before."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("late_hours", RowId, server_default="24", nullable=False))
    op.add_column("contacts", sa.Column("late_from", RowId, nullable=True))
    op.add_column("contacts", sa.Column("previous_operator_id", RowId, nullable=True))
    is_late = sa.text("late_from IS NOT NULL")
    op.create_index("ix_contacts_late", "contacts", ["late_from"], sqlite_where=is_late, postgresql_where=is_late)
