"""Targets of sources, and what was told of them. No source has any after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("sla", sa.JSON(), nullable=True))
    op.add_column("sources", sa.Column("terms", RowId, server_default="0", nullable=False))
    for name, column, kind in (
        ("ix_events_sources", "source_id", "source_changed"),
        ("ix_events_operators", "operator_id", "operator_changed"),
    ):
        where = sa.text(f"kind = '{kind}'")
        op.create_index(name, "events", [column, "id"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "service_watches",
        sa.Column("contact_id", RowId, autoincrement=False, nullable=False),
        sa.Column("version", RowId, nullable=False),
        sa.Column("message_ref", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=False),
        sa.Column("terms", RowId, nullable=False),
        sa.Column("looks_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_service_watches_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_service_watches")),
    )
    op.create_table(
        "service_notices",
        sa.Column("contact_id", RowId, autoincrement=False, nullable=False),
        sa.Column("measure", sa.String(16), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.Column("percent", RowId, autoincrement=False, nullable=False),
        sa.Column("told_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_service_notices_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "measure", "since", "percent", name=op.f("pk_service_notices")),
    )
