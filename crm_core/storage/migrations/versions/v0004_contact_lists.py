"""Lists of a source's and of an operator's contacts, newest first, however many there are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column, condition in (("source_id", "id > 0"), ("operator_id", "operator_id > 0")):
        op.create_index(
            f"ix_contacts_{column.removesuffix('_id')}_created",
            "contacts",
            [column, "created_at"],
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )
