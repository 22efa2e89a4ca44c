"""Contacts can be offered before they are an operator's. No source offers any after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

SUMS = (
    "returned_declined",
    "returned_missed",
    "sticky",
    "missed_declined",
    "missed_missed",
    "gained_declined",
    "gained_missed",
)


def upgrade() -> None:
    op.add_column("sources", sa.Column("offer_seconds", RowId, server_default="0", nullable=False))
    op.add_column("sources", sa.Column("offer_rounds", RowId, server_default="3", nullable=False))
    op.add_column("sources", sa.Column("miss_limit", RowId, server_default="3", nullable=False))
    op.add_column("sources", sa.Column("duty_operator_id", RowId, nullable=True))
    op.add_column("operators", sa.Column("missed_offers", RowId, server_default="0", nullable=False))
    op.add_column("contacts", sa.Column("offered_at", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("offer_ends_at", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("offers", RowId, server_default="0", nullable=False))
    op.add_column("contacts", sa.Column("waits_since", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("escalated_at", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("is_asked", sa.Boolean(), server_default=sa.false(), nullable=False))
    offered = sa.text("offered_at IS NOT NULL")
    op.create_index(
        "ix_contacts_offered", "contacts", ["offer_ends_at"], sqlite_where=offered, postgresql_where=offered
    )
    for sums in SUMS:
        op.add_column("tallies", sa.Column(sums, RowId, server_default="0", nullable=False))
    op.create_table(
        "asked",
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_asked_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=op.f("fk_asked_operator_id_operators")),
        sa.PrimaryKeyConstraint("contact_id", "operator_id", name=op.f("pk_asked")),
    )
    op.create_index(op.f("ix_asked_operator_id"), "asked", ["operator_id"])
