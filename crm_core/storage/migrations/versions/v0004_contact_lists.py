"""Lists of a source's and of an operator's contacts, newest first, however many there are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_contacts_source_created", "contacts", ["source_id", "created_at"])
    condition = sa.text("operator_id IS NOT NULL")
    op.create_index(
        "ix_contacts_operator_created", "contacts", ["operator_id", "created_at"],
        sqlite_where=condition, postgresql_where=condition,
    )  # fmt: skip
