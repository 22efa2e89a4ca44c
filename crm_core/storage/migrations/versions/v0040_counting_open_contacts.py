"""What an operator holds of one source is counted in the index alone, without reading a row for each open contact."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_open = sa.text("status <> 'closed'")
    op.drop_index("ix_contacts_open_of_operator", table_name="contacts")
    op.create_index(
        "ix_contacts_open_of_operator",
        "contacts",
        ["operator_id", "source_id"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
