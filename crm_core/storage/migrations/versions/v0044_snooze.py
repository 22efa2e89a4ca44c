"""Contacts can sleep until a moment, and operators have a ceiling over all that is theirs. Nothing sleeps at first."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operators", sa.Column("snoozed", RowId, server_default="0", nullable=False))
    op.add_column("operators", sa.Column("max_held", RowId, nullable=True))
    op.add_column("contacts", sa.Column("wakes_at", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("woke_at", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("goes_first", sa.Boolean(), server_default=sa.false(), nullable=False))
    sleeps = sa.text("wakes_at IS NOT NULL")
    op.create_index("ix_contacts_wakes", "contacts", ["wakes_at"], sqlite_where=sleeps, postgresql_where=sleeps)
    _remake("ix_contacts_queue", "operator_id IS NULL AND status = 'new'", "source_id", "order_at", "id", "wakes_at")
    _remake("ix_contacts_open_of_operator", "status <> 'closed'", "operator_id", "source_id", "wakes_at")


def _remake(name: str, condition: str, *columns: str) -> None:
    """An index that knows what sleeps, so that no row is read for it."""
    where = sa.text(condition)
    op.drop_index(name, table_name="contacts")
    op.create_index(name, "contacts", list(columns), sqlite_where=where, postgresql_where=where)
